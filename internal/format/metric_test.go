package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// FuzzPoints compares decoded points of a metric with those of a slow implementation of the same rules on top of the
// JSON library. The metric's name is known, and is not that of sleep.
func FuzzPoints(f *testing.F) {
	for _, points := range []string{
		`{"date":"2026-03-10 00:00:00 +0100","qty":7369.142032399631,"source":"Kim’s\u00a0Watch"}`,
		`{"date":"2026-03-10 00:00:00 +0100","Min":1,"avg":2.5,"MAX":3,"qty":4,"context":"Active"},{"date":1774000000,"systolic":"120","diastolic":80}`,
		`{"date":"2026-03-10","start":"2026-03-10T01:00:00Z","endDate":"2026-03-10T02:00:00Z","qty":1},5,null,[],{}`,
		`{"date":"2026-03-10","Protection Used":1,"unspecified":2},{"date":"2026-03-10","qty":1e999},{"date":"2026-03-10","q\u0074y":1,"qty":2}`,
		`{"date":"2026-03-10","qty":1,"source":{"name":"A","identifier":"b"},"z":[1,{"y":1}],"a":null},{"date":"2026-03-10","qty":1,"source":5,"end":""}`,
		`{"startDate":"2026-03-10","start":"2026-03-11","qty":1},{"end":"2026-03-10","qty":1},{"date":true,"qty":true},{"date":"2026-03-10","qty":1,"m":{"a":1,"a":1}}`,
	} {
		f.Add(points)
	}
	f.Fuzz(func(t *testing.T, points string) {
		body := `{"data":{"metrics":[{"name":"m","units":"u","data":[` + points + `]}]}}`
		var read struct {
			Data struct {
				Metrics []struct {
					Data []jsontext.Value `json:"data"`
				} `json:"metrics"`
			} `json:"data"`
		}
		if json.Unmarshal([]byte(body), &read, jsontext.AllowDuplicateNames(true)) != nil || len(read.Data.Metrics) != 1 {
			return // covered by FuzzScanner, or the text closes the list of points
		}
		var want []pointResult
		for _, point := range read.Data.Metrics[0].Data {
			want = append(want, readSlowly(point))
		}
		if slices.ContainsFunc(want, func(r pointResult) bool { return r.skip }) {
			return
		}
		var got []pointResult
		for record, err := range decodeJSON(strings.NewReader(body), Options{}) {
			switch _, refused := errors.AsType[*health.Rejection](err); {
			case refused:
				got = append(got, pointResult{Refused: true})
			case err != nil:
				return // nested too deeply, or a name of the envelope is there twice
			default:
				got = append(got, pointResult{Sample: record.Samples[0]})
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.IgnoreUnexported(pointResult{})); diff != "" {
			t.Errorf("difference (-slow +fast):\n%s", diff)
		}
	})
}

// pointResult is the result of decoding a point.
type pointResult struct {
	Refused bool
	Sample  health.Sample
	// skip is set for a point to which other rules apply.
	skip bool
}

var rejected = pointResult{Refused: true}

// slowPoint is a point as a map of its members, without empty ones.
type slowPoint map[string]jsontext.Value

func readSlowly(raw jsontext.Value) pointResult {
	if raw.Kind() != '{' {
		return rejected
	}
	all := map[string]jsontext.Value{}
	if json.Unmarshal(raw, &all) != nil {
		return rejected // a name is there twice
	}
	point := slowPoint{}
	rest := map[string]jsontext.Value{}
	for name, value := range all {
		switch known := slowName(name); {
		case known == "":
			rest[name] = value
		case point[known] != nil || slowTwice(all, known):
			return pointResult{skip: true} // two spellings of one field: the order decides
		case value.Kind() != 'n' && string(value) != `""`:
			point[known] = value
			point["sent as "+known] = jsontext.Value(name)
		}
	}
	if slices.ContainsFunc([]string{"sleepStart", "core", "deep", "rem", "awake"}, func(name string) bool { return rest[name] != nil }) {
		return pointResult{skip: true}
	}
	for name := range rest {
		if sleepField([]byte(name)) != fieldOther {
			return pointResult{skip: true}
		}
	}
	return point.sample(rest)
}

// slowName returns the canonical name of a field, "" for one that is not known.
func slowName(name string) string {
	switch name {
	case "date", "qty", "source", "systolic", "diastolic", "start", "end":
		return name
	case "startDate", "endDate":
		return strings.TrimSuffix(name, "Date")
	}
	for _, summary := range []string{"min", "avg", "max"} {
		if strings.EqualFold(name, summary) && len(name) == 3 {
			return summary
		}
	}
	return ""
}

func slowTwice(all map[string]jsontext.Value, known string) bool {
	count := 0
	for name := range all {
		if slowName(name) == known {
			count++
		}
	}
	return count > 1
}

func (p slowPoint) sample(rest map[string]jsontext.Value) pointResult {
	s := health.NewSample()
	ok := p.times(&s, rest)
	values := 0
	for name, value := range map[string]*float64{"qty": &s.Value, "min": &s.Min, "max": &s.Max, "systolic": &s.Systolic, "diastolic": &s.Diastolic} {
		if p[name] != nil {
			values++
			ok = slowNumber(p[name], value) && ok
		}
	}
	if p["avg"] != nil {
		values++
		ok = slowNumber(p["avg"], &s.Value) && ok
		if p["qty"] != nil {
			rest["qty"] = p["qty"]
		}
	}
	if values == 0 {
		ok = slowCounts(&s, rest) && ok
	}
	ok = p.source(&s, rest) && ok
	if !ok || !slowAttributes(&s, rest) {
		return rejected
	}
	return pointResult{Sample: s}
}

func (p slowPoint) times(s *health.Sample, rest map[string]jsontext.Value) bool {
	var at [3]health.Instant
	var offset [3]int32
	readable := true
	for i, name := range []string{"date", "start", "end"} {
		if p[name] == nil {
			continue
		}
		var ok bool
		if at[i], offset[i], ok = newTimeReader(Options{}).parseValue(p[name]); !ok && name == "end" {
			readable = false // it matters only where it is the end of the sample
		} else if !ok {
			return false
		}
	}
	switch {
	case p["start"] != nil && p["date"] != nil && at[0] != at[1]:
		s.Start, s.Offset, s.End = at[0], offset[0], at[0]
		for _, name := range []string{"start", "end"} {
			if p[name] != nil {
				rest[string(p["sent as "+name])] = p[name]
			}
		}
		return true
	case p["start"] != nil:
		s.Start, s.Offset = at[1], offset[1]
	case p["date"] != nil:
		s.Start, s.Offset = at[0], offset[0]
	default:
		return false
	}
	if s.End = s.Start; p["end"] != nil {
		s.End = at[2]
	}
	return readable && s.End >= s.Start
}

func slowNumber(raw jsontext.Value, into *float64) bool {
	if raw.Kind() == '"' {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return false
		}
		raw = jsontext.Value(strings.TrimSpace(text))
	}
	if raw.Kind() != '0' || !raw.IsValid() {
		return false
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	*into = v
	return err == nil
}

func slowCounts(s *health.Sample, rest map[string]jsontext.Value) bool {
	sum, counted := 0.0, false
	for name, raw := range rest {
		var v float64
		if slices.Contains(countNames, strings.ToLower(name)) && (slowNumber(raw, &v) || math.IsInf(v, 0)) {
			sum, counted = sum+v, true
		}
	}
	s.Value = sum
	return counted
}

func (p slowPoint) source(s *health.Sample, rest map[string]jsontext.Value) bool {
	raw := p["source"]
	if raw == nil {
		return true
	}
	if raw.Kind() != '"' {
		rest["source"] = raw
	}
	if raw.Kind() == '{' {
		object := map[string]jsontext.Value{}
		if json.Unmarshal(raw, &object) != nil {
			return false
		}
		raw = object["name"]
	}
	if raw.Kind() == '"' && json.Unmarshal(raw, &s.Source) != nil {
		return false
	}
	return len(s.Source) <= maxText && !strings.Contains(s.Source, "\x00")
}

func slowAttributes(s *health.Sample, rest map[string]jsontext.Value) bool {
	if len(rest) == 0 {
		return true
	}
	text, err := json.Marshal(rest, json.Deterministic(true))
	if err != nil {
		return false
	}
	s.Attributes, err = health.CanonicalJSON(text)
	return err == nil && !holdsInfinity(text)
}

func holdsInfinity(text []byte) bool {
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		if token.Kind() == '0' {
			if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
				return true
			}
		}
	}
}

