package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/server"
)

func (p *program) importCommand() *cobra.Command {
	var email string
	var keep bool
	command := &cobra.Command{
		Use: "import FILE…", Short: "Import Apple's export.zip, or files of the app",
		Long: `Import files straight into the configured database: the export.zip that the Health app makes (your picture, Export All
Health Data), the XML within it, and everything the app Health Auto Export writes. What a file is is told by its content.

Importing a file again changes nothing, and a newer export adds what is new. After an interruption run the same command
again. The files themselves are not kept unless you ask for it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name the files to import, such as export.zip")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				return p.withSharedCache(db, func(responses responseCache) error {
					return p.importFiles(ctx, db, responses.invalidator(), email, args, keep)
				})
			})
		},
	}
	command.Flags().StringVar(&email, "user", "", "email address of the user whose data it is")
	command.Flags().BoolVar(&keep, "keep", false, "keep the files in the archive")
	_ = command.MarkFlagRequired("user") // the flag exists
	p.addJSONFlag(command)
	return command
}

func (p *program) importFiles(ctx context.Context, db database, invalidator cache.Invalidator, email string, paths []string, keep bool) error {
	user, err := userNamed(ctx, db, email)
	if err != nil {
		return err
	}
	if user, err = p.askTimeZone(ctx, db, invalidator, user, paths); err != nil {
		return err
	}
	metricCatalog, err := catalog.Load()
	if err != nil {
		return err
	}
	limitMemory()
	service, err := ingest.New(ingest.Config{
		Store: db, Invalidator: invalidator, Catalog: metricCatalog, Logger: p.newLog().Logger, Limits: ingest.Limits{TempDir: p.settings.tempDir},
	})
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err = p.importFile(ctx, service, user, path, keep); err != nil {
			break
		}
	}
	return errors.Join(err, service.Stop(context.WithoutCancel(ctx)))
}

// askTimeZone asks at a terminal where a user lives who has no time zone and whose files may be Apple's export, which does not
// say it. Without an answer, or without a terminal, it says what will happen. It returns the user as they are then.
func (p *program) askTimeZone(
	ctx context.Context, db database, invalidator cache.Invalidator, user account.User, paths []string,
) (account.User, error) {
	if user.HasTimeZone() || !slices.ContainsFunc(paths, mayBeApple) {
		return user, nil
	}
	if isTerminal(p.in) {
		fmt.Fprintf(p.err, "An export of Apple's does not say in which time zone most of it was recorded.\n"+
			"In which does %s live? Give a name such as Europe/Paris, or nothing for UTC: ", user.Email)
		answer, _ := bufio.NewReader(p.in).ReadString('\n') // an incomplete line is an answer too
		if zone := strings.TrimSpace(answer); zone != "" {
			return p.setTimeZone(ctx, db, invalidator, user, zone)
		}
	}
	fmt.Fprintf(p.err, "%[1]s has no time zone, and an export of Apple's does not say where it was recorded. The days will be those of UTC:\n"+
		"evenings or mornings may be on the wrong day. Set the zone, now or later: health-export user set %[1]s --time-zone Europe/Paris\n", user.Email)
	return user, nil
}

// mayBeApple reports whether a file may be Apple's export, by its name.
func mayBeApple(path string) bool {
	extension := strings.ToLower(filepath.Ext(path))
	return extension == ".zip" || extension == ".xml"
}

// importMemory is the memory limit of the Go runtime, in bytes, during an import. SQLite and the program itself need
// memory on top.
const importMemory = 64 << 20

// limitMemory makes the garbage collector run earlier, unless GOMEMLIMIT is set.
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(importMemory)
	}
}

func (p *program) importFile(ctx context.Context, service *ingest.Service, user account.User, path string, keep bool) error {
	file, err := os.Open(path) // #nosec G304 -- whoever starts the program names the file
	if err != nil {
		return usageError{err}
	}
	defer file.Close()
	name := filepath.Base(path)
	var begun atomic.Pointer[uuid.UUID]
	finished := p.showImportProgress(name, func() (ingest.Progress, bool) {
		if id := begun.Load(); id != nil {
			return service.Progress(*id)
		}
		return ingest.Progress{}, false
	})
	ingestion, err := service.ImportFile(ctx, ingest.FileRequest{
		User: user, File: file, Keep: keep, Begun: func(id uuid.UUID) { begun.Store(&id) },
	})
	finished()
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("the import of %s was interrupted. What is stored already stays: run the same command again to go on", name)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := p.printImport(name, &ingestion); err != nil {
		return err
	}
	switch ingestion.Status {
	case health.StatusFailed, health.StatusUnrecognised:
		return fmt.Errorf("%s: %s", name, ingestion.Failure)
	case health.StatusRejected:
		return fmt.Errorf("%s: nothing of it could be stored", name)
	}
	return nil
}

// printImport prints the counts of an import, by type of element where the format has types.
func (p *program) printImport(name string, i *health.Ingestion) error {
	if p.json {
		line, err := server.MarshalReport(i)
		if err == nil {
			_, err = fmt.Fprintln(p.out, string(line))
		}
		return err
	}
	fmt.Fprintf(p.out, "%s: %s in %s\n", name, i.Status, i.Duration.Round(100_000_000))
	types := slices.Clone(i.Report.Types)
	if len(types) == 0 {
		for kind, counts := range i.Report.Counts {
			if counts.Received > 0 {
				types = append(types, health.TypeCounts{Type: health.ElementKind(kind).String(), Counts: counts})
			}
		}
	}
	slices.SortFunc(types, func(a, b health.TypeCounts) int { return strings.Compare(a.Type, b.Type) })
	types = append(types, health.TypeCounts{Type: "all", Counts: i.Report.Total()})
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "READ\tNEW\tUPDATED\tUNCHANGED\tMERGED\tREJECTED\t  TYPE")
	for _, t := range types {
		for _, n := range []int{t.Received, t.Inserted, t.Updated, t.Unchanged, t.Merged, t.Rejected} {
			fmt.Fprint(table, strconv.Itoa(n)+"\t")
		}
		fmt.Fprintln(table, "  "+t.Type)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, t := range types {
		for reason, n := range t.Reasons {
			fmt.Fprintf(p.out, "%d of %s rejected: %s\n", n, t.Type, reason)
		}
	}
	if n := i.Report.WarningCount; n > 0 {
		fmt.Fprintf(p.out, "%d warnings; GET /v1/ingestions/%s lists them\n", n, i.ID)
	}
	return nil
}
