package query_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// many is more than fits on any page.
const many = 1200

// yearsOfThings has many of everything, a day apart, from 2019 on, and an event without a time.
func yearsOfThings(t *testing.T) *memory {
	t.Helper()
	first, offset := parseInstant(t, "2019-01-01T07:00:00+02:00")
	m := &memory{events: []health.Event{{Kind: "moon", Digest: "d", Attributes: "{}"}}}
	for i := range health.Instant(many) {
		at := first + i*health.Day
		s := health.NewSample()
		s.Metric, s.Unit, s.Source, s.Start, s.End, s.Offset, s.Value = "step_count", "count", "Watch", at, at, offset, float64(i)
		s.Grain = health.GrainRaw
		m.samples = append(m.samples, s)
		night := health.NewNight()
		night.Source, night.Date, night.SleepStart, night.SleepEnd, night.Offset, night.Total = "Watch", at.Date(offset), at-health.Day/3, at, offset, 7
		m.nights = append(m.nights, night)
		m.segments = append(m.segments, health.Segment{Source: "Watch", Start: at - health.Day/3, End: at, Offset: offset, Stage: health.StageCore})
		if i < 250 {
			m.workouts = append(m.workouts, health.Workout{
				ID: uuid.MustParse(fmt.Sprintf("0193c0de-0000-7000-8000-%012d", i)), Name: "Run", Start: at, End: at + health.Second, Offset: offset,
				Duration: 1, Route: []health.RoutePoint{{Time: at, Latitude: 1, Longitude: 2}},
			})
			m.ecgs = append(m.ecgs, health.ECG{
				Start: at, End: at + 30*health.Second, Offset: offset, Unit: "mcV", Voltages: []float64{1, 2}, AverageHeartRate: 60, SamplingFrequency: 512,
			})
		}
		m.events = append(m.events, health.Event{Kind: "symptom", Name: "Headache", Start: at, Offset: offset, Attributes: "{}"})
	}
	weight := point(t, "weight_body_mass", "kg", health.GrainRaw, "Scale", "2026-03-10T07:00:00+02:00", 71)
	inStones := weight
	inStones.Unit, inStones.Start = "pebble", weight.Start+health.Second
	m.samples = append(m.samples, weight, inStones)
	return m
}

// countOf counts the elements of a sequence, and fails where one comes twice.
func countOf[T any](t *testing.T, sequence iter.Seq2[T, error], key func(*T) any) int {
	t.Helper()
	seen := map[any]bool{}
	for thing, err := range sequence {
		if err != nil {
			t.Fatal(err)
		}
		if k := key(&thing); seen[k] {
			t.Fatalf("%v comes twice", k)
		} else {
			seen[k] = true
		}
	}
	return len(seen)
}

type counts struct{ samples, nights, segments, workouts, routes, events, ecgs, voltages int }

func countAll(t *testing.T, e *query.Extract) (c counts) {
	t.Helper()
	ctx := t.Context()
	c.samples = countOf(t, e.Samples(ctx), func(s *health.Sample) any { return s.Key() })
	c.nights = countOf(t, e.Nights(ctx), func(n *health.Night) any { return n.Date })
	c.segments = countOf(t, e.Segments(ctx), func(s *health.Segment) any { return s.End })
	c.workouts = countOf(t, e.Workouts(ctx), func(w *health.Workout) any {
		c.routes += len(w.Route)
		return w.ID
	})
	c.events = countOf(t, e.Events(ctx), func(e *health.Event) any { return e.Key() })
	c.ecgs = countOf(t, e.ECGs(ctx), func(e *health.ECG) any {
		c.voltages += len(e.Voltages)
		return e.Start
	})
	return c
}

// Everything is extracted once, across pages and years, from every store.
func TestExtractTakesEverythingOnce(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		write(t, s, yearsOfThings(t))
		known, err := catalog.Load()
		if err != nil {
			t.Fatal(err)
		}
		service := query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Catalog: known, Now: time.Now})
		for name, test := range map[string]struct {
			request query.ExtractRequest
			want    counts
		}{
			"everything": {query.ExtractRequest{}, counts{many + 2, many, many, 250, 250, many + 1, 250, 500}},
			"metrics": {
				query.ExtractRequest{Metrics: []string{"body_mass", "HKQuantityTypeIdentifierBodyMass"}},
				counts{2, many, many, 250, 250, many + 1, 250, 500},
			},
			"ten days": {
				query.ExtractRequest{Start: clock(t, "2019-01-11T00:00:00+02:00"), End: clock(t, "2019-01-21T07:00:00+02:00")},
				counts{10, 10, 10, 10, 10, 10, 10, 20},
			},
			"until the epoch": {query.ExtractRequest{Start: clock(t, "1969-01-01T00:00:00Z"), End: clock(t, "1970-01-01T00:00:00Z")}, counts{}},
		} {
			extract, err := service.Extract(t.Context(), anna, test.request)
			if err != nil {
				t.Fatal(err)
			}
			if got := countAll(t, extract); got != test.want {
				t.Errorf("%s: %+v, want %+v", name, got, test.want)
			}
		}
	})
}

func TestExtractIsRefused(t *testing.T) {
	t.Parallel()
	service := newService(t, yearsOfThings(t))
	for field, request := range map[string]query.ExtractRequest{
		"metrics": {Metrics: []string{"step_count", "nonsense"}},
		"end":     {Start: clock(t, "2026-03-10T00:00:00Z"), End: clock(t, "2026-03-10T00:00:00Z")},
	} {
		_, err := service.Extract(t.Context(), anna, request)
		if known, ok := errors.AsType[*problem.Error](err); !ok || known.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A sequence ends when its consumer stops.
func TestExtractStops(t *testing.T) {
	t.Parallel()
	extract, err := newService(t, yearsOfThings(t)).Extract(t.Context(), anna, query.ExtractRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for range extract.Samples(t.Context()) {
		stopped++
		break
	}
	for range extract.Nights(t.Context()) {
		stopped++
		break
	}
	for range extract.Segments(t.Context()) {
		stopped++
		break
	}
	for range extract.Workouts(t.Context()) {
		stopped++
		break
	}
	for range extract.Events(t.Context()) {
		stopped++
		break
	}
	for range extract.ECGs(t.Context()) {
		stopped++
		break
	}
	if stopped != 6 {
		t.Errorf("%d of 6 were read from", stopped)
	}
}
