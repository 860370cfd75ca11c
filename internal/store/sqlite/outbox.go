package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

var errDeliveryLost = problem.New(problem.Conflict, "claim_lost", "Another worker has taken over this message.")

// destination is the key of a row of outbox_destinations. user is the number of the user, 0 for the server itself.
type destination struct {
	user       int64
	kind, name string
}

// EnqueueMessages stores messages.
func (s *Store) EnqueueMessages(ctx context.Context, messages []store.Message) (added int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	err = s.write(ctx, "enqueue messages", func(tx *sql.Tx) error {
		added, err = s.enqueue(ctx, tx, messages)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// enqueue writes messages in a transaction, but for those whose user is gone, or whose user's data was erased after they
// were made.
func (s *Store) enqueue(ctx context.Context, tx *sql.Tx, messages []store.Message) (added int, err error) {
	for i := range messages {
		m := &messages[i]
		user, err := s.outboxUser(ctx, tx, m.UserID, m.CreatedAt)
		switch {
		case problem.KindOf(err) == problem.NotFound || problem.KindOf(err) == problem.Conflict:
			continue
		case err != nil:
			return 0, err
		}
		isNew, err := enqueueTo(ctx, tx, destination{user, m.Kind, m.Destination}, m)
		if err != nil {
			return 0, err
		}
		if isNew {
			added++
		}
	}
	return added, nil
}

// outboxUser returns the number of a user, 0 for uuid.Nil. NotFound: there is no such user. Conflict: the user's data was
// erased after the given time; a zero time is after everything.
func (s *Store) outboxUser(ctx context.Context, tx *sql.Tx, id uuid.UUID, made time.Time) (int64, error) {
	if id == uuid.Nil {
		return 0, nil
	}
	user, err := s.userState(ctx, tx, id)
	if err == nil && !made.IsZero() {
		err = user.accepts(health.InstantOf(made))
	}
	return user.id, err
}

func enqueueTo(ctx context.Context, tx *sql.Tx, d destination, m *store.Message) (isNew bool, err error) {
	var number int64
	err = tx.QueryRowContext(ctx, `
		INSERT INTO outbox_destinations (user_id, kind, name, due_at, claimed_until, last_number) VALUES (?, ?, ?, 0, 0, 1)
		ON CONFLICT DO UPDATE SET last_number = last_number + 1 RETURNING last_number`, d.user, d.kind, d.name).Scan(&number)
	if err != nil {
		return false, err
	}
	isNew, err = changed(tx.ExecContext(ctx, `
		INSERT INTO outbox_messages (user_id, id, kind, destination, dedupe_key, number, state, created_at, due_at, finished_at,
			attempts, failure, payload)
		VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?, ?, 0, 0, '', ?) ON CONFLICT DO NOTHING`,
		d.user, m.ID[:], d.kind, d.name, cmp.Or(m.DedupeKey, m.ID.String()), number, toMicros(m.CreatedAt), toMicros(time.Now()),
		append([]byte{}, m.Payload...)))
	if err != nil || !isNew {
		return false, err
	}
	return true, advance(ctx, tx, d)
}

// advance makes a destination due with its first message that waits.
func advance(ctx context.Context, tx *sql.Tx, d destination) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE outbox_destinations SET due_at = coalesce((
			SELECT due_at FROM outbox_messages WHERE user_id = ?1 AND kind = ?2 AND destination = ?3 AND state = 'waiting'
			ORDER BY number LIMIT 1), 0)
		WHERE user_id = ?1 AND kind = ?2 AND name = ?3`, d.user, d.kind, d.name)
	return err
}

// ClaimMessage claims the destination that has been due the longest. It reads first: while nothing is due it keeps nobody
// from writing.
func (s *Store) ClaimMessage(ctx context.Context, kinds []string, d time.Duration) (claimed store.ClaimedMessage, err error) {
	none := backend.NotFound("due message")
	err = s.read(ctx, "look for due messages", func(tx *sql.Tx) error {
		found, _, err := firstDue(ctx, tx, kinds)
		if err == nil && !found {
			err = none
		}
		return err
	})
	if err != nil {
		return claimed, err
	}
	var found bool
	err = s.write(ctx, "claim message", func(tx *sql.Tx) error {
		for {
			due, to, err := firstDue(ctx, tx, kinds)
			if err != nil || !due {
				return err
			}
			if found, claimed.Message, err = claimFirst(ctx, tx, to); err != nil {
				return err
			}
			if !found { // somebody has deleted the messages by hand: do not look here again
				if err := advance(ctx, tx, to); err != nil {
					return err
				}
				continue
			}
			claimed.Claim = uuid.New()
			_, err = tx.ExecContext(ctx, `
				UPDATE outbox_destinations SET claim = ?, claimed_until = ? WHERE user_id = ? AND kind = ? AND name = ?`,
				claimed.Claim[:], toMicros(time.Now().Add(d)), to.user, to.kind, to.name)
			return err
		}
	})
	if err == nil && !found {
		err = none
	}
	return claimed, err
}

// claimFirst counts an attempt of the first message that waits for a destination, and returns it.
func claimFirst(ctx context.Context, tx *sql.Tx, d destination) (found bool, m store.Message, err error) {
	found, id, err := one(ctx, tx, scanUUID, `
		UPDATE outbox_messages SET attempts = attempts + 1 WHERE user_id = ?1 AND id = (
			SELECT id FROM outbox_messages WHERE user_id = ?1 AND kind = ?2 AND destination = ?3 AND state = 'waiting'
			ORDER BY number LIMIT 1)
		RETURNING id`, d.user, d.kind, d.name)
	if err != nil || !found {
		return false, m, err
	}
	m, err = scanMessage(tx.QueryRowContext(ctx, selectMessages+`WHERE m.user_id = ? AND m.id = ?`, d.user, id[:]))
	return err == nil, m, err
}

func scanUUID(row row) (id uuid.UUID, err error) {
	err = row.Scan(&id)
	return id, err
}

// firstDue finds the destination that has been due the longest and that nobody has a claim on.
func firstDue(ctx context.Context, tx *sql.Tx, kinds []string) (found bool, d destination, err error) {
	wanted, err := json.Marshal(kinds)
	if err != nil {
		return false, d, err
	}
	return one(ctx, tx, scanDestination, `
		SELECT user_id, kind, name FROM outbox_destinations
		WHERE due_at > 0 AND due_at <= ?1 AND claimed_until <= ?1 AND kind IN (SELECT value FROM json_each(?2))
		ORDER BY due_at LIMIT 1`, toMicros(time.Now()), string(wanted))
}

func scanDestination(row row) (d destination, err error) {
	err = row.Scan(&d.user, &d.kind, &d.name)
	return d, err
}

const selectMessages = `
SELECT coalesce(u.uuid, zeroblob(16)), m.id, m.created_at, m.attempts, m.kind, m.destination, m.dedupe_key, m.failure, m.payload
FROM outbox_messages m LEFT JOIN users u ON u.id = m.user_id
`

func scanMessage(row row) (m store.Message, err error) {
	var created int64
	err = row.Scan(&m.UserID, &m.ID, &created, &m.Attempts, &m.Kind, &m.Destination, &m.DedupeKey, &m.Failure, &m.Payload)
	m.CreatedAt = timeOf(created)
	return m, err
}

// MessageDelivered records that a message has arrived.
func (s *Store) MessageDelivered(ctx context.Context, claimed store.ClaimedMessage) error {
	return s.endClaim(ctx, "record delivery", claimed, `state = 'delivered', failure = '', payload = x'', finished_at = ?`, toMicros(time.Now()))
}

// MessageFailed records that an attempt has failed.
func (s *Store) MessageFailed(ctx context.Context, claimed store.ClaimedMessage, failure string, wait time.Duration) error {
	return s.endClaim(ctx, "record failed delivery", claimed, `failure = ?, due_at = ?`, failure, toMicros(time.Now().Add(wait)))
}

// MessageDead gives up a message.
func (s *Store) MessageDead(ctx context.Context, claimed store.ClaimedMessage, failure string) error {
	return s.endClaim(ctx, "give up message", claimed, `state = 'dead', failure = ?, finished_at = ?`, failure, toMicros(time.Now()))
}

// endClaim changes a message on which the claim still holds, ends the claim, and makes the destination due with the
// message that is the first now.
func (s *Store) endClaim(ctx context.Context, doing string, claimed store.ClaimedMessage, change string, args ...any) error {
	return s.write(ctx, doing, func(tx *sql.Tx) error {
		user, err := s.outboxUser(ctx, tx, claimed.UserID, time.Time{})
		if problem.KindOf(err) == problem.NotFound {
			return errDeliveryLost
		}
		if err != nil {
			return err
		}
		d := destination{user, claimed.Kind, claimed.Destination}
		held, err := changed(tx.ExecContext(ctx, `
			UPDATE outbox_destinations SET claim = NULL, claimed_until = 0 WHERE user_id = ? AND kind = ? AND name = ? AND claim = ?`,
			d.user, d.kind, d.name, claimed.Claim[:]))
		if held && err == nil {
			// #nosec G202 -- the changes are constants
			held, err = changed(tx.ExecContext(ctx, `UPDATE outbox_messages SET `+change+` WHERE user_id = ? AND id = ? AND state = 'waiting'`,
				append(args, d.user, claimed.ID[:])...))
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
	err = s.read(ctx, "list dead messages", func(tx *sql.Tx) error {
		number, err := s.outboxUser(ctx, tx, user, time.Time{})
		if problem.KindOf(err) == problem.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		dead, err = list(ctx, tx, scanMessage, selectMessages+`WHERE m.user_id = ? AND m.id > ? AND m.state = 'dead' ORDER BY m.id LIMIT ?`,
			number, after[:], limit)
		return err
	})
	return dead, err
}

// RequeueMessage makes a dead message wait again.
func (s *Store) RequeueMessage(ctx context.Context, user, id uuid.UUID) error {
	return s.write(ctx, "requeue message", func(tx *sql.Tx) error {
		number, err := s.outboxUser(ctx, tx, user, time.Time{})
		if err != nil {
			return err
		}
		found, d, err := one(ctx, tx, scanDestination, `
			UPDATE outbox_messages SET state = 'waiting', finished_at = 0, due_at = ?, attempts = 0
			WHERE user_id = ? AND id = ? AND state = 'dead' RETURNING user_id, kind, destination`, toMicros(time.Now()), number, id[:])
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
	return s.write(ctx, "drop old messages", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			DELETE FROM outbox_messages WHERE finished_at > 0
				AND (state = 'delivered' AND finished_at < ? OR state = 'dead' AND finished_at < ?)`, toMicros(delivered), toMicros(dead))
		return err
	})
}

// OutboxBacklog counts messages.
func (s *Store) OutboxBacklog(ctx context.Context) (b store.OutboxBacklog, err error) {
	err = s.read(ctx, "count messages", func(tx *sql.Tx) error {
		var oldest int64
		err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(min(created_at), 0) FROM outbox_messages WHERE state = 'waiting'`).
			Scan(&b.Waiting, &oldest)
		if err != nil {
			return err
		}
		b.Oldest = timeOf(oldest)
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM outbox_messages WHERE state = 'dead'`).Scan(&b.Dead)
	})
	return b, err
}
