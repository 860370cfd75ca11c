package postgres

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
)

const ingestionColumns = `user_id, id, key_id, received_at, headers, size, wire_size, stored_size, sha256, format, status,
	attempts, finished_at, failure, failure_code, duration, spool, counts, warning_count, `

// The columns of one ingestion, with and without the lists of its report. A listing leaves those alone: they may be long.
const (
	fullIngestion  = ingestionColumns + `errors, warnings, types`
	briefIngestion = ingestionColumns + `'[]'::json, '[]'::json, '[]'::json`
)

func insertIngestion(ctx context.Context, tx pgx.Tx, in *health.Ingestion, owner string, until time.Time) error {
	headers, err := json.Marshal(in.Headers)
	if err != nil {
		return err
	}
	report, err := storedReportOf(&in.Report)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO raw_ingestions (`+fullIngestion+`, owner, claimed_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
		in.UserID, in.ID, in.KeyID, nullableTime(in.ReceivedAt), string(headers), in.Size, in.WireSize, in.StoredSize, in.SHA256[:],
		in.Format, string(in.Status), in.Attempts, nullableTime(in.FinishedAt), in.Failure, in.FailureCode, int64(in.Duration),
		in.Spool, report.counts, in.Report.WarningCount, report.errors, report.warnings, report.types, owner, nullableTime(until))
	return err
}

func scanIngestion(row pgx.Row) (in health.Ingestion, err error) {
	var headers, sha256 []byte
	var duration int64
	var report struct{ counts, errors, warnings, types []byte }
	err = row.Scan(&in.UserID, &in.ID, &in.KeyID, timeInto{&in.ReceivedAt}, &headers, &in.Size, &in.WireSize, &in.StoredSize,
		&sha256, &in.Format, &in.Status, &in.Attempts, timeInto{&in.FinishedAt}, &in.Failure, &in.FailureCode, &duration,
		&in.Spool, &report.counts, &in.Report.WarningCount, &report.errors, &report.warnings, &report.types)
	if err != nil {
		return in, err
	}
	in.Duration = time.Duration(duration)
	copy(in.SHA256[:], sha256)
	for _, part := range []struct {
		text []byte
		into any
	}{
		{headers, &in.Headers},
		{report.counts, &in.Report.Counts},
		{report.errors, &in.Report.Errors},
		{report.warnings, &in.Report.Warnings},
		{report.types, &in.Report.Types},
	} {
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return in, err
		}
	}
	return in, nil
}

// storedReport is a report as JSON texts.
type storedReport struct{ counts, errors, warnings, types string }

func storedReportOf(r *health.Report) (stored storedReport, err error) {
	for _, part := range []struct {
		text  *string
		value any
	}{{&stored.counts, r.Counts}, {&stored.errors, r.Errors}, {&stored.warnings, r.Warnings}, {&stored.types, r.Types}} {
		text, err := json.Marshal(part.value)
		if err != nil {
			return stored, err
		}
		*part.text = string(text)
	}
	return stored, nil
}
