package server

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// pitfall is one way in which totals went wrong in other servers: bodies as the app sends them, and questions with what
// is right and what a naive reading of the bodies gives.
type pitfall struct {
	Title  string `json:"title"`
	Bodies []struct {
		File     string            `json:"file"`
		Received time.Time         `json:"received"`
		Headers  map[string]string `json:"headers"`
	} `json:"bodies"`
	Priority  aggregate.SourceOrder `json:"priority"`
	Questions []pitfallQuestion     `json:"questions"`

	name string
	sent [][]byte
}

type pitfallQuestion struct {
	Metric      string        `json:"metric"` // or sleep; of Apple's export, the type of the records
	Date        health.Date   `json:"date"`
	TZ          string        `json:"tz"`
	Aggregation string        `json:"agg"`
	Naive       string        `json:"naive"` // see naive
	Want        float64       `json:"want"`
	Grain       *health.Grain `json:"grain"`   // where it matters
	Sources     []string      `json:"sources"` // where it matters
}

func pitfalls(t *testing.T) (all []*pitfall) {
	t.Helper()
	folders, err := filepath.Glob("testdata/pitfalls/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no pitfalls: %v", err)
	}
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, folder := range folders {
		p := &pitfall{name: filepath.Base(folder)}
		if err := json.Unmarshal(read(filepath.Join(folder, "case.json")), p, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, body := range p.Bodies {
			p.sent = append(p.sent, read(filepath.Join(folder, body.File)))
		}
		all = append(all, p)
	}
	return all
}

// Each pitfall goes through the real way in and the real way out, on every store: in the order the bodies came, and with
// the same end where they are processed again, first to last. The table of all of them is docs/pitfalls.md.
func TestPitfalls(t *testing.T) {
	t.Parallel()
	all := pitfalls(t)
	var mu sync.Mutex
	rows := map[string]string{} // by store
	t.Run("stores", func(t *testing.T) {
		testdb.Each(t, func(t *testing.T, s store.Store) {
			var table strings.Builder
			for _, p := range all {
				for i, answer := range p.answers(t, s) {
					q := &p.Questions[i]
					naive := p.naive(t, q)
					if health.SameValue(naive, answer.value) {
						t.Errorf("%s: the naive way gives %v too, so nothing is shown", p.name, naive)
					}
					fmt.Fprintf(&table, "| %s | %s | %s | **%s** | %s |\n",
						strings.SplitN(p.name, "-", 2)[0], p.Title, round(naive), round(answer.value), answer.by())
				}
			}
			mu.Lock()
			defer mu.Unlock()
			rows[t.Name()] = table.String()
		})
	})
	var table string
	for name, text := range rows {
		if table = cmp.Or(table, text); table != text {
			t.Errorf("%s answers in another way:\n%s", name, gocmp.Diff(table, text))
		}
	}
	document := `# What a naive sum gives, and what this server gives

Written by a test (` + "`go test ./internal/server -run Pitfalls -update`" + `) from the bodies in
` + "`internal/server/testdata/pitfalls`" + `, which go through the real way in and out on every store. The rule behind the
answers is in [counting.md](counting.md). Sleep is in hours.

| no. | what went wrong elsewhere | naive | this server | answered by |
|---|---|--:|--:|---|
` + table
	const path = "../../docs/pitfalls.md"
	if *update {
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(written), document); diff != "" {
		t.Errorf("%s (-written +now):\n%s", path, diff)
	}
}

// pitfallAnswer is what the server returns.
type pitfallAnswer struct {
	value   float64
	grain   *health.Grain
	sources []string
}

func (a pitfallAnswer) by() string {
	sources := make([]string, len(a.sources))
	for i, source := range a.sources {
		sources[i] = strings.ReplaceAll(source, "|", `\|`)
	}
	from := strings.Join(sources, ", ")
	if a.grain == nil {
		return strings.TrimPrefix(" night of "+from, " ")
	}
	kind := map[health.Grain]string{0: "raw samples", 60: "minutes", 3600: "hours", 86_400: "the day"}[*a.grain]
	if from == "" {
		return kind
	}
	return kind + " of " + from
}

// answers sends the bodies of a pitfall for a user of its own and asks its questions.
func (p *pitfall) answers(t *testing.T, s store.Store) []pitfallAnswer {
	t.Helper()
	metricCatalog, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	var now time.Time
	received, err := ingest.New(ingest.Config{
		Store: s, Catalog: metricCatalog, Logger: testlog.Logger(t), Now: func() time.Time { return now }, Registerer: prometheus.NewRegistry(),
		Limits: ingest.Limits{Wait: time.Minute, TempDir: t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	user, err := account.NewUser(p.name+"@example.org", "", "Europe/Berlin", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err == nil {
		err = s.CreateUser(t.Context(), user)
	}
	if err == nil {
		_, err = query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: s, Catalog: metricCatalog, Logger: testlog.Logger(t)}).SetSourcePriority(t.Context(), user, p.Priority)
	}
	if err != nil {
		t.Fatal(err)
	}
	var ingestions []health.Ingestion
	for i, body := range p.Bodies {
		now = body.Received
		ingestion, err := received.Receive(t.Context(), ingest.Request{
			User: user, Body: strings.NewReader(string(p.sent[i])), Headers: body.Headers,
		})
		if err != nil || ingestion.Status != health.StatusProcessed {
			t.Fatalf("%s, %s: %s, error %v, errors %v", p.name, body.File, ingestion.Status, err, ingestion.Report.Errors)
		}
		ingestions = append(ingestions, ingestion)
	}
	answers := query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: s, Catalog: metricCatalog})
	first := p.ask(t, answers, user)
	for _, ingestion := range ingestions {
		if _, err := received.Replay(t.Context(), user, ingestion.ID); err != nil {
			t.Fatal(err)
		}
	}
	same := gocmp.AllowUnexported(pitfallAnswer{})
	if diff := gocmp.Diff(first, p.ask(t, answers, user), same); diff != "" {
		t.Errorf("%s: other answers after everything was processed again:\n%s", p.name, diff)
	}
	if err := received.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	return first
}

