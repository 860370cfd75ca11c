package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// The exit codes of verify besides exitOK.
const (
	exitDifferent   = 1
	exitNotVerified = 2
)

// verifyFlags is what was asked of verify.
type verifyFlags struct {
	email  string
	limit  int
	values bool
}

// printedVerification is the result for one user.
type printedVerification struct {
	User string `json:"user"`
	ingest.Verified
	Findings []printedFinding `json:"findings"`
}

// printedFinding is a finding with its time as people read it, and the values only where they were asked for.
type printedFinding struct {
	ingest.Finding
	Start    time.Time `json:"start"`
	Archived string    `json:"archived,omitempty"`
	Stored   string    `json:"stored,omitempty"`
}

func (p *program) verifyCommand() *cobra.Command {
	var flags verifyFlags
	command := &cobra.Command{
		Use: "verify", Short: "Prove that the store holds what the archive holds", Args: exactArgs(0),
		Long: `Decode every archived body again, in order of receipt, into an empty store in a temporary file, and compare that with
what is stored. What is missing, extra or different is named and counted. What came with a body that is not in the archive
any more, or was never kept, cannot be proved and is counted apart.

Exit codes: 0 nothing is wrong, 1 there are differences, 2 the verification could not be done.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sound, err := p.verify(cmd.Context(), flags)
			switch {
			case err != nil:
				return exitError{exitNotVerified, err}
			case !sound:
				return exitError{exitDifferent, errors.New("the store differs from the archive; replay what is missing: health-export replay --all")}
			}
			return nil
		},
	}
	command.Flags().StringVar(&flags.email, "user", "", "email address of the user; everybody if left out")
	command.Flags().IntVar(&flags.limit, "limit", 100, "most findings that are listed for a user; all are counted")
	command.Flags().BoolVar(&flags.values, "values", false, "print the values that differ, too: they are health data")
	p.addJSONFlag(command)
	return command
}

// verify verifies the users one after the other and prints the results.
func (p *program) verify(ctx context.Context, flags verifyFlags) (sound bool, err error) {
	sound = true
	err = p.withIngest(ctx, func(ctx context.Context, db database, service *ingest.Service, metricCatalog *catalog.Catalog) error {
		users, err := usersNamed(ctx, db, flags.email)
		if err != nil {
			return err
		}
		results := make([]printedVerification, 0, len(users))
		for _, user := range users {
			result, err := p.verifyUser(ctx, db, service, metricCatalog, user, flags)
			if err != nil {
				return fmt.Errorf("user %s: %w", user.Email, err)
			}
			sound = sound && result.Sound()
			if !p.json {
				p.printVerified(&result)
			}
			results = append(results, result)
		}
		if p.json {
			return p.printJSON(results)
		}
		return nil
	})
	return sound, err
}

// verifyUser verifies one user with a model in a temporary file: ten years of data do not fit in memory.
func (p *program) verifyUser(
	ctx context.Context, db database, service *ingest.Service, metricCatalog *catalog.Catalog, user account.User, flags verifyFlags,
) (result printedVerification, err error) {
	dir, err := os.MkdirTemp(p.settings.tempDir, "health-export-verify-*")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	expected, err := sqlite.Open(ctx, filepath.Join(dir, "model.db"), metricCatalog)
	if err != nil {
		return result, err
	}
	defer expected.Close()

	result = printedVerification{User: user.Email, Findings: []printedFinding{}}
	result.Verified, err = service.Verify(ctx, ingest.Verification{
		User: user, Stored: db, Expected: expected,
		Found: func(f ingest.Finding) {
			if len(result.Findings) < flags.limit {
				result.Findings = append(result.Findings, printFinding(f, flags.values))
			}
		},
		Progress: func(bodies int) {
			if bodies%500 == 0 {
				fmt.Fprintf(p.err, "%s: %d bodies decoded\n", user.Email, bodies)
			}
		},
	})
	return result, err
}

func printFinding(f ingest.Finding, values bool) printedFinding {
	printed := printedFinding{Finding: f, Start: f.Start.In(f.Offset)}
	if values && f.Archived != nil {
		printed.Archived = fmt.Sprintf("%+v", f.Archived)
	}
	if values && f.Stored != nil {
		printed.Stored = fmt.Sprintf("%+v", f.Stored)
	}
	return printed
}

func (p *program) printVerified(v *printedVerification) {
	for _, f := range v.Findings {
		fmt.Fprintf(p.out, "%-10s %s %s %s", f.Kind, f.Element, f.Name, f.Start.Format(time.RFC3339))
		if f.Element == "sample" {
			fmt.Fprintf(p.out, " grain %d %s", f.Grain, f.Unit)
		}
		if f.Source != "" {
			fmt.Fprintf(p.out, " source %q", f.Source)
		}
		fmt.Fprintln(p.out)
		for side, text := range map[string]string{"archive": f.Archived, "store": f.Stored} {
			if text != "" {
				fmt.Fprintf(p.out, "           %s: %s\n", side, text)
			}
		}
	}
	if listed, found := len(v.Findings), v.Missing+v.Extra+v.Different+v.Unprovable; listed < found {
		fmt.Fprintf(p.out, "… and %d more; --limit lists them\n", found-listed)
	}
	fmt.Fprintf(p.out, "%s: %d elements compared, from %d bodies: %d missing, %d extra, %d different\n",
		v.User, v.Elements, v.Bodies, v.Missing, v.Extra, v.Different)
	if v.Unprovable > 0 {
		fmt.Fprintf(p.out, "%s: %d elements cannot be proved: the bodies they came with are not in the archive (let go, imported without being kept, or not processed yet)\n",
			v.User, v.Unprovable)
	}
	if v.Pending > 0 {
		fmt.Fprintf(p.out, "%s: %d bodies are not processed yet; a running server takes them up\n", v.User, v.Pending)
	}
	if v.Faulty > 0 {
		fmt.Fprintf(p.out, "%s: %d archived bodies cannot be read as health data; nothing is stored from them\n", v.User, v.Faulty)
	}
}

// withIngest opens the configured store and the way into it for the time of one command.
func (p *program) withIngest(ctx context.Context, do func(context.Context, database, *ingest.Service, *catalog.Catalog) error) error {
	metricCatalog, err := catalog.Load()
	if err != nil {
		return err
	}
	return p.withStore(ctx, func(ctx context.Context, db database) error {
		return p.withSharedCache(db, func(responses responseCache) error {
			service, err := ingest.New(ingest.Config{
				Store: db, Invalidator: responses.invalidator(), Catalog: metricCatalog, Logger: p.newLog().Logger,
				Limits: ingest.Limits{MaxBody: p.settings.maxBody, Wait: 24 * time.Hour, TempDir: p.settings.tempDir},
			})
			if err != nil {
				return err
			}
			err = do(ctx, db, service, metricCatalog)
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.settings.drain)
			defer cancel()
			return errors.Join(err, service.Stop(stopping))
		})
	})
}
