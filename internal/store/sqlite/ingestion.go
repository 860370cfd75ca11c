package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// orderOfIngestion is health.Ingestion.Order, which was the time of receipt in earlier versions.
const orderOfIngestion = `coalesce(received_order, received_at)`

// selectIngestions returns the begin of a query for scanIngestion, with or without the lists of the report.
func selectIngestions(lists bool) string {
	columns := `'[]', '[]', '[]'`
	if lists {
		columns = `i.errors, i.warnings, i.types`
	}
	return `
SELECT i.id, u.uuid, i.key_id, i.received_at, i.headers, i.size, i.wire_size, i.stored_size, i.sha256, i.format,
       i.status, i.attempts, i.finished_at, i.failure, i.failure_code, i.duration, i.spool, i.received_order,
       i.counts, i.warning_count, ` + columns + `
FROM raw_ingestions i
JOIN users u ON u.id = i.user_id
`
}

func insertIngestion(
	ctx context.Context, tx *sql.Tx, user int64, in *health.Ingestion, owner string, until time.Time,
) error {
	headers, err := json.Marshal(in.Headers)
	if err != nil {
		return err
	}
	report, err := backend.EncodeReport(&in.Report)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO raw_ingestions (id, user_id, key_id, received_at, headers, size, wire_size, stored_size, sha256, format,
			status, attempts, finished_at, failure, failure_code, duration, owner, claimed_until, spool, received_order,
			counts, warning_count, errors, warnings, types)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		in.ID[:], user, in.KeyID, toMicros(in.ReceivedAt), string(headers), in.Size, in.WireSize, in.StoredSize, in.SHA256[:],
		in.Format, string(in.Status), in.Attempts, toMicros(in.FinishedAt), in.Failure, in.FailureCode, int64(in.Duration),
		owner, toMicros(until), in.ImportDir, int64(in.PlaceInOrder()), report.Counts, in.Report.WarningCount, report.Errors, report.Warnings, report.Types)
	if err != nil {
		return err
	}
	return forgetOrder(ctx, tx, user, in.PlaceInOrder())
}

func scanIngestion(row row) (in health.Ingestion, err error) {
	var received, finished, duration int64
	var order sql.NullInt64
	var headers string
	var sha256 []byte
	var report backend.ReportTexts
	err = row.Scan(&in.ID, &in.UserID, &in.KeyID, &received, &headers, &in.Size, &in.WireSize, &in.StoredSize, &sha256,
		&in.Format, &in.Status, &in.Attempts, &finished, &in.Failure, &in.FailureCode, &duration,
		&in.ImportDir, &order, &report.Counts, &in.Report.WarningCount, &report.Errors, &report.Warnings, &report.Types)
	if err != nil {
		return in, err
	}
	in.ReceivedAt, in.FinishedAt, in.Duration = timeOf(received), timeOf(finished), time.Duration(duration)
	in.Order = health.InstantOf(in.ReceivedAt)
	if order.Valid {
		in.Order = health.Instant(order.Int64)
	}
	copy(in.SHA256[:], sha256)
	if err := json.Unmarshal([]byte(headers), &in.Headers); err != nil {
		return in, err
	}
	return in, report.Decode(&in.Report)
}