func (p *pitfall) ask(t *testing.T, s *query.Service, user account.User) (answers []pitfallAnswer) {
	t.Helper()
	for i := range p.Questions {
		q := &p.Questions[i]
		answer := q.ask(t, s, user)
		if !health.SameValue(answer.value, q.Want) ||
			q.Grain != nil && (answer.grain == nil || *q.Grain != *answer.grain) ||
			q.Sources != nil && !slices.Equal(q.Sources, answer.sources) {
			t.Errorf("%s: %s on %s (tz %q) is %v by %s, want %v", p.name, q.Metric, q.Date, q.TZ, answer.value, answer.by(), q.Want)
		}
		answers = append(answers, answer)
	}
	return answers
}

func (q *pitfallQuestion) ask(t *testing.T, s *query.Service, user account.User) pitfallAnswer {
	t.Helper()
	if q.Metric == "sleep" {
		day, err := s.Day(t.Context(), user, "", q.Date)
		if err != nil || day.Sleep == nil || day.Sleep.Total == nil {
			t.Fatalf("no sleep on %s: %v", q.Date, err)
		}
		return pitfallAnswer{*day.Sleep.Total, nil, []string{day.Sleep.Source}}
	}
	request := query.SeriesRequest{
		Metric: q.Metric, TZ: q.TZ, Aggregation: q.Aggregation, Start: q.Date.In(user.Location()), End: (q.Date + 1).In(user.Location()),
	}
	series, err := s.Series(t.Context(), user, request)
	if err != nil {
		t.Fatal(err)
	}
	for _, point := range series.Points {
		if health.DateOf(point.Start) == q.Date && point.Value != nil {
			return pitfallAnswer{*point.Value, point.Grain, point.Sources}
		}
	}
	t.Fatalf("no point of %s on %s", q.Metric, q.Date)
	return pitfallAnswer{}
}

func round(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }

// naivePoint is a point as a reader without handling for the pitfalls decodes it.
type naivePoint struct {
	date   string
	fields map[string]float64
}

func (p *pitfall) points(t *testing.T, metric string) (all []naivePoint) {
	t.Helper()
	for _, sent := range p.sent {
		if bytes.HasPrefix(sent, []byte("<")) {
			all = append(all, recordsOf(t, sent, metric)...)
			continue
		}
		var body struct {
			Data struct {
				Metrics []struct {
					Name string           `json:"name"`
					Data []map[string]any `json:"data"`
				} `json:"metrics"`
			} `json:"data"`
		}
		if err := json.Unmarshal(sent, &body); err != nil {
			t.Fatal(err)
		}
		for _, m := range body.Data.Metrics {
			if metric != "" && m.Name != metric {
				continue
			}
			for _, sentPoint := range m.Data {
				point := naivePoint{fields: map[string]float64{}}
				point.date, _ = sentPoint["date"].(string)
				for name, value := range sentPoint {
					if number, ok := value.(float64); ok {
						point.fields[name] = number
					}
				}
				all = append(all, point)
			}
		}
	}
	return all
}

// recordsOf reads the records of one type in an export of Apple Health, by the clock it prints.
func recordsOf(t *testing.T, export []byte, kind string) (all []naivePoint) {
	t.Helper()
	var body struct {
		Records []struct {
			Type  string  `xml:"type,attr"`
			Start string  `xml:"startDate,attr"`
			Value float64 `xml:"value,attr"`
		} `xml:"Record"`
	}
	if err := xml.Unmarshal(export, &body); err != nil {
		t.Fatal(err)
	}
	for _, record := range body.Records {
		if record.Type == kind {
			all = append(all, naivePoint{record.Start, map[string]float64{"qty": record.Value}})
		}
	}
	return all
}

// naive answers a question in one of the ways that went wrong.
func (p *pitfall) naive(t *testing.T, q *pitfallQuestion) float64 {
	t.Helper()
	name := q.Metric
	switch name {
	case "sleep":
		name = "sleep_analysis"
	case "vitamin_a":
		name = "dietary_vitamin_a"
	case "blood_pressure":
		name = ""
	}
	points := p.points(t, name)
	words := strings.Fields(q.Naive)
	field, sum := "qty", 0.0
	if words[0] == "last" && len(words) > 1 {
		field = words[1]
	}
	byHour := map[string]float64{}
	for _, point := range points {
		at, _ := time.Parse("2006-01-02 15:04:05 -0700", point.date)
		switch {
		case words[0] == "fields":
			for _, field := range words[1:] {
				sum += point.fields[field]
			}
		case q.Naive == "points":
			sum++
		case q.Naive == "integers":
			sum += math.Trunc(point.fields[field])
		case q.Naive == "hours":
			byHour[point.date[:13]] = point.fields[field]
		case q.Naive == "sum",
			q.Naive == "day" && health.DateOf(at) == q.Date,
			q.Naive == "utc day" && health.DateOf(at.UTC()) == q.Date:
			sum += point.fields[field]
		}
	}
	switch words[0] {
	case "first":
		return points[0].fields[field]
	case "last":
		return points[len(points)-1].fields[field]
	case "micro":
		return points[0].fields[field] * 1e6
	case "hours":
		for _, value := range byHour {
			sum += value
		}
	}
	return sum
}
