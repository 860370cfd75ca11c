package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

const eventColumns = `kind, app_id, digest, name, started_at, ended_at, utc_offset, source, attributes, received_at`

// putEvent is a batched statement.
const putEvent = `
INSERT INTO events (user_id, identity, ` + eventColumns + `)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
	$9::integer[], $10::text[], $11::text[], $12::timestamptz[])
ON CONFLICT (user_id, identity) DO UPDATE SET name = excluded.name, started_at = excluded.started_at,
	ended_at = excluded.ended_at, utc_offset = excluded.utc_offset, source = excluded.source,
	attributes = excluded.attributes, received_at = excluded.received_at`

// eventIdentity turns a key into 16 bytes: half of a SHA-256 over its parts, each after its length.
func eventIdentity(key health.EventKey) (id uuid.UUID) {
	var text []byte
	for _, part := range []string{key.Kind, key.AppID, key.Name, key.Digest} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	digest := sha256.Sum256(binary.AppendVarint(text, int64(key.Start)))
	copy(id[:], digest[:])
	return id
}

// WriteEvents stores events.
func (s *Store) WriteEvents(ctx context.Context, body store.Body, batch []health.Event) (store.Written, error) {
	return s.writeElements(ctx, body, "write events", len(batch), func(ctx context.Context, tx pgx.Tx, p *plan) error {
		user := body.User
		batch, err := identifyEvents(ctx, tx, user, batch)
		if err != nil {
			return err
		}
		identities := make([]uuid.UUID, len(batch))
		for i := range batch {
			identities[i] = eventIdentity(batch[i].Key())
		}
		stored, err := list(ctx, tx, scanEvent, `SELECT `+eventColumns+` FROM events
			WHERE user_id = $1 AND identity = ANY ($2)`, user, identities)
		if err != nil {
			return err
		}
		existing := map[uuid.UUID]*health.Event{}
		for i := range stored {
			existing[eventIdentity(stored[i].Key())] = &stored[i]
		}
		for i := range batch {
			event, outcome := batch[i], health.Inserted
			if known := existing[identities[i]]; known != nil {
				outcome = health.Updated
				if !known.MergeFrom(&event) {
					outcome = health.Unchanged
					if !body.Raise(&known.Order, event.Order) {
						p.outcomes[i] = outcome
						continue
					}
				}
				event = *known
			}
			p.write(i, outcome, statement{sql: putEvent, batched: true, args: []any{
				user, identities[i], event.Kind, event.AppID, event.Digest, event.Name, timestamp(event.Start), nullableInstant(event.End),
				event.Offset, event.Source, event.Attributes, timestamp(event.Order),
			}})
		}
		return nil
	})
}

// identifyEvents returns the batch with the digests that its events are stored under.
func identifyEvents(ctx context.Context, tx pgx.Tx, user uuid.UUID, batch []health.Event) ([]health.Event, error) {
	var kinds []string
	var starts []time.Time
	for i := range batch {
		if batch[i].Numbered() {
			kinds, starts = append(kinds, batch[i].Kind), append(starts, batch[i].Start.Time())
		}
	}
	if len(kinds) == 0 {
		return batch, nil
	}
	found, err := list(ctx, tx, scanEvent, `SELECT `+eventColumns+` FROM events
		WHERE user_id = $1 AND app_id = '' AND (kind, started_at) IN (SELECT * FROM unnest($2::text[], $3::timestamptz[]))
		ORDER BY digest`, user, kinds, starts)
	if err != nil {
		return nil, err
	}
	stored := map[health.EventKey][]health.Event{}
	for _, e := range found {
		key := e.Key()
		key.Digest = ""
		stored[key] = append(stored[key], e)
	}
	batch, taken := slices.Clone(batch), map[health.EventKey]bool{}
	for i := range batch {
		if e := &batch[i]; e.Numbered() {
			key := e.Key()
			key.Digest = ""
			e.Digest = e.DigestAmong(stored[key], taken)
		}
	}
	return batch, nil
}

func scanEvent(row pgx.Row) (e health.Event, err error) {
	err = row.Scan(&e.Kind, &e.AppID, &e.Digest, &e.Name, instantInto{&e.Start}, instantInto{&e.End}, &e.Offset, &e.Source,
		&e.Attributes, instantInto{&e.Order})
	return e, err
}

// Events returns events ordered by start, kind, name, app id and digest.
func (s *Store) Events(ctx context.Context, user uuid.UUID, query store.EventQuery) (events []health.Event, err error) {
	err = s.snapshot(ctx, "read events", func(ctx context.Context, tx querier) error {
		c := condition{text: `user_id = $1`, args: []any{user}}
		c.within("started_at", query.Range)
		if query.Kind != "" {
			c.and(`kind = `, query.Kind)
		}
		if query.Name != "" {
			c.and(`name = `, query.Name)
		}
		if query.After != nil {
			last, err := eventAt(ctx, tx, user, query.After)
			if err != nil {
				return err
			}
			start := c.arg(timestamp(last.Start))
			// The first comparison follows from the second, but it is the one that can use an index.
			c.text += ` AND started_at >= ` + start + ` AND (started_at, kind, name, app_id, digest) > (` + start + `, ` +
				c.arg(last.Kind) + `, ` + c.arg(last.Name) + `, ` + c.arg(last.AppID) + `, ` + c.arg(last.Digest) + `)`
		}
		text := `SELECT ` + eventColumns + ` FROM events WHERE ` + c.text + ` ORDER BY started_at, kind, name, app_id, digest`
		if query.Limit > 0 {
			text += ` LIMIT ` + c.arg(query.Limit)
		}
		events, err = list(ctx, tx, scanEvent, text, c.args...)
		return err
	})
	return events, err
}

// eventAt returns the event with a key, because the key of an event with an app id does not have its place in the order.
// Where it is not stored, the fields of the key are returned.
func eventAt(ctx context.Context, q querier, user uuid.UUID, key *health.EventKey) (health.Event, error) {
	found, event, err := one(ctx, q, scanEvent, `SELECT `+eventColumns+` FROM events WHERE user_id = $1 AND identity = $2`,
		user, eventIdentity(*key))
	if !found {
		event = health.Event{Kind: key.Kind, AppID: key.AppID, Name: key.Name, Start: key.Start, Digest: key.Digest}
	}
	return event, err
}
