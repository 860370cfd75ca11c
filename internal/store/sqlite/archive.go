package sqlite

import (
	"context"
	"database/sql"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Put stores a new ingestion with its body, claimed by owner. Its StoredSize is what was read from body. A claim counts
// as the first attempt; with an empty owner it is not claimed.
func (s *Store) Put(ctx context.Context, ingestion health.Ingestion, body io.Reader, owner string, until time.Time) error {
	ingestion.Attempts = 0
	if owner != "" {
		ingestion.Attempts = 1
	}
	return s.writeReceived(ctx, ingestion.UserID, ingestion.PlaceInOrder(), "archive body", func(tx *sql.Tx, user int64) (err error) {
		if ingestion.StoredSize, err = putBody(ctx, tx, ingestion.ID, body); err != nil {
			return err
		}
		return insertIngestion(ctx, tx, user, &ingestion, owner, until)
	})
}

func putBody(ctx context.Context, tx *sql.Tx, id uuid.UUID, body io.Reader) (size int64, err error) {
	readError := func(err error) error { return err }
	return backend.WriteChunks(body, readError, func(index int, chunk []byte) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO raw_bodies (ingestion_id, piece, bytes) VALUES (?, ?, ?)`, id[:], index, chunk)
		return err
	})
}

// Body returns the stored body for reading. It holds no transaction while the caller reads: a body never changes.
func (s *Store) Body(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error) {
	ingestion, err := s.Ingestion(ctx, user, id)
	if err != nil {
		return nil, err
	}
	return backend.ReadChunks(ingestion.StoredSize, func(chunk int) (data []byte, err error) {
		err = s.read(ctx, "read body", func(tx *sql.Tx) error {
			err := tx.QueryRowContext(ctx, `SELECT bytes FROM raw_bodies WHERE ingestion_id = ? AND piece = ?`, id[:], chunk).Scan(&data)
			if isNoRows(err) {
				return io.ErrUnexpectedEOF
			}
			return err
		})
		return data, err
	}), nil
}

// Ingestion returns one ingestion without its body.
func (s *Store) Ingestion(ctx context.Context, user, id uuid.UUID) (ingestion health.Ingestion, err error) {
	err = s.read(ctx, "read ingestion", func(tx *sql.Tx) error {
		ingestion, err = scanIngestion(tx.QueryRowContext(ctx,
			selectIngestions(true)+`WHERE i.id = ? AND u.uuid = ?`, id[:], user[:]))
		if isNoRows(err) {
			return backend.NotFound("ingestion")
		}
		return err
	})
	return ingestion, err
}

// Ingestions returns a user's ingestions in the order of the query.
func (s *Store) Ingestions(ctx context.Context, user uuid.UUID, query store.IngestionQuery) (ingestions []health.Ingestion, err error) {
	text, args := selectIngestions(false)+`WHERE i.user_id = ?`, []any{}
	if query.Status != "" {
		text, args = text+` AND i.status = ?`, append(args, string(query.Status))
	}
	if query.Format != "" {
		text, args = text+` AND i.format = ?`, append(args, query.Format)
	}
	if !query.Since.IsZero() {
		text, args = text+` AND i.received_at >= ?`, append(args, toMicros(query.Since))
	}
	if !query.Until.IsZero() {
		text, args = text+` AND i.received_at < ?`, append(args, toMicros(query.Until))
	}
	if query.Before != uuid.Nil {
		text, args = text+` AND i.id < ?`, append(args, query.Before[:])
	}
	if query.After != uuid.Nil {
		text, args = text+` AND i.id > ?`, append(args, query.After[:])
	}
	order := `DESC`
	if query.OldestFirst {
		order = `ASC`
	}
	text, args = text+` ORDER BY i.id `+order+` LIMIT ?`, append(args, query.Limit)
	err = s.readOf(ctx, user, "list ingestions", func(tx *sql.Tx, userID int64) error {
		ingestions, err = list(ctx, tx, scanIngestion, text, append([]any{userID}, args...)...)
		return err
	})
	return ingestions, err
}

// ActiveUsers counts the users who have an ingestion received since t.
func (s *Store) ActiveUsers(ctx context.Context, since time.Time) (count int, err error) {
	err = s.read(ctx, "count active users", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx,
			`SELECT count(DISTINCT user_id) FROM raw_ingestions INDEXED BY raw_ingestions_received WHERE received_at >= ?`,
			toMicros(since)).Scan(&count)
	})
	return count, err
}
