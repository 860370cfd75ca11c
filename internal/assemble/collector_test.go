package assemble

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// assembled takes all batches of a collector and accounts for each element as inserted, except for the refused one.
func assembled(t *testing.T, c *Collector, refused health.Instant) (samples []health.Sample, events []health.Event) {
	t.Helper()
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Partitions() {
		for batch, err := range c.Samples(p) {
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, batch.Elements...)
			outcomes, reasons := make([]health.Outcome, len(batch.Elements)), map[int]string{}
			for i := range batch.Elements {
				if batch.Elements[i].Start == refused {
					outcomes[i], reasons[i] = health.Rejected, "The database refused it."
				}
			}
			batch.Account(outcomes, reasons)
		}
	}
	for batch, err := range c.Events() {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, batch.Elements...)
		batch.Account(make([]health.Outcome, len(batch.Elements)), nil)
	}
	return samples, events
}

func TestCollectorAccountsForEveryElement(t *testing.T) {
	t.Parallel()
	table, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(table, nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	received := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	now := health.InstantOf(received)
	const ahead = 5 // by so much the order is after the clock
	c := a.NewCollector(received, health.InstantOf(received)+ahead, health.GrainUnknown)
	defer c.Close()

	made := now - health.Day
	c.SetAsOf(made)
	steps := &health.MetricEntry{Name: "step_count", Unit: "count"}
	sample := func(start health.Instant, value float64, metric string) health.Sample {
		return health.Sample{
			Metric: metric, Unit: "count", Start: start, Source: "Watch", Grain: health.GrainUnknown, Value: value,
			Min: health.Absent(), Max: health.Absent(), Systolic: health.Absent(), Diastolic: health.Absent(),
		}
	}
	point := func(i int, s health.Sample) *health.Record {
		return &health.Record{
			Position: health.Position{Type: "metric", Entry: 0, Point: i}, Entry: steps, Samples: []health.Sample{s},
		}
	}
	activity := health.Position{Type: "metric", Entry: 1, Point: -1}
	symptom := health.Position{Type: "symptom"}
	refused := made + 7*health.Second
	for _, r := range []*health.Record{
		point(0, sample(refused, 3, "")),
		point(1, sample(made+health.Second, 5, "")),
		point(2, sample(made+health.Second, 7, "")), // merged: the values of a cumulative metric add up
		point(3, sample(now+3*health.Day, 1, "")),   // rejected: in the future
		{Position: activity, Samples: []health.Sample{sample(made+2*health.Second, 1, "step_count"), sample(made+2*health.Second, 2, "flights_climbed")}},
		{Position: symptom, Event: &health.Event{Kind: "symptom", Name: "Headache", Start: made, End: made}},
		{Position: symptom, Event: &health.Event{Kind: "symptom", Name: "Headache", Start: made, End: made}}, // merged
	} {
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	samples, events := assembled(t, c, refused)

	var got []float64
	for _, s := range samples {
		got = append(got, s.Value)
		if s.Order != made+ahead || s.AsOf != made || s.Grain != health.GrainRaw {
			t.Errorf("order %s, as of %s, grain %d", s.Order, s.AsOf, s.Grain)
		}
	}
	if diff := cmp.Diff([]float64{12, 1, 3, 2}, got); diff != "" || len(events) != 1 || c.Order() != made+ahead {
		t.Errorf("%d events, samples (-want +got):\n%s", len(events), diff)
	}
	report := c.Report()
	want := [...]health.Counts{
		health.Metrics: {Received: 5, Inserted: 2, Merged: 1, Rejected: 2},
		health.Events:  {Received: 2, Inserted: 1, Merged: 1},
		health.ECGs:    {},
	}
	if diff := cmp.Diff(want[:], report.Counts[:]); diff != "" || c.Accounted() != 4 || len(report.Errors) != 2 {
		t.Errorf("%d accounted for, errors %+v, counts (-want +got):\n%s", c.Accounted(), report.Errors, diff)
	}
}
