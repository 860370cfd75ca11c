package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/query"
)

// exportFlags are what the person asks for.
type exportFlags struct {
	email, format, types, output string
	metrics                      []string
	start, end                   string
}

func (p *program) exportCommand() *cobra.Command {
	var f exportFlags
	command := &cobra.Command{
		Use: "export --user EMAIL [--format F] [--output FILE]", Short: "Write a user's data as CSV, NDJSON, Parquet, FHIR or a zip of everything",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error { return p.export(ctx, db, f) })
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.email, "user", "", "email address of the user")
	flags.StringVar(&f.format, "format", "zip", "one of "+strings.Join(export.Formats(), ", "))
	flags.StringVar(&f.types, "types", "", "what to export, out of samples, sleep, workouts, events, ecg; empty for what the format has by itself")
	flags.StringSliceVar(&f.metrics, "metrics", nil, "only samples of these metrics")
	flags.StringVar(&f.start, "start", "", "only what starts at this time or later: 2026-03-10, or RFC 3339")
	flags.StringVar(&f.end, "end", "", "only what starts before this time")
	flags.StringVar(&f.output, "output", "", "file to write; empty for the standard output")
	_ = command.MarkFlagRequired("user") // the flag exists
	return command
}

func (p *program) export(ctx context.Context, db database, f exportFlags) error {
	format := export.Format(f.format)
	if format.MediaType() == "" {
		return usageError{fmt.Errorf("--format: %q is none of %s", f.format, strings.Join(export.Formats(), ", "))}
	}
	types, err := export.ParseTypes(format, f.types)
	if err != nil {
		return err
	}
	user, err := userNamed(ctx, db, f.email)
	if err != nil {
		return err
	}
	request := query.ExtractRequest{Metrics: f.metrics}
	if request.Start, err = parseTime("--start", f.start, user); err != nil {
		return err
	}
	if request.End, err = parseTime("--end", f.end, user); err != nil {
		return err
	}
	metricCatalog, err := catalog.Load()
	if err != nil {
		return err
	}
	service := query.New(query.Config{Samples: db, Sleep: db, Workouts: db, Events: db, Catalog: metricCatalog})
	extract, err := service.Extract(ctx, user, request)
	if err != nil {
		return err
	}
	what := export.Request{Format: format, Types: types, User: user, Catalog: metricCatalog, Now: time.Now(), Version: version}
	if f.types == "" && f.start == "" && f.end == "" && len(f.metrics) == 0 {
		what.Archive = ingest.NewArchive(db)
	}
	entry := access.NewAuditEntry(ctx, account.ActionExport, user.ID, "", what.Now, map[string]any{"format": format})
	if err := db.AppendAudit(ctx, []account.AuditEntry{entry}); err != nil {
		return err
	}
	if f.output == "" {
		return export.Write(ctx, p.out, extract, what)
	}
	return writeAtomically(f.output, func(file *os.File) error { return export.Write(ctx, file, extract, what) })
}

// writeAtomically writes a file under another name first, so that one with the right name is whole, and readable by its owner
// only.
func writeAtomically(name string, write func(*os.File) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := write(file); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// parseTime reads an RFC 3339 time, or a date as the moment at which that day begins where the user lives.
func parseTime(flag, text string, user account.User) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if date, err := health.ParseDate(text); err == nil {
		return date.In(user.Location()), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("%s: %q is neither a date such as 2026-03-10 nor a time such as 2026-03-10T06:30:00Z", flag, text)}
	}
	return t, nil
}
