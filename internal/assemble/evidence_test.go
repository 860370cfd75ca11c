package assemble

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// sent is a point of a body for the tests of evidence, at a time of day of 2026-03-10 in Berlin, or "-1 00:00" the day before.
type sent struct {
	metric, at, source string
	value              float64
	table              int
}

const berlin = 3600

func (s *sent) start(t testing.TB) health.Instant {
	t.Helper()
	days := 0
	clock := s.at
	if before, rest, ok := strings.Cut(s.at, " "); ok {
		if _, err := fmt.Sscan(before, &days); err != nil {
			t.Fatal(err)
		}
		clock = rest
	}
	if len(clock) == len("15:04") {
		clock += ":00"
	}
	at, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		t.Fatal(err)
	}
	date := health.DateOf(time.Date(2026, 3, 10+days, 0, 0, 0, 0, time.UTC))
	return date.Midnight(berlin) + health.Instant(at.Sub(at.Truncate(24*time.Hour)).Microseconds())
}

// assembledBody returns the samples of a body without a header.
func assembledBody(t testing.TB, body []sent, grain health.Grain) []health.Sample {
	t.Helper()
	table, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(table, nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	received := time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)
	c := a.NewCollector(received, health.InstantOf(received), grain)
	defer c.Close()
	for i, s := range body {
		sample := health.NewSample()
		sample.Metric, sample.Source, sample.Value, sample.Offset = s.metric, s.source, s.value, berlin
		sample.Start = s.start(t)
		if m, ok := table.Lookup(s.metric); ok {
			sample.Unit = m.Unit
		}
		if s.value == 0 {
			sample.Value = 20
		}
		err := c.Add(&health.Record{
			Position: health.Position{Type: "metric", Entry: i}, Table: s.table, Samples: []health.Sample{sample},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	var samples []health.Sample
	for _, p := range c.Partitions() {
		for batch, err := range c.Samples(p) {
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, slices.Clone(batch.Elements)...)
			batch.Account(make([]health.Outcome, len(batch.Elements)), nil)
		}
	}
	if report := c.Report(); len(report.Errors) > 0 {
		t.Fatalf("refused: %+v", report.Errors)
	}
	return samples
}

// grainsOf returns the grains that the samples of each metric have, with a "?" for those that are inferred.
func grainsOf(samples []health.Sample) map[string]string {
	grains := map[string]string{}
	for _, s := range samples {
		text := map[health.Grain]string{
			health.GrainRaw: "reading", health.GrainMinute: "minute", health.GrainHour: "hour", health.GrainDay: "day",
		}[s.Grain]
		if s.Inferred {
			text += "?"
		}
		if s.PerSource {
			text += " of a source"
		}
		if have := grains[s.Metric]; have != "" && have != text {
			text = have + " and " + text
		}
		grains[s.Metric] = text
	}
	return grains
}

// points makes one point of a metric at each of the times.
func points(metric string, times ...string) []sent {
	var list []sent
	for _, at := range times {
		list = append(list, sent{metric: metric, at: at, source: "Watch|iPhone"})
	}
	return list
}

func TestEvidenceForAGrain(t *testing.T) {
	t.Parallel()
	of := func(source string, list []sent) []sent {
		for i := range list {
			list[i].source = source
		}
		return list
	}
	rows := func(table int, list []sent) []sent {
		for i := range list {
			list[i].table, list[i].source = table, ""
		}
		return list
	}
	for name, c := range map[string]struct {
		body []sent
		want map[string]string
	}{
		"a lone point":              {points("step_count", "08:00"), map[string]string{"step_count": "reading?"}},
		"a lone midnight":           {points("step_count", "00:00"), map[string]string{"step_count": "reading?"}},
		"days":                      {points("step_count", "-1 00:00", "00:00"), map[string]string{"step_count": "day"}},
		"two hours may be readings": {points("step_count", "08:00", "09:00"), map[string]string{"step_count": "reading?"}},
		"hours":                     {points("step_count", "08:00", "09:00", "11:00"), map[string]string{"step_count": "hour"}},
		"hours with a midnight":     {points("step_count", "00:00", "01:00", "02:00"), map[string]string{"step_count": "hour"}},
		"minutes":                   {points("step_count", "08:00", "08:01", "09:00"), map[string]string{"step_count": "minute"}},
		"seconds":                   {points("step_count", "08:00", "09:00", "10:00", "10:30:07"), map[string]string{"step_count": "reading"}},
		"a lone point among the hours of others": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"), points("flights_climbed", "09:00")),
			map[string]string{"step_count": "hour", "flights_climbed": "hour"},
		},
		"one metric per hour": {
			slices.Concat(points("step_count", "08:00"), points("active_energy", "09:00"), points("flights_climbed", "10:00")),
			map[string]string{"step_count": "hour", "active_energy": "hour", "flights_climbed": "hour"},
		},
		"one metric off the hour": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"), points("flights_climbed", "09:20")),
			map[string]string{"step_count": "minute", "flights_climbed": "minute"},
		},
		"one metric with seconds": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"), points("flights_climbed", "09:20:11")),
			map[string]string{"step_count": "reading", "flights_climbed": "reading"},
		},
		"the app's default": {
			slices.Concat(points("step_count", "08:00", "08:01", "08:02"), points("heart_rate", "08:00", "08:00:05", "08:00:10")),
			map[string]string{"step_count": "minute", "heart_rate": "reading"},
		},
		"heart rate by minutes": {
			slices.Concat(points("step_count", "08:00", "08:01"), points("heart_rate", "08:02", "08:03")),
			map[string]string{"step_count": "minute", "heart_rate": "minute"},
		},
		"seconds of heart rate are no evidence": {
			slices.Concat(points("step_count", "08:00"), points("heart_rate", "08:00:05", "08:01", "08:02")),
			map[string]string{"step_count": "reading?", "heart_rate": "reading"},
		},
		"entered by hand on the grid": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"), points("dietary_water", "08:00", "10:00")),
			map[string]string{"step_count": "hour", "dietary_water": "reading"},
		},
		"entered by hand off the grid": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"), points("blood_glucose", "08:13:07")),
			map[string]string{"step_count": "hour", "blood_glucose": "reading"},
		},
		"entered by hand alone": {
			points("dietary_water", "08:00", "09:00", "10:00"), map[string]string{"dietary_water": "reading"},
		},
		"insulin at midnight": {
			points("insulin_delivery", "-2 00:00", "-1 00:00", "00:00"), map[string]string{"insulin_delivery": "reading"},
		},
		"an unknown metric on the grid": {
			slices.Concat(points("step_count", "-1 00:00", "00:00"), points("steps_on_mars", "-1 00:00")),
			map[string]string{"step_count": "day", "steps_on_mars": "day"},
		},
		"an unknown metric off the grid": {
			slices.Concat(points("step_count", "-1 00:00", "00:00"), points("steps_on_mars", "00:00", "10:20")),
			map[string]string{"step_count": "day", "steps_on_mars": "reading"},
		},
		"an unknown metric alone": {
			points("steps_on_mars", "-2 00:00", "-1 00:00", "00:00"), map[string]string{"steps_on_mars": "reading?"},
		},
		"several single sources at one time": {
			slices.Concat(points("step_count", "08:00", "09:00", "10:00"),
				of("Watch", points("active_energy", "08:00", "09:00")), of("iPhone", points("active_energy", "09:00"))),
			map[string]string{"step_count": "hour", "active_energy": "reading"},
		},
		"several single sources at different times": {
			slices.Concat(of("Watch", points("step_count", "08:00", "09:00")), of("iPhone", points("step_count", "10:00"))),
			map[string]string{"step_count": "hour"},
		},
		"two scales": {
			slices.Concat(of("Scale", points("weight_body_mass", "07:00")), of("Manual", points("weight_body_mass", "07:00"))),
			map[string]string{"weight_body_mass": "reading"},
		},
		"a row of a table": {
			rows(1, slices.Concat(points("step_count", "00:00"), points("dietary_water", "00:00"))),
			map[string]string{"step_count": "day", "dietary_water": "day"},
		},
		"a row that is no day": {
			rows(1, slices.Concat(points("step_count", "08:00"), points("dietary_water", "08:00"))),
			map[string]string{"step_count": "reading?", "dietary_water": "reading?"},
		},
		"two tables": {
			slices.Concat(rows(1, points("step_count", "00:00")), rows(2, points("active_energy", "08:00", "08:07", "09:00"))),
			map[string]string{"step_count": "day", "active_energy": "minute"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			for range 3 {
				if diff := cmp.Diff(c.want, grainsOf(assembledBody(t, c.body, health.GrainUnknown))); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
				random.Shuffle(len(c.body), func(i, j int) { c.body[i], c.body[j] = c.body[j], c.body[i] })
			}
		})
	}
}

