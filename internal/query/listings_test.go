package query_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
)

// pages goes through a listing and returns its entries. ask returns a page and its next cursor.
func pages[T any](t *testing.T, most int, ask func(cursor string) ([]T, *string, error)) (all []T) {
	t.Helper()
	cursor := ""
	for range 100 {
		page, next, err := ask(cursor)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > most {
			t.Fatalf("a page of %d entries, want at most %d", len(page), most)
		}
		all = append(all, page...)
		if next == nil {
			return all
		}
		cursor = *next
	}
	t.Fatal("the pages do not end")
	return nil
}

func TestSamplesPages(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 10 {
		start := fmt.Sprintf("2026-03-1%dT08:00:00+02:00", i/2)
		m.samples = append(m.samples,
			steps(t, 0, []string{watch, phone}[i%2], start, float64(i)),
			until(t, steps(t, 0, watch, start, 100), fmt.Sprintf("2026-03-1%dT08:%02d:00+02:00", i/2, i+1)))
		if i%2 == 0 {
			m.samples = append(m.samples, steps(t, health.GrainDay, merged, fmt.Sprintf("2026-03-1%dT00:00:00+02:00", i/2), 1))
		}
	}
	s := newService(t, m)
	want, err := s.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count"})
	if err != nil || len(want.Samples) != len(m.samples) {
		t.Fatalf("%d samples, error %v, want %d", len(want.Samples), err, len(m.samples))
	}
	for _, limit := range []int{1, 3, len(m.samples)} {
		got := pages(t, limit, func(cursor string) ([]query.Sample, *string, error) {
			page, err := s.Samples(t.Context(), anna, query.SamplesRequest{Metric: "steps", Limit: limit, Cursor: cursor})
			return page.Samples, page.NextCursor, err
		})
		if diff := cmp.Diff(want.Samples, got); diff != "" {
			t.Errorf("pages of %d (-at once +in pages):\n%s", limit, diff)
		}
	}
}

func TestSamplesNarrows(t *testing.T) {
	t.Parallel()
	hour := health.GrainHour
	m := &memory{samples: []health.Sample{
		steps(t, 0, watch, "2026-03-10T08:00:00+02:00", 1), steps(t, 0, phone, "2026-03-10T09:00:00+02:00", 2),
		steps(t, 3600, phone, "2026-03-10T10:00:00+02:00", 4), steps(t, 0, phone, "2026-03-11T09:00:00+02:00", 8),
	}}
	for name, test := range map[string]struct {
		request query.SamplesRequest
		want    float64
	}{
		"all":      {query.SamplesRequest{}, 15},
		"source":   {query.SamplesRequest{Source: phone}, 14},
		"grain":    {query.SamplesRequest{Grain: &hour}, 4},
		"start":    {query.SamplesRequest{Start: clock(t, "2026-03-10T09:00:00+02:00")}, 14},
		"end":      {query.SamplesRequest{End: clock(t, "2026-03-10T09:00:00+02:00")}, 1},
		"together": {query.SamplesRequest{Start: clock(t, "2026-03-10T09:00:00+02:00"), End: clock(t, "2026-03-11T00:00:00+02:00"), Source: phone}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.request.Metric = "step_count"
			page, err := newService(t, m).Samples(t.Context(), anna, test.request)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, s := range page.Samples {
				sum += *s.Value
			}
			if sum != test.want {
				t.Errorf("values make %v, want %v", sum, test.want)
			}
		})
	}
}

