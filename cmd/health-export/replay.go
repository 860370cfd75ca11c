package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// replayFlags is what was asked of the command of that name.
type replayFlags struct {
	email, since, until, status, format string
	all                                 bool
	ids                                 []uuid.UUID
	query                               store.IngestionQuery
}

// replayCounts is the account of a replay.
type replayCounts struct {
	Bodies    int `json:"bodies"`
	Failed    int `json:"failed"`  // bodies that could not be processed
	Skipped   int `json:"skipped"` // bodies that are being processed anyway, or are not in the archive
	Received  int `json:"received"`
	Inserted  int `json:"inserted"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Merged    int `json:"merged"`
	Rejected  int `json:"rejected"`
}

func (p *program) replayCommand() *cobra.Command {
	var asked replayFlags
	command := &cobra.Command{
		Use: "replay [ID…] | --all | --since TIME [--until TIME]", Short: "Process archived bodies again",
		Long: `Process archived bodies again, oldest first, as POST /v1/ingestions/{id}/replay does. What is stored already stays as it is,
and what later bodies said is not replaced. Do it after an upgrade that reads more, or after verify found something missing.

Exit codes: 0 all were processed, 1 some could not be, 2 not understood, 3 not found, 5 a service is unavailable.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asked.parse(args, time.Now()); err != nil {
				return usageError{err}
			}
			return p.replay(cmd.Context(), asked)
		},
	}
	flags := command.Flags()
	flags.StringVar(&asked.email, "user", "", "email address of the user; everybody if left out")
	flags.BoolVar(&asked.all, "all", false, "all bodies there are, of the user or of everybody")
	flags.StringVar(&asked.since, "since", "", "bodies received at this time or later: a date (2026-01-31), an RFC 3339 time, or a time ago (7d, 12h)")
	flags.StringVar(&asked.until, "until", "", "bodies received before this time")
	flags.StringVar(&asked.status, "status", "", "bodies with this status: processed, partial, rejected, unrecognised or failed")
	flags.StringVar(&asked.format, "format", "", "bodies in this format, such as hae, typed or hae-csv")
	p.addJSONFlag(command)
	return command
}

// parse checks what was asked for.
func (r *replayFlags) parse(args []string, now time.Time) (err error) {
	narrowed := r.since != "" || r.until != "" || r.status != "" || r.format != ""
	switch {
	case len(args) > 0 && (r.all || narrowed):
		return errors.New("give either the ids of ingestions or --all, --since, --until, --status and --format")
	case len(args) == 0 && !r.all && !narrowed:
		return errors.New("say what to replay: ids of ingestions, --all, --since, --until, --status or --format")
	}
	for _, text := range args {
		id, err := uuid.Parse(text)
		if err != nil {
			return fmt.Errorf("%q is not the id of an ingestion", text)
		}
		r.ids = append(r.ids, id)
	}
	switch status := health.Status(r.status); status {
	case "", health.StatusProcessed, health.StatusPartial, health.StatusRejected, health.StatusUnrecognised, health.StatusFailed:
		r.query.Status = status
	default:
		return fmt.Errorf("--status: %q is none of processed, partial, rejected, unrecognised, failed", r.status)
	}
	r.query.Format, r.query.OldestFirst, r.query.Limit = r.format, true, 100
	if r.query.Since, err = parseTimestamp(r.since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if r.query.Until, err = parseTimestamp(r.until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return nil
}

func (p *program) replay(ctx context.Context, asked replayFlags) error {
	var counts replayCounts
	err := p.withIngest(ctx, func(ctx context.Context, db database, service *ingest.Service, _ *catalog.Catalog) error {
		users, err := usersNamed(ctx, db, asked.email)
		if err != nil {
			return err
		}
		r := replayRun{program: p, db: db, service: service, counts: &counts, lastProgress: time.Now()}
		if len(asked.ids) > 0 {
			return r.replayIDs(ctx, users, asked.ids)
		}
		for _, user := range users {
			if err := r.replayMatching(ctx, user, asked.query); err != nil {
				return fmt.Errorf("user %s: %w", user.Email, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.print(counts, "BODIES\tFAILED\tSKIPPED\tRECEIVED\tINSERTED\tUPDATED\tUNCHANGED\tMERGED\tREJECTED", func(int) []string {
		a := counts
		var cells []string
		for _, n := range []int{a.Bodies, a.Failed, a.Skipped, a.Received, a.Inserted, a.Updated, a.Unchanged, a.Merged, a.Rejected} {
			cells = append(cells, fmt.Sprint(n))
		}
		return cells
	}, 1); err != nil {
		return err
	}
	if counts.Failed > 0 {
		return fmt.Errorf("%d of %d bodies could not be processed", counts.Failed, counts.Bodies)
	}
	return nil
}

// replayRun is a replay under way.
type replayRun struct {
	program      *program
	db           database
	service      *ingest.Service
	counts       *replayCounts
	lastProgress time.Time // when progress was told last
}

// replayMatching replays the bodies of a user that a query finds. Those that arrive meanwhile are no part of it.
func (r *replayRun) replayMatching(ctx context.Context, user account.User, query store.IngestionQuery) error {
	begun := time.Now()
	if query.Until.IsZero() || query.Until.After(begun) {
		query.Until = begun
	}
	for ingestion, err := range store.AllIngestions(ctx, r.db, user.ID, query) {
		if err != nil {
			return err
		}
		if err := r.replayOne(ctx, user, ingestion.ID); err != nil {
			return err
		}
	}
	return nil
}

// replayIDs replays ingestions by id, whichever of the users they are of.
func (r *replayRun) replayIDs(ctx context.Context, users []account.User, ids []uuid.UUID) error {
	for _, id := range ids {
		found := false
		for _, user := range users {
			_, err := r.db.Ingestion(ctx, user.ID, id)
			if errors.Is(err, problem.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			found = true
			if err := r.replayOne(ctx, user, id); err != nil {
				return err
			}
			break
		}
		if !found {
			return problem.New(problem.NotFound, "not_found", fmt.Sprintf("There is no ingestion %s.", id))
		}
	}
	return nil
}

// replayOne replays one body and adds it to the account.
func (r *replayRun) replayOne(ctx context.Context, user account.User, id uuid.UUID) error {
	ingestion, err := r.service.Replay(ctx, user, id)
	switch {
	case errors.Is(err, problem.Conflict), errors.Is(err, problem.NotFound):
		r.counts.Skipped++
		return nil
	case err != nil:
		return fmt.Errorf("ingestion %s: %w", id, err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	r.counts.Bodies++
	switch ingestion.Status {
	case health.StatusFailed, health.StatusUnrecognised, health.StatusAccepted:
		r.counts.Failed++
		fmt.Fprintf(r.program.err, "ingestion %s: %s %s\n", id, ingestion.Status, ingestion.Failure)
	}
	t := ingestion.Report.Total()
	r.counts.Received += t.Received
	r.counts.Inserted += t.Inserted
	r.counts.Updated += t.Updated
	r.counts.Unchanged += t.Unchanged
	r.counts.Merged += t.Merged
	r.counts.Rejected += t.Rejected
	if time.Since(r.lastProgress) > 2*time.Second {
		r.lastProgress = time.Now()
		fmt.Fprintf(r.program.err, "%d bodies replayed, up to the one received %s\n", r.counts.Bodies, ingestion.ReceivedAt.Format(time.RFC3339))
	}
	return nil
}
