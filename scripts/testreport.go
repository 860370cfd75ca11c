//go:build ignore

// Command testreport reads what go test -json prints, of one run or of several, and prints when all have ended what a person
// has to know: of every failed test its name and its own output, then what failed in one line each, and how many passed.
// Failed builds, panics, data races and packages that end in another way are told as well. Where CI=true, a skipped test
// is a failure.
//
//	{ go test -json ./...; echo "exit $?"; echo "run TEST_STORE=postgres"; go test -json ./x; echo "exit $?"; } | testreport
//
// A line "run NAME" names the run that follows, a line "exit STATUS" tells how one ended.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
)

// event is a line of go test -json: go doc test2json, and go help buildjson for those of builds.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// test is a test, or a package where name is empty: what was printed outside of any test.
type test struct {
	run, pkg, name string
	output         strings.Builder
	result         string // pass, fail, skip, or empty as long as it runs
	seconds        float64
	failedBuild    string
}

type report struct {
	run    string
	tests  []*test // in the order in which they began
	byName map[[3]string]*test
	builds []*test // what compilers printed; pkg is the import path
	exits  []string
	live   io.Writer
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("testreport: ")
	r := &report{byName: map[[3]string]*test{}, live: io.Discard}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		r.live = os.Stderr
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		r.take(lines.Text())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	if !r.print(os.Stdout, os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

func (r *report) take(line string) {
	if name, found := strings.CutPrefix(line, "run "); found {
		r.run = name
		return
	}
	if status, found := strings.CutPrefix(line, "exit "); found {
		if status != "0" {
			r.exits = append(r.exits, strings.TrimSpace("go test ended with status "+status+" "+r.run))
		}
		return
	}
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		e = event{Action: "output", Output: line + "\n"}
	}
	if e.ImportPath != "" {
		b := r.find(&r.builds, "build", e.ImportPath, "")
		switch {
		case b.result == "fail": // another run tells the same
		case e.Action == "build-fail":
			b.result = "fail"
		default:
			b.output.WriteString(e.Output)
		}
		return
	}
	t := r.find(&r.tests, r.run, e.Package, e.Test)
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		t.result, t.seconds, t.failedBuild = e.Action, e.Elapsed, e.FailedBuild
		if t.name == "" {
			fmt.Fprintln(r.live, t.outcome())
		}
	}
}

func (r *report) find(list *[]*test, run, pkg, name string) *test {
	key := [3]string{run, pkg, name}
	if r.byName[key] == nil {
		r.byName[key] = &test{run: run, pkg: pkg, name: name}
		*list = append(*list, r.byName[key])
	}
	return r.byName[key]
}

// title names a test in one line.
func (t *test) title() string {
	title := t.pkg
	if t.name != "" {
		title += " " + t.name
	}
	if t.run != "" && t.run != "build" {
		title += " (" + t.run + ")"
	}
	return title
}

// outcome is the line that go test prints of a package.
func (t *test) outcome() string {
	switch t.result {
	case "pass":
		return fmt.Sprintf("ok  \t%s\t%.3fs", t.title(), t.seconds)
	case "skip":
		return fmt.Sprintf("?   \t%s\t[no test files]", t.title())
	}
	return fmt.Sprintf("FAIL\t%s\t%.3fs", t.title(), t.seconds)
}

