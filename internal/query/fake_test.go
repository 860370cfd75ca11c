package query_test

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
)

// memory is a store of one user's data in slices.
type memory struct {
	samples  []health.Sample
	nights   []health.Night
	segments []health.Segment
	workouts []health.Workout
	events   []health.Event
	ecgs     []health.ECG
	// read counts the samples that were yielded.
	read atomic.Int64
}

var anna = account.User{ID: uuid.MustParse("0193c0de-0000-7000-8000-000000000001"), TimeZone: "Europe/Athens"}

// newService returns a service that reads from m; its current time is noon of 2026-03-20 UTC.
func newService(t testing.TB, m *memory) *query.Service {
	t.Helper()
	known, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return query.New(query.Config{
		Samples: m, Sleep: m, Workouts: m, Events: m, Catalog: known,
		Now: func() time.Time { return time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC) },
	})
}

func within(i health.Instant, r store.Range) bool {
	return (r.From == 0 || i >= r.From) && (r.To == 0 || i < r.To)
}

func (m *memory) Metrics(context.Context, uuid.UUID) ([]store.MetricInfo, error) {
	type name struct{ metric, unit string }
	infos := map[name]*store.MetricInfo{}
	for _, s := range m.samples {
		info := infos[name{s.Metric, s.Unit}]
		if info == nil {
			info = &store.MetricInfo{Metric: s.Metric, Unit: s.Unit, First: s.Start, Last: s.Start}
			infos[name{s.Metric, s.Unit}] = info
		}
		info.Count++
		info.First, info.Last = min(info.First, s.Start), max(info.Last, s.Start)
		if s.Source != "" {
			info.Sources = append(info.Sources, s.Source)
		}
		info.Grains = append(info.Grains, s.Grain)
	}
	var list []store.MetricInfo
	for _, info := range infos {
		slices.Sort(info.Sources)
		slices.Sort(info.Grains)
		info.Sources, info.Grains = slices.Compact(info.Sources), slices.Compact(info.Grains)
		list = append(list, *info)
	}
	slices.SortFunc(list, func(a, b store.MetricInfo) int {
		return cmp.Or(strings.Compare(a.Metric, b.Metric), strings.Compare(a.Unit, b.Unit))
	})
	return list, nil
}

func (m *memory) Samples(ctx context.Context, _ uuid.UUID, q store.SampleQuery) iter.Seq2[health.Sample, error] {
	found := slices.DeleteFunc(slices.Clone(m.samples), func(s health.Sample) bool {
		return s.Metric != q.Metric || q.Unit != "" && s.Unit != q.Unit || !within(s.Start, q.Range) ||
			q.Grains != nil && !slices.Contains(q.Grains, s.Grain) || q.Source != "" && s.Source != q.Source ||
			q.After != nil && s.Key().Compare(*q.After) <= 0
	})
	slices.SortFunc(found, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return func(yield func(health.Sample, error) bool) {
		for _, s := range found {
			m.read.Add(1)
			if !yield(s, ctx.Err()) {
				return
			}
		}
	}
}

func (m *memory) Spans(context.Context, uuid.UUID, store.SampleQuery) ([]health.Span, error) {
	return nil, nil
}

func (m *memory) Latest(context.Context, uuid.UUID) ([]health.Sample, error) {
	latest := map[[2]string]health.Sample{}
	for _, s := range m.samples {
		name := [2]string{s.Metric, s.Unit}
		if have, ok := latest[name]; !ok || s.Start > have.Start || s.Start == have.Start && s.Grain < have.Grain {
			latest[name] = s
		}
	}
	var list []health.Sample
	for _, s := range latest {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b health.Sample) int {
		return cmp.Or(strings.Compare(a.Metric, b.Metric), strings.Compare(a.Unit, b.Unit))
	})
	return list, nil
}

func (m *memory) Nights(_ context.Context, _ uuid.UUID, first, last health.Date) ([]health.Night, error) {
	return slices.DeleteFunc(slices.Clone(m.nights), func(n health.Night) bool {
		return n.Date < first || n.Date > last
	}), nil
}

