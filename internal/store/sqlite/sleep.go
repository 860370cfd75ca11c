package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const nightColumns = `date, source, id, sleep_start, sleep_end, in_bed_start, in_bed_end, utc_offset,
	total, asleep, core, deep, rem, awake, in_bed, attributes, received, start_offset, field_orders`

// WriteNights stores summed sleep.
func (s *Store) WriteNights(ctx context.Context, body store.Body, batch []health.Night) (store.Written, error) {
	return s.writeElements(ctx, body, "write nights", len(batch), func(tx *sql.Tx, user int64, i int) (health.Outcome, error) {
		return writeNight(ctx, tx, body, user, &batch[i])
	})
}

func writeNight(ctx context.Context, tx *sql.Tx, body store.Body, user int64, sent *health.Night) (health.Outcome, error) {
	stored, err := list(ctx, tx, scanNight, `SELECT `+nightColumns+
		` FROM sleep_metrics WHERE user_id = ? AND date BETWEEN ? AND ? AND source = ? ORDER BY sleep_start, in_bed_start, id`,
		user, int64(sent.Date)-1, int64(sent.Date)+1, sent.Source) // see backend.StoredNights
	if err != nil {
		return 0, err
	}
	added, err := backend.NewStoredNights(stored).Add(sent)
	if err != nil || !added.Write {
		return added.Outcome, err
	}
	for i := range added.Removed {
		removed := &added.Removed[i]
		if _, err := tx.ExecContext(ctx, `DELETE FROM sleep_metrics WHERE user_id = ? AND date = ? AND source = ? AND id = ?`,
			user, int64(removed.Date), removed.Source, removed.ID[:]); err != nil {
			return 0, err
		}
	}
	return added.Outcome, putNight(ctx, tx, user, &added.Night)
}

func putNight(ctx context.Context, tx *sql.Tx, user int64, n *health.Night) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO sleep_metrics (user_id, `+nightColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, int64(n.Date), n.Source, n.ID[:],
		int64(n.SleepStart), int64(n.SleepEnd), int64(n.InBedStart), int64(n.InBedEnd), n.Offset,
		nullableFloat(n.Total), nullableFloat(n.Asleep), nullableFloat(n.Core), nullableFloat(n.Deep), nullableFloat(n.REM), nullableFloat(n.Awake),
		nullableFloat(n.InBed), n.Attributes, int64(n.Order), n.StartOffset(), n.FieldOrders)
	return err
}

func scanNight(row row) (n health.Night, err error) {
	var startOffset sql.Null[int32]
	var orders sql.Null[string]
	err = row.Scan(&n.Date, &n.Source, &n.ID, &n.SleepStart, &n.SleepEnd, &n.InBedStart, &n.InBedEnd, &n.Offset,
		floatInto{&n.Total}, floatInto{&n.Asleep}, floatInto{&n.Core}, floatInto{&n.Deep}, floatInto{&n.REM},
		floatInto{&n.Awake}, floatInto{&n.InBed}, &n.Attributes, &n.Order, &startOffset, &orders)
	if n.FieldOrders = health.UnknownOrders; orders.Valid {
		n.FieldOrders = orders.V
	}
	if startOffset.Valid {
		n.OffsetChange = n.Offset - startOffset.V
	}
	return n, err
}

// Nights returns the nights whose date is from the first to the last.
func (s *Store) Nights(ctx context.Context, user uuid.UUID, first, last health.Date) (nights []health.Night, err error) {
	err = s.readOf(ctx, user, "read nights", func(tx *sql.Tx, userID int64) error {
		nights, err = list(ctx, tx, scanNight, `SELECT `+nightColumns+
			` FROM sleep_metrics WHERE user_id = ? AND date BETWEEN ? AND ?`, userID, int64(first), int64(last))
		return err
	})
	backend.SortNights(nights)
	return nights, err
}

const segmentColumns = `start_time, end_time, source, stage, utc_offset, attributes, end_offset`

// WriteSegments stores stages of sleep.
func (s *Store) WriteSegments(ctx context.Context, body store.Body, batch []health.Segment) (store.Written, error) {
	return s.writeElements(ctx, body, "write segments", len(batch), func(tx *sql.Tx, user int64, i int) (health.Outcome, error) {
		return writeSegment(ctx, tx, user, &batch[i])
	})
}

func writeSegment(ctx context.Context, tx *sql.Tx, user int64, sent *health.Segment) (health.Outcome, error) {
	found, stored, err := one(ctx, tx, scanSegment, `SELECT `+segmentColumns+` FROM sleep_segments
		WHERE user_id = ? AND start_time = ? AND end_time = ? AND source = ? AND stage = ?`,
		user, int64(sent.Start), int64(sent.End), sent.Source, string(sent.Stage))
	if err != nil {
		return 0, err
	}
	outcome, segment := health.Inserted, *sent
	if found {
		outcome, segment.Attributes = health.Updated, health.MergeAttributes(stored.Attributes, sent.Attributes)
		if segment.Attributes == stored.Attributes {
			return health.Unchanged, nil
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO sleep_segments (user_id, `+segmentColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, user, int64(segment.Start), int64(segment.End), segment.Source,
		string(segment.Stage), segment.Offset, segment.Attributes, segment.EndOffset())
	return outcome, err
}

func scanSegment(row row) (s health.Segment, err error) {
	var endOffset sql.Null[int32]
	err = row.Scan(&s.Start, &s.End, &s.Source, &s.Stage, &s.Offset, &s.Attributes, &endOffset)
	if endOffset.Valid {
		s.OffsetChange = endOffset.V - s.Offset
	}
	return s, err
}

// Segments returns the segments that end in the range.
func (s *Store) Segments(ctx context.Context, user uuid.UUID, r store.Range) (segments []health.Segment, err error) {
	within, args := between("end_time", r)
	err = s.readOf(ctx, user, "read segments", func(tx *sql.Tx, userID int64) error {
		segments, err = list(ctx, tx, scanSegment, `SELECT `+segmentColumns+` FROM sleep_segments WHERE user_id = ?`+within+
			` ORDER BY start_time, end_time, source, stage`, append([]any{userID}, args...)...)
		return err
	})
	return segments, err
}

// between is the condition that a column lies in a range, with its parameters.
func between(column string, r store.Range) (condition string, args []any) {
	if r.From != 0 {
		condition, args = condition+` AND `+column+` >= ?`, append(args, int64(r.From))
	}
	if r.To != 0 {
		condition, args = condition+` AND `+column+` < ?`, append(args, int64(r.To))
	}
	return condition, args
}

// SleepRule returns the rule that the user has set, or the default.
func (s *Store) SleepRule(ctx context.Context, user uuid.UUID) (aggregate.SleepRule, error) {
	rule := aggregate.SleepRule{Gap: aggregate.DefaultSleepGap}
	err := s.readOf(ctx, user, "read sleep rule", func(tx *sql.Tx, userID int64) error {
		found, gap, err := one(ctx, tx, scanInteger, `SELECT gap FROM sleep_rules WHERE user_id = ?`, userID)
		if found {
			rule.Gap = health.Instant(gap)
		}
		return err
	})
	return rule, err
}

// SetSleepRule replaces the user's rule.
func (s *Store) SetSleepRule(ctx context.Context, user uuid.UUID, rule aggregate.SleepRule) error {
	return s.writeOf(ctx, user, "replace sleep rule", func(tx *sql.Tx, userID int64) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sleep_rules (user_id, gap) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET gap = excluded.gap`, userID, int64(rule.Gap))
		return err
	})
}