// A header that names a grain decides for every metric, whatever the times are, and whoever entered it.
func TestHeaderDecidesForEveryMetric(t *testing.T) {
	t.Parallel()
	body := slices.Concat(points("step_count", "08:00"), points("dietary_water", "00:00"), points("heart_rate", "08:00:05"))
	got := grainsOf(assembledBody(t, body, health.GrainHour))
	if diff := cmp.Diff(map[string]string{"step_count": "hour", "dietary_water": "hour", "heart_rate": "hour"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A body that is cut into parts of which each has its evidence has the samples of the whole.
func TestPartsOfABodyHaveItsGrain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		minutes := rapid.SampledFrom([]int{1, 60, 24 * 60}).Draw(rt, "minutes of a bucket")
		point := rapid.Custom(func(t *rapid.T) sent {
			bucket := rapid.IntRange(0, 6).Draw(t, "bucket") * minutes
			return sent{
				metric: rapid.SampledFrom([]string{"step_count", "flights_climbed", "dietary_water", "walking_speed"}).Draw(t, "metric"),
				at:     fmt.Sprintf("%d %02d:%02d", bucket/1440-6, bucket/60%24, bucket%60),
				source: rapid.SampledFrom([]string{"Watch|iPhone", "Watch"}).Draw(t, "source"),
			}
		})
		identity := func(s sent) string { return s.metric + s.at + s.source }
		body := rapid.SliceOfNDistinct(point, 0, 30, identity).Draw(rt, "points")
		middle := 3 * minutes // each part has a bucket of an odd number, so that no coarser grain fits, and enough of them
		evidence := func(first int) (list []sent) {
			for i := range 3 {
				m := (first+i)*minutes + middle - 3*minutes
				list = append(list, sent{metric: "active_energy", at: fmt.Sprintf("%d %02d:%02d", m/1440-6, m/60%24, m%60), source: "Watch|iPhone"})
			}
			return list
		}
		cut := rapid.IntRange(0, len(body)).Draw(rt, "cut")
		first, second := slices.Concat(evidence(0), body[:cut]), slices.Concat(evidence(3), body[cut:])
		whole := grainsOf(assembledBody(t, slices.Concat(first, second), health.GrainUnknown))
		parts := grainsOf(slices.Concat(assembledBody(t, first, health.GrainUnknown), assembledBody(t, second, health.GrainUnknown)))
		if diff := cmp.Diff(whole, parts); diff != "" {
			rt.Errorf("(-whole +parts):\n%s", diff)
		}
	})
}

// Points that went to temporary files before the evidence was complete are in order by it.
func TestEvidenceAfterTheFirstRuns(t *testing.T) {
	t.Parallel()
	var body []sent
	for i := range runSize + 10 {
		minute := i % (24 * 60)
		body = append(body, sent{
			metric: fmt.Sprintf("metric_%d", i/(24*60)), at: fmt.Sprintf("%02d:%02d", minute/60, minute%60), source: "Watch",
		})
	}
	body = append(body, points("step_count", "00:00", "08:00", "09:01")...)
	last := body[runSize+3]
	last.source = "iPhone"
	body = append(body, last)
	grains := grainsOf(assembledBody(t, body, health.GrainUnknown))
	for metric, grain := range grains {
		want := "minute"
		if metric == last.metric {
			want = "reading"
		}
		if grain != want {
			t.Errorf("%s is a %s, want a %s", metric, grain, want)
		}
	}
	if len(grains) < 23 {
		t.Errorf("%d metrics", len(grains))
	}
}