// FuzzDecode decodes any body: the decoder must not panic, must give each element a position, and must not yield
// anything that cannot be stored.
func FuzzDecode(f *testing.F) {
	seedWithFixtures(f, func(body []byte) { f.Add(body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		ended := false
		for record, err := range decodeJSON(bytes.NewReader(body), Options{}) {
			if ended {
				t.Fatal("something came after the error that ended the body")
			}
			rejection, isRejection := errors.AsType[*health.Rejection](err)
			switch {
			case isRejection:
				checkRejection(t, &record, rejection)
			case err != nil:
				ended = true
				if kind := problem.KindOf(err); kind != problem.Invalid && kind != problem.Unrecognised {
					t.Errorf("the error is of kind %q: %v", kind, err)
				}
			default:
				checkRecord(t, &record)
			}
		}
		_, _ = Detect(body)
	})
}

func checkRejection(t *testing.T, record *health.Record, r *health.Rejection) {
	t.Helper()
	if r.Type == "" || r.Code == "" || r.Message == "" || r.Suggestion == "" {
		t.Errorf("a rejection that does not say enough: %+v", r)
	}
	if record.Position != r.Position {
		t.Errorf("the record stands at %+v, its rejection at %+v", record.Position, r.Position)
	}
}

func checkRecord(t *testing.T, r *health.Record) {
	t.Helper()
	if r.Position.Type == "" {
		t.Error("a record without a position")
	}
	kinds := 0
	for _, is := range []bool{len(r.Samples) > 0, r.Night != nil, r.Segment != nil, r.Workout != nil, r.Event != nil, r.ECG != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 && !(kinds == 0 && r.Position.Type == "body" && len(r.Warnings) == 1) {
		t.Errorf("a record that is %d things", kinds)
	}
	for i := range r.Samples {
		checkSample(t, &r.Samples[i])
	}
	for _, w := range r.Warnings {
		if w.Position != r.Position || w.Code == "" || w.Message == "" {
			t.Errorf("a warning that does not say enough: %+v", w)
		}
	}
}

func checkSample(t *testing.T, s *health.Sample) {
	t.Helper()
	if s.Start < health.MinInstant || s.End > health.MaxInstant || s.End < s.Start {
		t.Errorf("a sample from %v to %v", s.Start, s.End)
	}
	values := []float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic}
	if slices.ContainsFunc(values, func(v float64) bool { return math.IsInf(v, 0) }) {
		t.Errorf("a value that is infinite: %v", values)
	}
	if !s.HasValue() && (s.Attributes == "" || s.Grain != health.GrainRaw) {
		t.Errorf("a sample without a value has the grain %d and no part: %q", s.Grain, s.Attributes)
	}
	if s.Attributes != "" && !jsontext.Value(s.Attributes).IsValid() {
		t.Errorf("attributes that are not JSON: %s", s.Attributes)
	}
}

// TestPendingNightsAreBounded decodes more nights before their unit than can be pending.
func TestPendingNightsAreBounded(t *testing.T) {
	t.Parallel()
	night := `{"date":"2026-03-10","totalSleep":7},`
	body := `{"data":{"metrics":[{"data":[` + strings.TrimSuffix(strings.Repeat(night, maxPendingNights+5), ",") + `],"units":"min","name":"sleep_analysis"}]}}`
	var hours []string
	for record, err := range decodeJSON(strings.NewReader(body), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%.3f", record.Night.Total); len(hours) == 0 || hours[len(hours)-1] != text {
			hours = append(hours, text)
		}
	}
	if diff := cmp.Diff([]string{"7.000", "0.117"}, hours); diff != "" {
		t.Error(diff)
	}
}

// TestManySources decodes a body with more sources and attributes than fit the cache.
func TestManySources(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"data":{"metrics":[{"name":"m","data":[`)
	const count = 3 * maxCachedTexts
	for i := range count {
		fmt.Fprintf(&body, `{"date":"2026-03-10","qty":1,"source":"source %d","note":%d},`, i, i)
	}
	body.WriteString(`{"date":"2026-03-10","qty":1,"source":"source 0","note":0}]}]}}`)
	i := 0
	for record, err := range decodeJSON(strings.NewReader(body.String()), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		s := record.Samples[0]
		if want := i % count; s.Source != fmt.Sprint("source ", want) || s.Attributes != fmt.Sprintf(`{"note":%d}`, want) {
			t.Fatalf("point %d has source %q and attributes %s", i, s.Source, s.Attributes)
		}
		i++
	}
}
