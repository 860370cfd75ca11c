package postgres

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const nightColumns = `id, date, source, sleep_start, sleep_end, in_bed_start, in_bed_end, utc_offset,
	total, asleep, core, deep, rem, awake, in_bed, attributes, received_at,
	start_offset, field_orders`

const putNight = `
INSERT INTO sleep_metrics (user_id, ` + nightColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (user_id, date, id) DO UPDATE SET sleep_start = excluded.sleep_start, sleep_end = excluded.sleep_end,
	in_bed_start = excluded.in_bed_start, in_bed_end = excluded.in_bed_end, utc_offset = excluded.utc_offset,
	total = excluded.total, asleep = excluded.asleep, core = excluded.core, deep = excluded.deep, rem = excluded.rem,
	awake = excluded.awake, in_bed = excluded.in_bed, attributes = excluded.attributes, received_at = excluded.received_at,
	start_offset = excluded.start_offset, field_orders = excluded.field_orders`

const deleteNight = `DELETE FROM sleep_metrics WHERE user_id = $1 AND date = $2 AND id = $3`

// WriteNights stores summed sleep.
func (s *Store) WriteNights(ctx context.Context, body store.Body, batch []health.Night) (store.Written, error) {
	return s.writeElements(ctx, body, "write nights", len(batch), func(ctx context.Context, tx pgx.Tx, p *plan) error {
		user := body.User
		var dates []pgtype.Date
		for i := range batch {
			for day := batch[i].Date - 1; day <= batch[i].Date+1; day++ { // see backend.StoredNights
				dates = append(dates, date(day))
			}
		}
		slices.SortFunc(dates, func(a, b pgtype.Date) int { return a.Time.Compare(b.Time) })
		stored, err := list(ctx, tx, scanNight, `SELECT `+nightColumns+` FROM sleep_metrics
			WHERE user_id = $1 AND date = ANY ($2) ORDER BY sleep_start, in_bed_start, id`, user, slices.Compact(dates))
		if err != nil {
			return err
		}
		nights := backend.NewStoredNights(stored)
		for i := range batch {
			added, err := nights.Add(&batch[i])
			if err != nil {
				return err
			}
			p.outcomes[i] = added.Outcome
			if !added.Write {
				continue
			}
			var statements []statement
			for j := range added.Removed {
				removed := &added.Removed[j]
				statements = append(statements, statement{sql: deleteNight, args: []any{user, date(removed.Date), removed.ID}})
			}
			p.write(i, added.Outcome, append(statements, statement{sql: putNight, args: nightArgs(user, &added.Night)})...)
		}
		return nil
	})
}

func nightArgs(user uuid.UUID, n *health.Night) []any {
	return []any{
		user, n.ID, date(n.Date), n.Source, nullableInstant(n.SleepStart), nullableInstant(n.SleepEnd), nullableInstant(n.InBedStart),
		nullableInstant(n.InBedEnd), n.Offset, nullableFloat(n.Total), nullableFloat(n.Asleep), nullableFloat(n.Core), nullableFloat(n.Deep), nullableFloat(n.REM),
		nullableFloat(n.Awake), nullableFloat(n.InBed), n.Attributes, timestamp(n.Order),
		n.StartOffset(), n.FieldOrders,
	}
}

func scanNight(row pgx.Row) (n health.Night, err error) {
	var startOffset *int32
	var orders *string
	err = row.Scan(&n.ID, dateInto{&n.Date}, &n.Source, instantInto{&n.SleepStart}, instantInto{&n.SleepEnd},
		instantInto{&n.InBedStart}, instantInto{&n.InBedEnd}, &n.Offset, floatInto{&n.Total}, floatInto{&n.Asleep},
		floatInto{&n.Core}, floatInto{&n.Deep}, floatInto{&n.REM}, floatInto{&n.Awake}, floatInto{&n.InBed},
		&n.Attributes, instantInto{&n.Order}, &startOffset, &orders)
	if n.FieldOrders = health.UnknownOrders; orders != nil {
		n.FieldOrders = *orders
	}
	if startOffset != nil {
		n.OffsetChange = n.Offset - *startOffset
	}
	return n, err
}

// Nights returns the nights whose date is from the first to the last.
func (s *Store) Nights(ctx context.Context, user uuid.UUID, first, last health.Date) (nights []health.Night, err error) {
	err = s.read(ctx, "read nights", func(ctx context.Context, conn querier) error {
		nights, err = list(ctx, conn, scanNight, `SELECT `+nightColumns+` FROM sleep_metrics
			WHERE user_id = $1 AND date BETWEEN $2 AND $3`, user, date(first), date(last))
		return err
	})
	backend.SortNights(nights)
	return nights, err
}

const segmentColumns = `started_at, ended_at, source, stage, utc_offset, attributes, end_offset`

// putSegment is a batched statement.
const putSegment = `
INSERT INTO sleep_segments (user_id, ` + segmentColumns + `)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::integer[], $7::text[],
	$8::integer[])
