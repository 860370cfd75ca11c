package query_test

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// Every query returns from a real store what it returns from slices.
func TestResponsesFromEveryStore(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		m := aDay(t)
		m.segments = append(m.segments, segments(t)...)
		m.ecgs[0].Voltages[2] = 7 // a store keeps numbers
		slices.SortFunc(m.segments, func(a, b health.Segment) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Source, b.Source))
		})
		write(t, s, m)
		known, err := catalog.Load()
		if err != nil {
			t.Fatal(err)
		}
		fromStore := query.New(query.Config{
			Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: s, Catalog: known,
			Now: func() time.Time { return time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC) },
		})
		fromSlices := newService(t, m)
		for name, ask := range everyQuery(t) {
			want, err := ask(fromSlices)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ask(fromStore)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := gocmp.Diff(want, got, gocmp.FilterPath(isID, gocmp.Ignore())); diff != "" {
				t.Errorf("%s (-from slices +from the store):\n%s", name, diff)
			}
		}
		routeFromStore(t, fromStore, m.workouts[0])
		if got := eventsOneByOne(t, fromStore); got != len(m.events) {
			t.Errorf("%d events in pages of one, want %d", got, len(m.events))
		}
	})
}

// isID reports whether a path is that of an id given by the store.
func isID(p gocmp.Path) bool {
	field, ok := p.Last().(gocmp.StructField)
	return ok && (field.Name() == "ID" || field.Name() == "Workout" && field.Type() == reflect.TypeFor[uuid.UUID]())
}

func write(t *testing.T, s store.Store, m *memory) {
	t.Helper()
	anna := anna
	anna.Email, anna.CreatedAt = "anna@example.com", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := s.CreateUser(t.Context(), anna); err != nil {
		t.Fatal(err)
	}
	sorted := slices.SortedFunc(slices.Values(m.samples), func(a, b health.Sample) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.KeyTime(), b.KeyTime()))
	})
	for _, write := range []func() (store.Written, error){
		func() (store.Written, error) { return s.WriteSamples(t.Context(), store.Body{User: anna.ID}, sorted) },
		func() (store.Written, error) {
			return s.WriteNights(t.Context(), store.Body{User: anna.ID}, slices.Clone(m.nights))
		},
		func() (store.Written, error) {
			return s.WriteSegments(t.Context(), store.Body{User: anna.ID}, slices.Clone(m.segments))
		},
		func() (store.Written, error) {
			return s.WriteWorkouts(t.Context(), store.Body{User: anna.ID}, slices.Clone(m.workouts))
		},
		func() (store.Written, error) {
			return s.WriteEvents(t.Context(), store.Body{User: anna.ID}, slices.Clone(m.events))
		},
		func() (store.Written, error) {
			return s.WriteECGs(t.Context(), store.Body{User: anna.ID}, slices.Clone(m.ecgs))
		},
	} {
		written, err := write()
		if err != nil {
			t.Fatal(err)
		}
		for i, outcome := range written.Outcomes {
			if outcome != health.Inserted {
				t.Fatalf("element %d of a batch: %v, want it inserted", i, outcome)
			}
		}
	}
}

func everyQuery(t *testing.T) map[string]func(*query.Service) (any, error) {
	ctx := t.Context()
	day := date(t, "2026-03-10")
	questions := map[string]func(*query.Service) (any, error){
		"metrics":  func(s *query.Service) (any, error) { return s.Metrics(ctx, anna) },
		"latest":   func(s *query.Service) (any, error) { return s.Latest(ctx, anna) },
		"days":     func(s *query.Service) (any, error) { return s.Days(ctx, anna, "", day-1, day+1) },
		"sleep":    func(s *query.Service) (any, error) { return s.Sleep(ctx, anna, day-1, day+1) },
		"workouts": func(s *query.Service) (any, error) { return s.Workouts(ctx, anna, query.WorkoutsRequest{}) },
		"events":   func(s *query.Service) (any, error) { return s.Events(ctx, anna, query.EventsRequest{}) },
		"ecg": func(s *query.Service) (any, error) {
			return s.ECGs(ctx, anna, query.ECGRequest{Voltages: true})
		},
		"the workout": func(s *query.Service) (any, error) {
			page, err := s.Workouts(ctx, anna, query.WorkoutsRequest{})
			if err != nil {
				return nil, err
			}
			return s.Workout(ctx, anna, query.WorkoutRequest{ID: page.Workouts[0].ID, Splits: "km"})
		},
		"the ECG": func(s *query.Service) (any, error) { return s.ECG(ctx, anna, clock(t, "2026-03-10T09:00:00+02:00")) },
		"a comparison": func(s *query.Service) (any, error) {
			return s.Compare(ctx, anna, query.CompareRequest{
				Metrics: []string{"step_count", "sleep_analysis", "blood_pressure_systolic"}, Start: day, End: day, WithStart: day - 1, WithEnd: day - 1,
			})
		},
		"a correlation": func(s *query.Service) (any, error) {
			return s.Correlate(ctx, anna, query.CorrelateRequest{X: "step_count", Y: "heart_rate", Start: day - 30, End: day})
		},
		"trends":  func(s *query.Service) (any, error) { return s.Trends(ctx, anna, query.TrendsRequest{Date: day}) },
		"records": func(s *query.Service) (any, error) { return s.Records(ctx, anna, query.RecordsRequest{}) },
	}
	for _, metric := range []string{
		"step_count", "heart_rate", "blood_pressure", "handwashing", "sexual_activity", "weight_body_mass", "aura",
	} {
		questions["samples of "+metric] = func(s *query.Service) (any, error) {
			return s.Samples(ctx, anna, query.SamplesRequest{Metric: metric})
		}
		questions["series of "+metric] = func(s *query.Service) (any, error) {
			return s.Series(ctx, anna, query.SeriesRequest{Metric: metric})
		}
	}
	return questions
}

func routeFromStore(t *testing.T, s *query.Service, want health.Workout) {
	t.Helper()
	page, err := s.Workouts(t.Context(), anna, query.WorkoutsRequest{Near: &health.Circle{Center: want.Route[0].Place(), Radius: 10}})
	if err != nil || len(page.Workouts) != 1 {
		t.Fatalf("%d workouts near their route, error %v", len(page.Workouts), err)
	}
	got, err := s.Route(t.Context(), anna, page.Workouts[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want.Route, got.Route, gocmp.Comparer(health.SameValue)); diff != "" {
		t.Errorf("route (-want +got):\n%s", diff)
	}
}

func eventsOneByOne(t *testing.T, s *query.Service) int {
	t.Helper()
	return len(pages(t, 1, func(cursor string) ([]query.Event, *string, error) {
		page, err := s.Events(t.Context(), anna, query.EventsRequest{Limit: 1, Cursor: cursor})
		return page.Events, page.NextCursor, err
	}))
}