func TestSamplesInOtherUnits(t *testing.T) {
	t.Parallel()
	sample := func(metric, unit, start string, value float64) health.Sample {
		return point(t, metric, unit, 0, phone, start, value)
	}
	m := &memory{samples: []health.Sample{
		sample("body_temperature", "degC", "2026-03-10T08:00:00+02:00", 37),
		sample("body_temperature", "Réaumur", "2026-03-10T09:00:00+02:00", 29.6),
		sample("glow", "kcal", "2026-03-10T08:00:00+02:00", 1), sample("glow", "kcal", "2026-03-10T09:00:00+02:00", 2),
		sample("glow", "kJ", "2026-03-10T10:00:00+02:00", 41.84), sample("glow", "", "2026-03-10T11:00:00+02:00", 5),
	}}
	for _, test := range []struct {
		metric, unit, wantUnit string
		want                   []string
	}{
		{"body_temperature", "", "degC", []string{"37", "29.6 Réaumur"}},
		{"body_temperature", "degF", "degF", []string{"98.6", "29.6 Réaumur"}},
		{"body_temperature", "Réaumur", "Réaumur", []string{"37 degC", "29.6"}},
		{"glow", "", "kcal", []string{"1", "2", "10", "5 "}},
		{"glow", "kJ", "kJ", []string{"4.184", "8.368", "41.84", "5 "}},
	} {
		page, err := newService(t, m).Samples(t.Context(), anna, query.SamplesRequest{Metric: test.metric, Unit: test.unit})
		if err != nil {
			t.Errorf("%s in %q: %v", test.metric, test.unit, err)
			continue
		}
		var got []string
		for _, s := range page.Samples {
			text := fmt.Sprintf("%.6g", *s.Value)
			if s.Unit != nil {
				text += " " + *s.Unit
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || page.Unit != test.wantUnit {
			t.Errorf("%s in %q: page in %q (-want +got):\n%s", test.metric, test.unit, page.Unit, diff)
		}
	}
}

func TestWorkoutsPagesAndFilters(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 7 {
		w := aWorkout(t)
		w.ID, w.AppID = uuid.UUID{byte(i + 1)}, ""
		w.Start += health.Instant(i/2) * health.Day // two at a time
		if i == 3 {
			w.Name, w.Route = "Swim", nil
		}
		m.workouts = append(m.workouts, w)
	}
	s := newService(t, m)
	got := pages(t, 2, func(cursor string) ([]query.Workout, *string, error) {
		page, err := s.Workouts(t.Context(), anna, query.WorkoutsRequest{Limit: 2, Cursor: cursor})
		return page.Workouts, page.NextCursor, err
	})
	var ids []byte
	for _, w := range got {
		ids = append(ids, w.ID[0])
	}
	if diff := cmp.Diff([]byte{7, 6, 5, 4, 3, 2, 1}, ids); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	athens := health.Place{Latitude: 37.975, Longitude: 23.725}
	for name, test := range map[string]struct {
		request query.WorkoutsRequest
		want    int
	}{
		"name":   {query.WorkoutsRequest{Name: "swim"}, 1},
		"box":    {query.WorkoutsRequest{Box: &health.Box{South: 37, West: 23, North: 38, East: 24}}, 6},
		"near":   {query.WorkoutsRequest{Near: &health.Circle{Center: athens, Radius: 1000}}, 6},
		"far":    {query.WorkoutsRequest{Near: &health.Circle{Center: health.Place{Latitude: 1}, Radius: 1000}}, 0},
		"start":  {query.WorkoutsRequest{Start: clock(t, "2026-03-12T00:00:00+02:00")}, 3},
		"to end": {query.WorkoutsRequest{End: clock(t, "2026-03-11T00:00:00+02:00")}, 2},
	} {
		page, err := s.Workouts(t.Context(), anna, test.request)
		if err != nil || len(page.Workouts) != test.want {
			t.Errorf("%s: %d workouts, error %v, want %d", name, len(page.Workouts), err, test.want)
		}
	}
	if _, err := s.Route(t.Context(), anna, m.workouts[3].ID); problem.KindOf(err) != problem.NotFound {
		t.Errorf("the route of a swim: %v, want not found", err)
	}
	if w, err := s.Route(t.Context(), anna, m.workouts[0].ID); err != nil || len(w.Route) != 2 {
		t.Errorf("a route of %d points, error %v", len(w.Route), err)
	}
	if _, err := s.Workout(t.Context(), anna, query.WorkoutRequest{ID: uuid.UUID{99}}); problem.KindOf(err) != problem.NotFound {
		t.Errorf("a workout that is not there: %v, want not found", err)
	}
}

func TestEventsPages(t *testing.T) {
	t.Parallel()
	m := &memory{events: someEvents(t)}
	for i := range 4 { // all at once, distinguished by the app's id
		e := m.events[1]
		e.AppID = fmt.Sprintf("B%d", i)
		m.events = append(m.events, e)
	}
	s := newService(t, m)
	want, err := s.Events(t.Context(), anna, query.EventsRequest{})
	if err != nil || len(want.Events) != 7 {
		t.Fatalf("%d events, error %v", len(want.Events), err)
	}
	got := pages(t, 1, func(cursor string) ([]query.Event, *string, error) {
		page, err := s.Events(t.Context(), anna, query.EventsRequest{Limit: 1, Cursor: cursor})
		return page.Events, page.NextCursor, err
	})
	if diff := cmp.Diff(want.Events, got); diff != "" {
		t.Errorf("pages (-at once +in pages):\n%s", diff)
	}
	page, err := s.Events(t.Context(), anna, query.EventsRequest{Kind: "symptom", Start: clock(t, "2026-03-10T00:00:00Z"), End: clock(t, "2026-03-11T00:00:00Z")})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("%d symptoms, error %v, want 1", len(page.Events), err)
	}
}

func TestListingsRefuse(t *testing.T) {
	t.Parallel()
	s := newService(t, aDay(t))
	ctx := t.Context()
	now := clock(t, "2026-03-10T00:00:00Z")
	ofSamples, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "step_count", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	foreign := *ofSamples.NextCursor
	later := base64.RawURLEncoding.EncodeToString([]byte(`{"v":2,"of":"events","at":{}}`))
	for name, test := range map[string]struct {
		ask         func() error
		code, field string
	}{
		"samples: metric": {func() error { _, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "x"}); return err }, "unknown_metric", "name"},
		"samples: unit": {func() error {
			_, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "aura", Unit: "km"})
			return err
		}, "invalid_unit", "unit"},
		"samples: limit": {func() error {
			_, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "aura", Limit: 10_001})
			return err
		}, "invalid_limit", "limit"},
		"samples: range": {func() error {
			_, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "aura", Start: now, End: now})
			return err
		}, "invalid_range", "end"},
		"samples: cursor": {func() error {
			_, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "aura", Cursor: "e30"})
			return err
		}, "invalid_cursor", "cursor"},
		"samples: cursor of another": {func() error {
			_, err := s.Samples(ctx, anna, query.SamplesRequest{Metric: "aura", Cursor: foreign})
			return err
		}, "invalid_cursor", "cursor"},
		"workouts: limit":                {func() error { _, err := s.Workouts(ctx, anna, query.WorkoutsRequest{Limit: 1001}); return err }, "invalid_limit", "limit"},
		"workouts: cursor of samples":    {func() error { _, err := s.Workouts(ctx, anna, query.WorkoutsRequest{Cursor: foreign}); return err }, "invalid_cursor", "cursor"},
		"workouts: range":                {func() error { _, err := s.Workouts(ctx, anna, query.WorkoutsRequest{Start: now, End: now}); return err }, "invalid_range", "end"},
		"events: cursor of a version":    {func() error { _, err := s.Events(ctx, anna, query.EventsRequest{Cursor: later}); return err }, "invalid_cursor", "cursor"},
		"events: limit":                  {func() error { _, err := s.Events(ctx, anna, query.EventsRequest{Limit: -1}); return err }, "invalid_limit", "limit"},
		"events: range":                  {func() error { _, err := s.Events(ctx, anna, query.EventsRequest{Start: now, End: now}); return err }, "invalid_range", "end"},
		"ecg: range":                     {func() error { _, err := s.ECGs(ctx, anna, query.ECGRequest{Start: now, End: now}); return err }, "invalid_range", "end"},
		"sleep: backwards":               {func() error { _, err := s.Sleep(ctx, anna, 1, 0); return err }, "invalid_range", "end"},
		"days: backwards":                {func() error { _, err := s.Days(ctx, anna, "", 1, 0); return err }, "invalid_range", "end"},
		"days: too many":                 {func() error { _, err := s.Days(ctx, anna, "", 0, 366); return err }, "range_too_large", "end"},
		"days: before there was anybody": {func() error { _, err := s.Day(ctx, anna, "", date(t, "1899-12-31")); return err }, "invalid_range", "start"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkRefusal(t, test.ask(), test.code, test.field)
		})
	}
}