ON CONFLICT (user_id, started_at, ended_at, source, stage) DO UPDATE SET utc_offset = excluded.utc_offset,
	attributes = excluded.attributes, end_offset = excluded.end_offset`

// segmentKey identifies a segment of a user.
type segmentKey struct {
	start, end health.Instant
	source     string
	stage      health.Stage
}

func newSegmentKey(s *health.Segment) segmentKey {
	return segmentKey{s.Start, s.End, s.Source, s.Stage}
}

// WriteSegments stores stages of sleep.
func (s *Store) WriteSegments(ctx context.Context, body store.Body, batch []health.Segment) (store.Written, error) {
	return s.writeElements(ctx, body, "write segments", len(batch), func(ctx context.Context, tx pgx.Tx, p *plan) error {
		user := body.User
		starts := make([]pgtype.Timestamptz, len(batch))
		for i := range batch {
			starts[i] = timestamp(batch[i].Start)
		}
		stored, err := list(ctx, tx, scanSegment, `SELECT `+segmentColumns+` FROM sleep_segments
			WHERE user_id = $1 AND started_at = ANY ($2)`, user, starts)
		if err != nil {
			return err
		}
		existing := map[segmentKey]*health.Segment{}
		for i := range stored {
			existing[newSegmentKey(&stored[i])] = &stored[i]
		}
		for i := range batch {
			segment, outcome := batch[i], health.Inserted
			if known := existing[newSegmentKey(&segment)]; known != nil {
				outcome, segment.Attributes = health.Updated, health.MergeAttributes(known.Attributes, segment.Attributes)
				if segment.Attributes == known.Attributes {
					p.outcomes[i] = health.Unchanged
					continue
				}
			}
			p.write(i, outcome, statement{sql: putSegment, batched: true, args: []any{
				user, timestamp(segment.Start), timestamp(segment.End), segment.Source, string(segment.Stage), segment.Offset,
				segment.Attributes, segment.EndOffset(),
			}})
		}
		return nil
	})
}

func scanSegment(row pgx.Row) (s health.Segment, err error) {
	var endOffset *int32
	err = row.Scan(instantInto{&s.Start}, instantInto{&s.End}, &s.Source, &s.Stage, &s.Offset, &s.Attributes, &endOffset)
	if endOffset != nil {
		s.OffsetChange = *endOffset - s.Offset
	}
	return s, err
}

// Segments returns the segments that end in the range.
func (s *Store) Segments(ctx context.Context, user uuid.UUID, r store.Range) (segments []health.Segment, err error) {
	c := condition{text: `user_id = $1`, args: []any{user}}
	c.within("ended_at", r)
	err = s.read(ctx, "read segments", func(ctx context.Context, conn querier) error {
		segments, err = list(ctx, conn, scanSegment, `SELECT `+segmentColumns+` FROM sleep_segments WHERE `+c.text+
			` ORDER BY started_at, ended_at, source, stage`, c.args...)
		return err
	})
	return segments, err
}

// SleepRule returns the rule that the user has set, or the default.
func (s *Store) SleepRule(ctx context.Context, user uuid.UUID) (aggregate.SleepRule, error) {
	rule := aggregate.SleepRule{Gap: aggregate.DefaultSleepGap}
	err := s.read(ctx, "read sleep rule", func(ctx context.Context, conn querier) error {
		found, gap, err := one(ctx, conn, func(row pgx.Row) (gap int64, err error) {
			err = row.Scan(&gap)
			return gap, err
		}, `SELECT gap FROM sleep_rules WHERE user_id = $1`, user)
		if found {
			rule.Gap = health.Instant(gap)
		}
		return err
	})
	return rule, err
}

// SetSleepRule replaces the user's rule.
func (s *Store) SetSleepRule(ctx context.Context, user uuid.UUID, rule aggregate.SleepRule) error {
	return s.writeReceived(ctx, user, 0, "replace sleep rule", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sleep_rules (user_id, gap) VALUES ($1, $2)
			ON CONFLICT (user_id) DO UPDATE SET gap = excluded.gap`, user, int64(rule.Gap))
		return err
	})
}
