// Command bench measures Health Export against baselines, which do the same work by the plainest means of a database or
// library, in the same run on the same machine, and prints ratios. It is not part of the product. docs/performance.md
// explains the output.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	debug.SetGCPercent(50) // as health-export does
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// postgresVariable is the environment variable with the URL of a PostgreSQL server on which databases may be created.
// scripts/services starts one and sets it.
const postgresVariable = "TEST_DATABASE_URL"

// arguments are the command line.
type arguments struct {
	quick, long           bool
	only, points, clients string
	profile, export       string
	size                  int64
	serve                 string
}

func parseArguments(args []string, out io.Writer) (a arguments, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&a.quick, "quick", false, "measure little of everything, in less than a minute, to check that it works")
	flags.BoolVar(&a.long, "long", false, "measure bodies of a million points too")
	flags.StringVar(&a.only, "only", "", "measure only some of "+strings.Join(benchmarkNames(), ",")+" (separated by commas)")
	flags.StringVar(&a.points, "points", "", "the sizes of the bodies to ingest, in points (separated by commas)")
	flags.StringVar(&a.clients, "clients", "", "the numbers of concurrent clients (separated by commas)")
	flags.StringVar(&a.profile, "cpuprofile", "", "write a CPU profile of the whole run to this file")
	flags.StringVar(&a.export, "export", "", "write an export of the Health app to this file (.zip or .xml) instead of measuring")
	flags.Int64Var(&a.size, "size", 0, "the bytes of the XML that is imported, or written with -export (default 100 MB)")
	flags.StringVar(&a.serve, "serve", "", "run the server on this database until standard input ends (used by the benchmark itself)")
	if err := flags.Parse(args); err != nil {
		return a, err
	}
	return a, checkNames(a.only)
}

func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	a, err := parseArguments(args, progress)
	if err != nil {
		return err
	}
	if a.serve != "" {
		return serveUntilEnd(ctx, a.serve, in, out)
	}
	if a.export != "" {
		return writeExport(a.export, cmp.Or(a.size, scaleFor(false, false).xml), out)
	}
	if a.profile != "" {
		file, err := os.Create(a.profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	b := &benchRun{scale: scaleFor(a.quick, a.long), progress: progress, started: time.Now()}
	if err := errors.Join(override(&b.scale.points, a.points), override(&b.scale.clients, a.clients)); err != nil {
		return err
	}
	b.scale.xml = cmp.Or(a.size, b.scale.xml)
	return b.measure(ctx, a.only, out)
}

// benchRun is one run.
type benchRun struct {
	scale    scale
	engines  []engine
	report   report
	progress io.Writer
	started  time.Time
}

// measure runs the benchmarks named in only and prints the report.
func (b *benchRun) measure(ctx context.Context, only string, out io.Writer) error {
	b.report.machine, b.report.complete = describeMachine(), b.scale.complete
	if err := b.openEngines(ctx); err != nil {
		return err
	}
	defer b.closeEngines()
	for _, benchmark := range benchmarks {
		if !wants(only, benchmark.name) {
			continue
		}
		if err := benchmark.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", benchmark.name, err)
		}
	}
	b.report.took = time.Since(b.started)
	return b.report.print(out)
}

// benchmarks are the parts of a run, in the order of the report.
var benchmarks = []struct {
	name    string
	measure func(*benchRun, context.Context) error
}{
	{"ingest", (*benchRun).measureIngest},
	{"read", (*benchRun).measureReading},
	{"export", (*benchRun).measureExport},
	{"decode", (*benchRun).measureDecoding},
	{"import", (*benchRun).measureImport},
	{"post", (*benchRun).measureSmallPost},
	{"memory", (*benchRun).measureMemory},
}

func benchmarkNames() (names []string) {
	for _, s := range benchmarks {
		names = append(names, s.name)
	}
	return names
}

// wants reports whether a list of names, separated by commas, has one. The empty list stands for all.
func wants(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

func checkNames(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" && !slices.Contains(benchmarkNames(), name) {
			return fmt.Errorf("-only: there is no %q, only %s", name, strings.Join(benchmarkNames(), ", "))
		}
	}
	return nil
}

// scale is the amount of what is measured.
type scale struct {
	points   []int              // of a body
	clients  []int              // concurrent ones, each of a user of its own
	rounds   func(rows int) int // of all clients together
	days     int                // read, with a point per minute
	users    int                // in the database while one of them reads
	reads    int
	body     int64         // bytes of the large body
	decoded  int64         // bytes of the body that is decoded
	xml      int64         // bytes of the export that is imported
	posts    time.Duration // time for all posts of each kind
	complete bool          // whether it suffices for the targets
}

func scaleFor(quick, long bool) scale {
	if quick {
		return scale{
			points: []int{1000, 5000}, clients: []int{1, 2}, rounds: func(int) int { return 1 },
			days: 7, users: 10, reads: 3, body: 4_000_000, decoded: 1_000_000, xml: 2_000_000, posts: 100 * time.Millisecond,
		}
	}
	s := scale{
		points: []int{1000, 10_000, 100_000}, clients: []int{1, 2, 8},
		days: 365, users: 1000, reads: 9, body: 200_000_000, decoded: 50_000_000, xml: 100_000_000, posts: 5 * time.Second, complete: true,
		rounds: func(rows int) int { return max(3, min(9, 500_000/rows)) },
	}
	if long {
		s.points = append(s.points, 1_000_000)
	}
	return s
}

// override replaces numbers by those of a list, unless that is empty.
func override(numbers *[]int, list string) error {
	if list == "" {
		return nil
	}
	*numbers = nil
	for text := range strings.SplitSeq(list, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 {
			return fmt.Errorf("%q is not a number of points or clients", text)
		}
		*numbers = append(*numbers, number)
	}
	return nil
}

// logf prints progress.
func (b *benchRun) logf(format string, args ...any) {
	fmt.Fprintf(b.progress, "%4.0f s  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

func (b *benchRun) openEngines(ctx context.Context) error {
	lite, err := newSQLite()
	if err != nil {
		return err
	}
	b.engines = []engine{lite}
	address := os.Getenv(postgresVariable)
	if address == "" {
		b.report.missing = "PostgreSQL was not measured: " + postgresVariable + " is not set. scripts/services sets it."
		return nil
	}
	pg, err := newPostgres(ctx, address)
	if err != nil {
		return err
	}
	b.engines = slices.Insert(b.engines, 0, engine(pg))
	b.report.machine = append(b.report.machine, pg.settings)
	return nil
}

// forEachEngine calls measure with each engine in turn.
func (b *benchRun) forEachEngine(ctx context.Context, measure func(context.Context, engine) error) error {
	for _, e := range b.engines {
		if err := measure(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", e.name(), err)
		}
	}
	return nil
}

func (b *benchRun) closeEngines() {
	for _, e := range b.engines {
		e.close()
	}
}