var (
	// told is what go test prints to say which test runs, and how it ended.
	told = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME|ATTR)\b|--- (PASS|FAIL|SKIP): )`)
	// ended is what it prints at the end of a package.
	ended = regexp.MustCompile(`^(PASS|FAIL|ok  |\?   |FAIL\t.*|exit status \d+|coverage: .*)\s*$`)
	// crash is what stands in the output of any test that runs at that moment, also of one that passes.
	crash = regexp.MustCompile(`(?m)^(WARNING: DATA RACE|panic: |fatal error: |SIG[A-Z]+: |unexpected fault address)`)
)

// own is what a test printed itself.
func (t *test) own() (lines []string) {
	for line := range strings.Lines(t.output.String()) {
		if told.MatchString(line) || t.name == "" && ended.MatchString(line) {
			continue
		}
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	return lines
}

const (
	first = 200 // lines of a test that are printed, from its beginning
	last  = 100 // and from its end
)

// print writes the report and reports whether all is well.
func (r *report) print(out io.Writer, ci bool) bool {
	var failed, skipped []*test
	passed, packages := 0, 0
	for _, b := range r.builds {
		if b.result == "fail" {
			failed = append(failed, b)
		}
	}
	for _, t := range r.tests {
		switch {
		case t.name != "" && t.result == "pass":
			passed++
			if p := r.byName[[3]string{t.run, t.pkg, ""}]; (p == nil || p.result != "pass") && crash.MatchString(t.output.String()) {
				failed = append(failed, t)
			}
		case t.name != "" && t.result == "skip":
			skipped = append(skipped, t)
		case t.name == "" && t.result == "pass":
			packages++
		case t.name == "" && (t.result == "skip" || t.pkg == ""):
		case t.failedBuild != "" && r.byName[[3]string{"build", t.failedBuild, ""}] != nil: // told as a build
		case len(t.own()) > 0 || !r.toldByOthers(t):
			failed = append(failed, t)
		}
	}
	for _, t := range r.tests {
		if t.pkg == "" { // what is no event
			fmt.Fprint(out, t.output.String())
		}
	}
	for _, t := range failed {
		fmt.Fprintf(out, "--- %s: %s\n", t.verdict(), t.title())
		lines := t.own()
		if whole := r.byName[[3]string{t.run, t.pkg, ""}]; len(lines) == 0 && whole != nil {
			lines = strings.Split(strings.TrimSpace(whole.output.String()), "\n") // how the package ended
		}
		if left := len(lines) - first - last; left > 0 {
			lines = slices.Concat(lines[:first], []string{fmt.Sprintf("    ... %d lines are left out", left)}, lines[len(lines)-last:])
		}
		for _, line := range lines {
			fmt.Fprintln(out, line)
		}
		fmt.Fprintln(out)
	}
	for _, t := range r.tests {
		if t.name == "" && t.pkg != "" && len(failed) == 0 {
			fmt.Fprintln(out, t.outcome())
		}
	}
	for _, t := range failed {
		fmt.Fprintf(out, "%s\t%s\n", t.verdict(), t.title())
	}
	for _, t := range skipped {
		fmt.Fprintf(out, "SKIP\t%s: %s\n", t.title(), strings.TrimSpace(strings.Join(t.own(), " ")))
	}
	if len(skipped) > 0 && ci {
		fmt.Fprintf(out, "%d tests were skipped, which CI=true does not allow\n", len(skipped))
	}
	count := len(failed)
	if count == 0 && len(r.exits) > 0 {
		fmt.Fprintln(out, strings.Join(r.exits, "\n"))
		count = len(r.exits)
	}
	fmt.Fprintf(out, "%d packages ok\n%d passed, %d failed\n", packages, passed, count)
	return count == 0 && (len(skipped) == 0 || !ci)
}

// toldByOthers reports whether other tests say all there is to say about a package, or about a test that printed nothing: those
// within it if it failed, and the one that brought the package down if it did not finish.
func (r *report) toldByOthers(t *test) bool {
	return slices.ContainsFunc(r.tests, func(other *test) bool {
		switch {
		case other == t || other.name == "" || other.run != t.run || other.pkg != t.pkg || other.result != "fail" && other.result != "":
			return false
		case t.name == "":
			return true
		case t.result == "":
			return other.result == "fail" || len(other.own()) > 0
		}
		return strings.HasPrefix(other.name, t.name+"/")
	})
}

func (t *test) verdict() string {
	switch {
	case t.run == "build":
		return "BUILD FAILED"
	case t.result == "":
		return "NOT FINISHED"
	case t.result == "pass":
		return "CRASH OR RACE WHILE RUNNING"
	}
	return "FAIL"
}