func (m *memory) Segments(_ context.Context, _ uuid.UUID, r store.Range) ([]health.Segment, error) {
	return slices.DeleteFunc(slices.Clone(m.segments), func(s health.Segment) bool { return !within(s.End, r) }), nil
}

func (m *memory) SleepRule(context.Context, uuid.UUID) (aggregate.SleepRule, error) {
	return aggregate.SleepRule{Gap: aggregate.DefaultSleepGap}, nil
}

func (m *memory) Workouts(_ context.Context, _ uuid.UUID, q store.WorkoutQuery) ([]health.Workout, error) {
	found := slices.DeleteFunc(slices.Clone(m.workouts), func(w health.Workout) bool {
		older := w.Start < q.BeforeStart || w.Start == q.BeforeStart && w.ID.String() < q.Before.String()
		return !within(w.Start, q.Range) || q.Name != "" && !strings.EqualFold(q.Name, w.Name) ||
			q.Before != uuid.Nil && !older ||
			q.Box != nil && !health.Crosses(w.Route, *q.Box) ||
			q.Near != nil && health.DistanceTo(w.Route, q.Near.Center) > q.Near.Radius
	})
	slices.SortFunc(found, func(a, b health.Workout) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), strings.Compare(b.ID.String(), a.ID.String()))
	})
	found = found[:min(q.Limit, len(found))]
	for i := range found {
		found[i].Series, found[i].Route = nil, nil
	}
	return found, nil
}

func (m *memory) Workout(_ context.Context, _, id uuid.UUID) (health.Workout, error) {
	for _, w := range m.workouts {
		if w.ID == id {
			return w, nil
		}
	}
	return health.Workout{}, problem.New(problem.NotFound, "not_found", "There is no such workout.")
}

func (m *memory) Events(_ context.Context, _ uuid.UUID, q store.EventQuery) ([]health.Event, error) {
	place := func(e *health.Event) health.EventKey {
		return health.EventKey{Start: e.Start, Kind: e.Kind, Name: e.Name, AppID: e.AppID, Digest: e.Digest}
	}
	compare := func(a, b health.EventKey) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name),
			strings.Compare(a.AppID, b.AppID), strings.Compare(a.Digest, b.Digest))
	}
	found := slices.DeleteFunc(slices.Clone(m.events), func(e health.Event) bool {
		return !within(e.Start, q.Range) || q.Kind != "" && e.Kind != q.Kind || q.Name != "" && e.Name != q.Name ||
			q.After != nil && compare(place(&e), *q.After) <= 0
	})
	slices.SortFunc(found, func(a, b health.Event) int { return compare(place(&a), place(&b)) })
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

func (m *memory) ECGs(_ context.Context, _ uuid.UUID, r store.Range, voltages bool) ([]health.ECG, error) {
	found := slices.DeleteFunc(slices.Clone(m.ecgs), func(e health.ECG) bool { return !within(e.Start, r) })
	for i := range found {
		if !voltages {
			found[i].Voltages, found[i].Times = nil, nil
		}
	}
	return found, nil
}

// point makes a sample that was sent at a time with an offset.
func point(t testing.TB, metric, unit string, grain health.Grain, source, start string, value float64) health.Sample {
	t.Helper()
	s := health.NewSample()
	s.Metric, s.Unit, s.Grain, s.Source, s.Value = metric, unit, grain, source, value
	s.Start, s.Offset = parseInstant(t, start)
	s.End = s.Start
	return s
}

// steps makes a sample of step_count.
func steps(t testing.TB, grain health.Grain, source, start string, value float64) health.Sample {
	t.Helper()
	return point(t, "step_count", "count", grain, source, start, value)
}

func until(t testing.TB, s health.Sample, end string) health.Sample {
	t.Helper()
	s.End, _ = parseInstant(t, end)
	return s
}

func parseInstant(t testing.TB, text string) (health.Instant, int32) {
	t.Helper()
	at := clock(t, text)
	_, offset := at.Zone()
	return health.InstantOf(at), int32(offset)
}

func clock(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func date(t testing.TB, text string) health.Date {
	t.Helper()
	d, err := health.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