// broken is a store that fails in the middle.
type broken struct{ memory }

var errBroken = errors.New("the disk is gone")

func (b *broken) Samples(context.Context, uuid.UUID, store.SampleQuery) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		_ = len(b.samples) > 0 && !yield(b.samples[0], nil) || !yield(health.Sample{}, errBroken)
	}
}

// A failing store must not look like a user without data.
func TestErrorsOfTheStoreArePassedOn(t *testing.T) {
	t.Parallel()
	b := &broken{memory{samples: []health.Sample{steps(t, 0, phone, "2026-03-01T08:00:00+02:00", 1)}}}
	known, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := query.New(query.Config{Samples: b, Sleep: b, Workouts: b, Events: b, Catalog: known})
	start, end := clock(t, "2026-03-01T00:00:00Z"), clock(t, "2026-04-01T00:00:00Z")
	for name, ask := range map[string]func() error{
		"samples": func() error {
			_, err := s.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count"})
			return err
		},
		"series": func() error {
			_, err := s.Series(t.Context(), anna, query.SeriesRequest{Metric: "step_count", Start: start, End: end})
			return err
		},
		"summary": func() error {
			_, err := s.Day(t.Context(), anna, "", health.DateOf(start))
			return err
		},
	} {
		if err := ask(); !errors.Is(err, errBroken) {
			t.Errorf("%s: error %v, want that of the store", name, err)
		}
	}
}

