package postgres

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

const ingestionColumns = `user_id, id, key_id, received_at, headers, size, wire_size, stored_size, sha256, format, status,
	attempts, finished_at, failure, failure_code, duration, spool, received_order, counts, warning_count, `

// orderOfIngestion is health.Ingestion.Order, which was the time of receipt in earlier versions.
const orderOfIngestion = `coalesce(received_order, (extract(epoch FROM received_at) * 1000000)::bigint)`

// The columns of one ingestion, with and without the lists of its report. A listing has none: they may be long.
const (
	fullIngestion  = ingestionColumns + `errors, warnings, types`
	briefIngestion = ingestionColumns + `'[]'::json, '[]'::json, '[]'::json`
)

func insertIngestion(ctx context.Context, tx pgx.Tx, in *health.Ingestion, owner string, until time.Time) error {
	headers, err := json.Marshal(in.Headers)
	if err != nil {
		return err
	}
	report, err := backend.EncodeReport(&in.Report)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		INSERT INTO raw_ingestions (`+fullIngestion+`, owner, claimed_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`,
		in.UserID, in.ID, in.KeyID, nullableTime(in.ReceivedAt), string(headers), in.Size, in.WireSize, in.StoredSize, in.SHA256[:],
		in.Format, string(in.Status), in.Attempts, nullableTime(in.FinishedAt), in.Failure, in.FailureCode, int64(in.Duration),
		in.ImportDir, int64(in.PlaceInOrder()), report.Counts, in.Report.WarningCount, report.Errors, report.Warnings, report.Types,
		owner, nullableTime(until))
	batch.Queue(forgetOrder, in.UserID, int64(in.PlaceInOrder()))
	return tx.SendBatch(ctx, batch).Close()
}

func scanIngestion(row pgx.Row) (in health.Ingestion, err error) {
	var headers, sha256 []byte
	var duration int64
	var order *int64
	var report backend.ReportTexts
	err = row.Scan(&in.UserID, &in.ID, &in.KeyID, timeInto{&in.ReceivedAt}, &headers, &in.Size, &in.WireSize, &in.StoredSize,
		&sha256, &in.Format, &in.Status, &in.Attempts, timeInto{&in.FinishedAt}, &in.Failure, &in.FailureCode, &duration,
		&in.ImportDir, &order, &report.Counts, &in.Report.WarningCount, &report.Errors, &report.Warnings, &report.Types)
	if err != nil {
		return in, err
	}
	in.Duration, in.Order = time.Duration(duration), health.InstantOf(in.ReceivedAt)
	if order != nil {
		in.Order = health.Instant(*order)
	}
	copy(in.SHA256[:], sha256)
	if err := json.Unmarshal(headers, &in.Headers); err != nil {
		return in, err
	}
	return in, report.Decode(&in.Report)
}
