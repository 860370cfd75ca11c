package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

const eventColumns = `kind, app_id, digest, name, start_time, end_time, utc_offset, source, attributes, received`

const eventByKey = ` FROM events WHERE user_id = ? AND kind = ? AND app_id = ? AND key_name = ? AND key_start = ? AND digest = ?`

// WriteEvents stores events.
func (s *Store) WriteEvents(ctx context.Context, body store.Body, batch []health.Event) (store.Written, error) {
	taken := map[health.EventKey]bool{}
	return s.writeElements(ctx, body, "write events", len(batch), func(tx *sql.Tx, user int64, i int) (health.Outcome, error) {
		sent := batch[i]
		if sent.Numbered() {
			stored, err := list(ctx, tx, scanEvent, `SELECT `+eventColumns+` FROM events
				WHERE user_id = ? AND kind = ? AND app_id = '' AND key_name = ? AND key_start = ? ORDER BY digest`,
				user, sent.Kind, sent.Name, int64(sent.Start))
			if err != nil {
				return 0, err
			}
			sent.Digest = sent.DigestAmong(stored, taken)
		}
		return writeEvent(ctx, tx, body, user, &sent)
	})
}

func writeEvent(ctx context.Context, tx *sql.Tx, body store.Body, user int64, sent *health.Event) (health.Outcome, error) {
	key := sent.Key()
	found, event, err := one(ctx, tx, scanEvent, `SELECT `+eventColumns+eventByKey,
		user, key.Kind, key.AppID, key.Name, int64(key.Start), key.Digest)
	if err != nil {
		return 0, err
	}
	outcome := health.Inserted
	switch {
	case !found:
		event = *sent
	case event.MergeFrom(sent):
		outcome = health.Updated
	case body.Raise(&event.Order, sent.Order):
		outcome = health.Unchanged
	default:
		return health.Unchanged, nil
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO events (user_id, key_name, key_start, `+eventColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, key.Name, int64(key.Start), event.Kind, event.AppID, key.Digest, event.Name,
		int64(event.Start), int64(event.End), event.Offset, event.Source, event.Attributes, int64(event.Order))
	return outcome, err
}

func scanEvent(row row) (e health.Event, err error) {
	err = row.Scan(&e.Kind, &e.AppID, &e.Digest, &e.Name, &e.Start, &e.End, &e.Offset, &e.Source, &e.Attributes, &e.Order)
	return e, err
}

// Events returns events ordered by start, kind, name, app id and digest.
func (s *Store) Events(ctx context.Context, user uuid.UUID, query store.EventQuery) (events []health.Event, err error) {
	err = s.readOf(ctx, user, "read events", func(tx *sql.Tx, userID int64) error {
		text, args := `SELECT `+eventColumns+` FROM events WHERE user_id = ?`, []any{userID}
		add := func(condition string, more []any) {
			text += condition
			args = append(args, more...)
		}
		r := query.Range
		if query.After != nil {
			last, err := eventAt(ctx, tx, userID, query.After)
			if err != nil {
				return err
			}
			add(` AND (start_time, kind, name, app_id, digest) > (?, ?, ?, ?, ?)`,
				[]any{int64(last.Start), last.Kind, last.Name, last.AppID, last.Digest})
			if r.From != 0 {
				r.From = max(r.From, last.Start) // follows from the above, and lets the index begin there
			}
		}
		add(between("start_time", r))
		if query.Kind != "" {
			add(` AND kind = ?`, []any{query.Kind})
		}
		if query.Name != "" {
			add(` AND name = ?`, []any{query.Name})
		}
		limit := query.Limit
		if limit == 0 {
			limit = -1
		}
		add(` ORDER BY start_time, kind, name, app_id, digest LIMIT ?`, []any{limit})
		events, err = list(ctx, tx, scanEvent, text, args...)
		return err
	})
	return events, err
}

// eventAt returns the event with a key, because the key of an event with an app id does not have its place in the order.
// Where it is not stored, the fields of the key are returned.
func eventAt(ctx context.Context, tx *sql.Tx, user int64, key *health.EventKey) (health.Event, error) {
	found, event, err := one(ctx, tx, scanEvent, `SELECT `+eventColumns+eventByKey,
		user, key.Kind, key.AppID, key.Name, int64(key.Start), key.Digest)
	if !found {
		event = health.Event{Kind: key.Kind, AppID: key.AppID, Name: key.Name, Start: key.Start, Digest: key.Digest}
	}
	return event, err
}
