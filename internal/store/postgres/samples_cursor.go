package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// sampleCursor reads the samples of one series in the order of their key.
type sampleCursor struct {
	store *Store
	user  uuid.UUID
	metric
	grain      health.Grain
	starts     store.Range // of the starts
	query      string
	args       [][]byte
	from, last health.Instant // of recorded_at: where the next page begins, and where to stop
	after      *health.SampleKey

	page  []health.Sample
	taken int
	size  int64 // of the next page
	done  bool  // there is no next page
}

// Rows of one time are in an order of their own in the table, because they are to be ordered by the names of their
// sources. So pages end between two times.
const pageQuery = " FROM %s t WHERE"

func newSampleCursor(s *Store, user uuid.UUID, m metric, grain health.Grain, source int32, q *store.SampleQuery) *sampleCursor {
	c := &sampleCursor{
		store: s, user: user, metric: m, grain: grain, starts: q.Range,
		from: math.MinInt64 + epoch, last: math.MaxInt64, size: pageSize,
	}
	c.query = c.table.page
	c.args = [][]byte{
		user[:], binary.BigEndian.AppendUint16(nil, uint16(m.id)), binary.BigEndian.AppendUint32(nil, uint32(grain)),
	}
	if q.Source != "" {
		c.query = c.table.pageOfSource
		c.args = append(c.args, binary.BigEndian.AppendUint32(nil, uint32(source)))
	}
	return c
}
