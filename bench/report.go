package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// report is the output, as Markdown.
type report struct {
	machine  []string
	missing  string // what was not measured, and why
	complete bool   // whether enough was measured for the targets
	ingest   []ingestRow
	results  []result
	took     time.Duration
}

// result is one line: a measurement, its baseline and its target.
type result struct {
	name, measured, baseline string
	target                   string // "" for none
	met                      bool
}

func (r *report) add(row result) { r.results = append(r.results, row) }

// measurements are the values of one quantity in several rounds.
type measurements []float64

func (m measurements) median() float64 {
	if len(m) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(m))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (m measurements) transform(change func(float64) float64) (changed measurements) {
	for _, v := range m {
		changed = append(changed, change(v))
	}
	return changed
}

func (m measurements) format(verb string) string { return fmt.Sprintf(verb, m.median()) }

// text formats the median, the minimum and the maximum.
func (m measurements) text() string {
	if len(m) == 1 {
		return fmt.Sprintf("%.2f", m[0])
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", m.median(), slices.Min(m), slices.Max(m))
}

// ratioTo formats the ratio of the medians.
func (m measurements) ratioTo(other measurements) string {
	return fmt.Sprintf("%.2f ×", m.median()/other.median())
}

func (r *report) print(out io.Writer) error {
	var text strings.Builder
	for _, line := range append(r.machine, fmt.Sprintf("took %.0f s, load average at the end %s", r.took.Seconds(), loadAverage())) {
		fmt.Fprintln(&text, line)
	}
	if r.missing != "" {
		fmt.Fprintln(&text, r.missing)
	}
	if len(r.ingest) > 0 {
		r.printIngest(&text)
	}
	if len(r.results) > 0 {
		r.printResults(&text)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (r *report) printIngest(text io.Writer) {
	fmt.Fprintln(text, "\nHTTP ingest by the clock: rows a second of the baseline, and multiples of them: median (least–greatest)")
	fmt.Fprintln(text)
	rows := [][]string{{"database", "points", "clients", "baseline", "rows/s", "all new", "sent again", "10 % changed"}}
	for _, row := range r.ingest {
		rate := row.baseline.of(wall).transform(func(seconds float64) float64 { return row.rows() / seconds })
		rows = append(rows, []string{
			row.engine.name(), fmt.Sprint(row.points), fmt.Sprint(row.clients), row.engine.baselineName(), rate.format("%.0f"),
			row.ratio(row.first).text(), row.ratio(row.again).text(), row.ratio(row.changed).text(),
		})
	}
	printTable(text, rows)

	fmt.Fprintln(text, "\nHTTP ingest in processor time: microseconds a point, of this program (client and server) + of the database")
	fmt.Fprintln(text)
	rows = [][]string{{"database", "points", "clients", "baseline", "all new", "sent again", "10 % changed"}}
	for _, row := range r.ingest {
		perPoint := func(c costs) string {
			return fmt.Sprintf("%.2f + %.2f", c.of(program).median()*1e6/row.rows(), c.of(database).median()*1e6/row.rows())
		}
		rows = append(rows, []string{
			row.engine.name(), fmt.Sprint(row.points), fmt.Sprint(row.clients),
			perPoint(row.baseline), perPoint(row.first), perPoint(row.again), perPoint(row.changed),
		})
	}
	printTable(text, rows)
}

func (r *report) printResults(text io.Writer) {
	fmt.Fprintln(text)
	rows := [][]string{{"what", "measured", "compared with", "target", "met"}}
	for _, f := range r.results {
		met := ""
		if f.target != "" && r.complete {
			met = map[bool]string{true: "yes", false: "**no**"}[f.met]
		}
		rows = append(rows, []string{f.name, f.measured, f.baseline, f.target, met})
	}
	printTable(text, rows)
}

// printTable prints rows, the first of which is the header, as a Markdown table with aligned columns.
func printTable(out io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		line := "|"
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " |"
		}
		fmt.Fprintln(out, line)
		if n == 0 {
			rule := "|"
			for _, width := range widths {
				rule += strings.Repeat("-", width+2) + "|"
			}
			fmt.Fprintln(out, rule)
		}
	}
}

// describeMachine returns a line about the machine.
func describeMachine() []string {
	return []string{fmt.Sprintf("%s, %s %s/%s, %d CPUs (%s), load average at the beginning %s",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		processorName(), loadAverage())}
}

// processorName and loadAverage work on Linux only.

func processorName() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(content)); err == nil && len(fields) > 2 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}
