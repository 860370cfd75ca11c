package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// decodeWithWindow decodes a body through a window of a few bytes (at least a byte order mark), so that everything in
// it is at an edge once.
func decodeWithWindow(body io.Reader, window, limit int, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newJSONDecoder(body, options, emitter{yield})
		d.firstSize, d.usualSize, d.maxSize = window, window, limit
		if err := d.decode(); err != nil && err != errStopped {
			yield(health.Record{}, err)
		}
	}
}

func TestEveryWindowGivesTheSame(t *testing.T) {
	t.Parallel()
	for _, folder := range fixtures(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			body := readFixture(t, folder, "input.json")
			want := string(render(t, decodeJSON(bytes.NewReader(body), fixtureOptions(t))))
			for _, window := range []int{3, 4, 5, 8, 13, 64, 1000} {
				reader := iotest.HalfReader(bytes.NewReader(body))
				got := render(t, decodeWithWindow(reader, window, maxElement, fixtureOptions(t)))
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Fatalf("a window of %d bytes gives something else:\n%s", window, diff)
				}
			}
		})
	}
}

// point is a small point for bodies made in tests.
const point = `{"date":"2026-03-10 00:00:00 +0100","qty":1}`

func TestLongElementIsRejectedAlone(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat(`é\u00e9 `, 1000)
	for name, long := range map[string]string{
		"text":      `"` + filler + `"`,
		"array":     `[` + strings.Repeat(`{"a":[1.5e3,true,null]},`, 1000) + `0]`,
		"object":    `{"date":"2026-03-10 00:00:00 +0100","qty":1,"note":"` + filler + `"}`,
		"long name": `{"` + filler + `":1}`,
		"blanks":    `{` + strings.Repeat(" ", 10_000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"data":{"metrics":[{"name":"a","data":[%s,%s,%s]},%s],"symptoms":[%s],"new":[%s,{"a":1}]}}`,
				point, long, point, long, long, long)
			want := []string{
				"metric 0.0", "metric 0.1 refused", "metric 0.2", "metric 1.-1 refused",
				"symptom 0.-1 refused", "new 0.-1 refused", "new 1.-1",
			}
			if name == "text" { // no element
				want = append(slices.Delete(want, 5, 6), "body 0.-1")
			}
			if diff := cmp.Diff(want, outcomes(t, decodeWithWindow(strings.NewReader(body), 64, 512, Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// outcomes lists the positions of what was yielded, and which of it was rejected.
func outcomes(t *testing.T, records iter.Seq2[health.Record, error]) (list []string) {
	t.Helper()
	for record, err := range records {
		outcome := fmt.Sprintf("%s %d.%d", record.Position.Type, record.Position.Entry, record.Position.Point)
		if _, refused := errors.AsType[*health.Rejection](err); refused {
			outcome += " refused"
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, outcome)
	}
	return list
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 10_000)
	for name, entry := range map[string]string{
		"before": fmt.Sprintf(`{"name":"%s","data":[%s]}`, long[:300], point),
		"after":  fmt.Sprintf(`{"data":[%s],"name":"%s"}`, point, long),
	} {
		for record, err := range decodeWithWindow(strings.NewReader(`{"data":{"metrics":[`+entry+`]}}`), 64, 512, Options{}) {
			if _, refused := errors.AsType[*health.Rejection](err); !refused && err != nil {
				t.Fatal(err)
			}
			if err == nil && name == "before" {
				t.Error("a point of a metric whose name is too long was not refused")
			}
			if record.Entry.Name != "" {
				t.Errorf("%s: the entry has a name of %d bytes", name, len(record.Entry.Name))
			}
		}
	}
	_, err := drain(decodeWithWindow(strings.NewReader(`{"data":{"`+long+`":1}}`), 64, 512, Options{}))
	if !errors.Is(err, problem.Invalid) {
		t.Errorf("a body with an endless name: %v", err)
	}
}

// drain returns the error yielded last, and the number of records before it.
func drain(records iter.Seq2[health.Record, error]) (before int, err error) {
	before = -1
	for _, err = range records {
		before++
	}
	return max(before, 0), err
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line broke")
	body := `{"data":{"metrics":[{"name":"a","data":[` + point + `,` + point + `,`
	if _, err := drain(decodeJSON(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)), Options{})); err != broken {
		t.Errorf("the error is %v, wanted the reader's", err)
	}
	if _, err := drain(decodeJSON(iotest.ErrReader(io.ErrUnexpectedEOF), Options{})); err != io.ErrUnexpectedEOF {
		t.Errorf("the error is %v, wanted the reader's", err)
	}
	if _, err := drain(decodeJSON(idleReader{}, Options{})); err != io.ErrNoProgress {
		t.Errorf("a reader that never reads: %v", err)
	}
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestCallerStops(t *testing.T) {
	t.Parallel()
	for _, folder := range fixtures(t) {
		body := readFixture(t, folder, "input.json")
		count, _ := drain(decodeJSON(bytes.NewReader(body), Options{}))
		for stop := range count + 1 {
			n := 0
			for range decodeJSON(bytes.NewReader(body), Options{}) {
				if n++; n > stop {
					break // a decoder that continued would panic
				}
			}
		}
	}
}

// repeatingReader repeats text endlessly.
type repeatingReader struct {
	text string
	pos  int
}

func (r *repeatingReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		copied := copy(b[n:], r.text[r.pos:])
		n += copied
		r.pos = (r.pos + copied) % len(r.text)
	}
	return n, nil
}

// TestMemoryIsBounded decodes bodies larger than the memory they may take. It is not parallel, since it counts the
// allocations of the process.
func TestMemoryIsBounded(t *testing.T) {
	const size = 36 << 20
	long := func(before, text, after string) io.Reader {
		whole := int64(size / len(text) * len(text))
		return io.MultiReader(strings.NewReader(before), io.LimitReader(&repeatingReader{text: text}, whole), strings.NewReader(after))
	}
	const windows = 2*maxElement + 2<<20 // all the windows up to the largest
	for name, c := range map[string]struct {
		body io.Reader
		most uint64
	}{
		"points":         {long(`{"data":{"metrics":[{"name":"a","units":"kg","data":[`, point+",", point+`]}]}}`), 1 << 20},
		"blanks":         {long(`{"data":{"metrics":[`, " ", `]}}`), 1 << 20},
		"garbage":        {long(`[`, `[1,"x",{}],`, `0]`), windows},
		"unknown object": {long(`{"a":{`, `"a":[1],`, `"b":0}}`), windows},
		"long text":      {long(`{"data":{"metrics":[{"name":"a","data":[{"note":"`, "é", `"}]}]}}`), windows},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, err := range decodeJSON(c.body, Options{}) {
			if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused && !errors.Is(err, problem.Unrecognised) {
				t.Errorf("%s: %v", name, err)
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > c.most {
			t.Errorf("%s: a body of %d MiB took %d KiB of memory in all", name, size>>20, took>>10)
		}
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return strings.Repeat("[", depth) + strings.Repeat("]", depth)
	}
	for _, c := range []struct {
		before string
		depth  int
		after  string
		code   string
	}{
		{"", 512, "", "unrecognised_format"},
		{"", 513, "", "nested_too_deeply"},
		{`{"data":{"a":`, 510, `}}`, ""},
		{`{"data":{"a":`, 511, `}}`, "nested_too_deeply"},
		{`{"data":{"metrics":[{"data":[{"a":`, 506, `}]}]}}`, ""},
		{`{"data":{"metrics":[{"data":[{"a":`, 507, `}]}]}}`, "nested_too_deeply"},
		{"", 100_000, "", "nested_too_deeply"},
		{strings.Repeat(`{"payload":`, 512), 0, `1` + strings.Repeat("}", 512), "unrecognised_format"},
		{strings.Repeat(`{"payload":`, 513), 0, `1` + strings.Repeat("}", 513), "nested_too_deeply"},
	} {
		_, err := drain(decodeJSON(strings.NewReader(c.before+nested(c.depth)+c.after), Options{}))
		code := ""
		if failure, ok := errors.AsType[*problem.Error](err); ok {
			code = failure.Code
		}
		if code != c.code {
			t.Errorf("%.40s, %d deep: %q (%v), wanted %q", c.before, c.depth, code, err, c.code)
		}
	}
}

// FuzzScanner compares the scanner's notion of JSON with that of jsontext, through windows of all sizes.
func FuzzScanner(f *testing.F) {
	seedWithFixtures(f, func(body []byte) { f.Add(body, uint8(3)) })
	for _, text := range []string{
		"", " ", "0", "-", "-0", "01", "1.", "1.5e+07", "1e", ".5", "+1", "Infinity", "NaN", "nul", "nulL", "true ", "false,",
		`"`, `"\`, `"\u12`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83d\ud83d"`, `"\x"`, "\"\x1f\"", "\"\x7f\"", "\"\xff\"",
		"\"\xe2\x80\"", "\"\xed\xa0\x80\"", "\"\xf0\x9f\x98\x80\"", `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`,
		`{"metrics":[{"data":[{"date":0}`, "[1}", "{]", "]", "[1 2]", "[[[[]]]]", `{"a":{"b":[{}]}}`, "1 2", `{"data":{"metrics":[{"data":[{},{"a":1,"a":2}],"x":1}]}}`,
	} {
		f.Add([]byte(text), uint8(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, window uint8) {
		s := newScanner(bytes.NewReader(body))
		s.firstSize, s.usualSize = int(window)+3, int(window)+3
		_, err := s.value()
		if err == nil {
			err = s.expectEnd()
		}
		compareSyntax(t, "value", err, checkWithJSONText(body))
		_, err = drain(decodeWithWindow(bytes.NewReader(body), int(window)+3, maxElement, Options{}))
		if failure, ok := errors.AsType[*problem.Error](err); ok && failure.Code == "duplicate_name" {
			return // reported before a syntax error further on
		}
		if _, refused := errors.AsType[*health.Rejection](err); refused || errors.Is(err, problem.Unrecognised) {
			err = nil
		}
		compareSyntax(t, "decoder", err, checkWithJSONText(bytes.TrimPrefix(body, byteOrderMark)))
	})
}

// syntaxResult is the result of jsontext for a text.
type syntaxResult struct {
	valid bool
	depth int // the deepest nesting up to its end or an error
	err   error
}

func checkWithJSONText(text []byte) syntaxResult {
	decoder := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	deepest := 0
	for values := 0; ; {
		_, err := decoder.ReadToken()
		if err == io.EOF {
			return syntaxResult{valid: values == 1, depth: deepest}
		}
		if err != nil {
			return syntaxResult{depth: deepest, err: err}
		}
		deepest = max(deepest, decoder.StackDepth())
		if decoder.StackDepth() == 0 {
			values++
		}
	}
}

func compareSyntax(t *testing.T, who string, err error, want syntaxResult) {
	t.Helper()
	failure, isFailure := errors.AsType[*problem.Error](err)
	switch {
	case err != nil && !isFailure:
		t.Fatalf("%s: an error of no kind: %v", who, err)
	case isFailure && failure.Code == "nested_too_deeply":
		if want.depth <= maxDepth {
			t.Fatalf("%s: too deep, but it is %d", who, want.depth)
		}
	case want.depth > maxDepth:
		t.Fatalf("%s: %d deep, but the error is %v", who, want.depth, err)
	case (err == nil) != want.valid:
		t.Fatalf("%s: error %v; jsontext: valid %t, %v", who, err, want.valid, want.err)
	}
}

// seedWithFixtures calls add with every fixture's body that is not large.
func seedWithFixtures(f *testing.F, add func(body []byte)) {
	f.Helper()
	for _, folder := range fixtures(f) {
		if body := readFixture(f, folder, "input.json"); len(body) < 64<<10 {
			add(body)
		}
	}
}