func FuzzCursors(f *testing.F) {
	m := aDay(f)
	s := newService(f, m)
	page, err := s.Samples(f.Context(), anna, query.SamplesRequest{Metric: "step_count", Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(*page.NextCursor)
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"v":1,"of":"series","at":{"start":1e300,"offset":-1}}`)))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"v":1,"of":"series","at":{"start":9223372036854775807,"offset":2147483647}}`)))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, cursor string) {
		_, samples := s.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count", Cursor: cursor})
		_, series := s.Series(t.Context(), anna, query.SeriesRequest{Metric: "step_count", Start: start, Cursor: cursor})
		_, workouts := s.Workouts(t.Context(), anna, query.WorkoutsRequest{Cursor: cursor})
		_, events := s.Events(t.Context(), anna, query.EventsRequest{Cursor: cursor})
		for _, err := range []error{samples, series, workouts, events} {
			if err != nil && problem.KindOf(err) != problem.Invalid {
				t.Errorf("error %v of a cursor, want it invalid", err)
			}
		}
	})
}

func FuzzSeriesParameters(f *testing.F) {
	s := newService(f, aDay(f))
	for _, seed := range []string{"5m", "1d", "1w", "1mo", "10y", "0h", "d", "-1d", "٣d", "1 d"} {
		f.Add(seed, "local")
	}
	f.Add("1h", "Europe/Berlin")
	f.Fuzz(func(t *testing.T, bucket, tz string) {
		_, err := s.Series(t.Context(), anna, query.SeriesRequest{Metric: "step_count", Bucket: bucket, TZ: tz})
		if err != nil && problem.KindOf(err) != problem.Invalid {
			t.Errorf("error %v, want it invalid", err)
		}
	})
}
