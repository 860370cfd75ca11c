package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// All statements here are those of one shard of Citus, but for dropping, counting and looking for what is due. The clock
// is statement_timestamp(), which Citus takes in an UPDATE of a table that is spread, unlike clock_timestamp().

var errDeliveryLost = problem.New(problem.Conflict, "claim_lost", "Another worker has taken over this message.")

// destination is the key of a row of outbox_destinations.
type destination struct {
	user       uuid.UUID
	kind, name string
}

func destinationOf(m *store.Message) destination { return destination{m.UserID, m.Kind, m.Destination} }

func (d destination) compare(other destination) int {
	return cmp.Or(slices.Compare(d.user[:], other.user[:]), strings.Compare(d.kind, other.kind), strings.Compare(d.name, other.name))
}

// EnqueueMessages stores messages.
func (s *Store) EnqueueMessages(ctx context.Context, messages []store.Message) (added int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	err = s.onConnection(ctx, "enqueue messages", func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, s.begin+sequentialShards, func(ctx context.Context, tx pgx.Tx) error {
			accepted, err := notErased(ctx, tx, messages)
			if err != nil {
				return err
			}
			added, err = enqueue(ctx, tx, accepted)
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// notErased returns the messages whose user is there, with data that was not erased after they were made. Until the
// transaction ends nobody erases it.
func notErased(ctx context.Context, tx pgx.Tx, messages []store.Message) (accepted []store.Message, err error) {
	var users []uuid.UUID
	for i := range messages {
		if user := messages[i].UserID; user != uuid.Nil {
			users = append(users, user)
		}
	}
	erased, err := lockErasures(ctx, tx, users)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		at, known := erased[messages[i].UserID]
		if messages[i].UserID == uuid.Nil || known && health.InstantOf(messages[i].CreatedAt) > at {
			accepted = append(accepted, messages[i])
		}
	}
	return accepted, nil
}

// enqueue writes messages in a transaction during which none of their users is erased. Destinations are locked in their
// order, so that two who enqueue do not wait for each other.
func enqueue(ctx context.Context, tx pgx.Tx, messages []store.Message) (added int, err error) {
	messages = slices.Clone(messages)
	slices.SortStableFunc(messages, func(a, b store.Message) int { return destinationOf(&a).compare(destinationOf(&b)) })
	for len(messages) > 0 {
		d, n := destinationOf(&messages[0]), 1
		for n < len(messages) && destinationOf(&messages[n]) == d {
			n++
		}
		written, err := enqueueTo(ctx, tx, d, messages[:n])
		if err != nil {
			return 0, err
		}
		added, messages = added+written, messages[n:]
	}
	return added, nil
}

func enqueueTo(ctx context.Context, tx pgx.Tx, d destination, messages []store.Message) (added int, err error) {
	var last int64
	err = tx.QueryRow(ctx, `
		INSERT INTO outbox_destinations (user_id, kind, name, claimed_until, last_number) VALUES ($1, $2, $3, 'epoch', $4)
		ON CONFLICT (user_id, kind, name) DO UPDATE SET last_number = outbox_destinations.last_number + excluded.last_number
		RETURNING last_number`, d.user, d.kind, d.name, int64(len(messages))).Scan(&last)
	if err != nil {
		return 0, err
	}
	batch := &pgx.Batch{}
	for i := range messages {
		m := &messages[i]
		batch.Queue(`
			INSERT INTO outbox_messages (user_id, id, created_at, due_at, number, attempts, state, kind, destination, dedupe_key,
				failure, payload)
			VALUES ($1, $2, $3, statement_timestamp(), $4, 0, 'waiting', $5, $6, $7, '', $8) ON CONFLICT DO NOTHING`,
			d.user, m.ID, m.CreatedAt, last-int64(len(messages)-1-i), d.kind, d.name, cmp.Or(m.DedupeKey, m.ID.String()),
			append([]byte{}, m.Payload...))
	}
	results := tx.SendBatch(ctx, batch)
	for range messages {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close()
			return 0, err
		}
		added += int(tag.RowsAffected())
	}
	if err := results.Close(); err != nil || added == 0 {
		return 0, err
	}
	return added, advance(ctx, tx, d)
}

// advance makes a destination due with its first message that waits. The transaction has locked its row.
func advance(ctx context.Context, tx pgx.Tx, d destination) error {
	_, due, err := one(ctx, tx, scanTime, `
		SELECT due_at FROM outbox_messages WHERE user_id = $1 AND kind = $2 AND destination = $3 AND state = 'waiting'
		ORDER BY number LIMIT 1`, d.user, d.kind, d.name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE outbox_destinations SET due_at = $4 WHERE user_id = $1 AND kind = $2 AND name = $3`,
		d.user, d.kind, d.name, nullableTime(due))
	return err
}

func scanTime(row pgx.Row) (t time.Time, err error) {
	err = row.Scan(timeInto{&t})
	return t, err
}

// ClaimMessage claims the destination that has been due the longest. Candidates are read without a lock; the claim itself
// is one statement on one row, which finds out whether another worker was quicker.
func (s *Store) ClaimMessage(ctx context.Context, kinds []string, d time.Duration) (claimed store.ClaimedMessage, err error) {
	for {
		var due []destination
		err := s.read(ctx, "look for due messages", func(ctx context.Context, conn querier) (err error) {
			due, err = list(ctx, conn, scanDestination, `
				SELECT user_id, kind, name FROM outbox_destinations
				WHERE due_at <= statement_timestamp() AND claimed_until <= statement_timestamp() AND kind = ANY ($1)
				ORDER BY due_at LIMIT $2`, kinds, claimCandidates)
			return err
		})
		if err != nil {
			return claimed, err
		}
		if len(due) == 0 {
			return claimed, backend.NotFound("due message")
		}
		for _, candidate := range due {
			found, claimed, err := s.claimFirst(ctx, candidate, d)
			if found || err != nil {
				return claimed, err
			}
		}
	}
}

func scanDestination(row pgx.Row) (d destination, err error) {
	err = row.Scan(&d.user, &d.kind, &d.name)
	return d, err
}

// claimFirst claims a destination and returns its first message; found is false where another worker has it since it was
// looked for.
func (s *Store) claimFirst(ctx context.Context, to destination, d time.Duration) (found bool, c store.ClaimedMessage, err error) {
	err = s.write(ctx, "claim message", func(ctx context.Context, tx pgx.Tx) (err error) {
		c.Claim = uuid.New()
		found, err = changed(ctx, tx, `
			UPDATE outbox_destinations SET claim = $4, claimed_until = statement_timestamp() + $5::interval
			WHERE user_id = $1 AND kind = $2 AND name = $3
				AND due_at <= statement_timestamp() AND claimed_until <= statement_timestamp()`,
			to.user, to.kind, to.name, c.Claim, d)
		if !found || err != nil {
			return err
		}
		there, id, err := one(ctx, tx, scanID, `
			SELECT id FROM outbox_messages WHERE user_id = $1 AND kind = $2 AND destination = $3 AND state = 'waiting'
			ORDER BY number LIMIT 1`, to.user, to.kind, to.name)
		if err != nil {
			return err
		}
		if !there { // somebody has deleted the messages by hand: do not look here again
			found = false
			_, err := tx.Exec(ctx, `
				UPDATE outbox_destinations SET claim = NULL, claimed_until = 'epoch', due_at = NULL
				WHERE user_id = $1 AND kind = $2 AND name = $3`, to.user, to.kind, to.name)
			return err
		}
		c.Message, err = scanMessage(tx.QueryRow(ctx, `
			UPDATE outbox_messages SET attempts = attempts + 1 WHERE user_id = $1 AND id = $2 RETURNING `+messageColumns,
			to.user, id))
		return err
	})
	return found && err == nil, c, err
}

func scanID(row pgx.Row) (id uuid.UUID, err error) {
	err = row.Scan(&id)
	return id, err
}

const messageColumns = `user_id, id, created_at, attempts, kind, destination, dedupe_key, failure, payload`

func scanMessage(row pgx.Row) (m store.Message, err error) {
	err = row.Scan(&m.UserID, &m.ID, timeInto{&m.CreatedAt}, &m.Attempts, &m.Kind, &m.Destination, &m.DedupeKey, &m.Failure, &m.Payload)
	return m, err
}

// MessageDelivered records that a message has arrived.
func (s *Store) MessageDelivered(ctx context.Context, claimed store.ClaimedMessage) error {
	return s.endClaim(ctx, "record delivery", claimed, `state = 'delivered', finished_at = statement_timestamp(), failure = '', payload = ''`)
}

// MessageFailed records that an attempt has failed.
func (s *Store) MessageFailed(ctx context.Context, claimed store.ClaimedMessage, failure string, wait time.Duration) error {
	return s.endClaim(ctx, "record failed delivery", claimed, `due_at = statement_timestamp() + $4::interval, failure = $3`, failure, wait)
}

// MessageDead gives up a message.
func (s *Store) MessageDead(ctx context.Context, claimed store.ClaimedMessage, failure string) error {
	return s.endClaim(ctx, "give up message", claimed, `state = 'dead', finished_at = statement_timestamp(), failure = $3`, failure)
}

// endClaim changes a message on which the claim still holds, ends the claim, and makes the destination due with the
// message that is the first now.
func (s *Store) endClaim(ctx context.Context, doing string, claimed store.ClaimedMessage, change string, args ...any) error {
	d := destinationOf(&claimed.Message)
	return s.write(ctx, doing, func(ctx context.Context, tx pgx.Tx) error {
		held, err := changed(ctx, tx, `
			UPDATE outbox_destinations SET claim = NULL, claimed_until = 'epoch'
			WHERE user_id = $1 AND kind = $2 AND name = $3 AND claim = $4`, d.user, d.kind, d.name, claimed.Claim)
		if err != nil {
			return err
		}
		if held {
			held, err = changed(ctx, tx, `UPDATE outbox_messages SET `+change+` WHERE user_id = $1 AND id = $2 AND state = 'waiting'`,
				append([]any{d.user, claimed.ID}, args...)...)
		}
		if err == nil && !held {
			err = errDeliveryLost
		}
		if err != nil {
			return err
		}
		return advance(ctx, tx, d)
	})
}

// DeadMessages returns the messages of a user that were given up.
func (s *Store) DeadMessages(ctx context.Context, user, after uuid.UUID, limit int) (dead []store.Message, err error) {
	err = s.read(ctx, "list dead messages", func(ctx context.Context, conn querier) (err error) {
		dead, err = list(ctx, conn, scanMessage, `
			SELECT `+messageColumns+` FROM outbox_messages WHERE user_id = $1 AND id > $2 AND state = 'dead' ORDER BY id LIMIT $3`,
			user, after, limit)
		return err
	})
	return dead, err
}

// RequeueMessage makes a dead message wait again.
func (s *Store) RequeueMessage(ctx context.Context, user, id uuid.UUID) error {
	return s.write(ctx, "requeue message", func(ctx context.Context, tx pgx.Tx) error {
		found, d, err := one(ctx, tx, scanDestination,
			`SELECT user_id, kind, destination FROM outbox_messages WHERE user_id = $1 AND id = $2 AND state = 'dead'`, user, id)
		if err != nil {
			return err
		}
		if found { // the destination first, as everywhere
			found, err = changed(ctx, tx, `
				UPDATE outbox_destinations SET last_number = last_number WHERE user_id = $1 AND kind = $2 AND name = $3`,
				d.user, d.kind, d.name)
		}
		if found && err == nil {
			found, err = changed(ctx, tx, `
				UPDATE outbox_messages SET state = 'waiting', finished_at = NULL, due_at = statement_timestamp(), attempts = 0
				WHERE user_id = $1 AND id = $2 AND state = 'dead'`, user, id)
		}
		if err != nil {
			return err
		}
		if !found {
			return backend.NotFound("dead message")
		}
		return advance(ctx, tx, d)
	})
}

// DropMessagesBefore deletes what was delivered, and what died, before the given times.
func (s *Store) DropMessagesBefore(ctx context.Context, delivered, dead time.Time) error {
	return s.write(ctx, "drop old messages", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			DELETE FROM outbox_messages WHERE finished_at IS NOT NULL
				AND (state = 'delivered' AND finished_at < $1 OR state = 'dead' AND finished_at < $2)`, delivered, dead)
		return err
	})
}

// OutboxBacklog counts messages.
func (s *Store) OutboxBacklog(ctx context.Context) (b store.OutboxBacklog, err error) {
	err = s.read(ctx, "count messages", func(ctx context.Context, conn querier) error {
		err := conn.QueryRow(ctx, `SELECT count(*), min(created_at) FROM outbox_messages WHERE state = 'waiting'`).
			Scan(&b.Waiting, timeInto{&b.Oldest})
		if err != nil {
			return err
		}
		return conn.QueryRow(ctx, `SELECT count(*) FROM outbox_messages WHERE state = 'dead'`).Scan(&b.Dead)
	})
	return b, err
}
