package storetest

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// model is what the contract says of samples, as plainly as can be.
type model map[health.SampleKey]health.Sample

func (m model) write(batch []health.Sample) (outcomes []health.Outcome) {
	before := maps.Clone(m) // as its summaries will be
	for _, sample := range batch {
		if old, known := m[sample.Key()]; known && sample.Grain > health.GrainRaw {
			sample.Replaces(&old)
			before[sample.Key()] = sample
		}
	}
	var summaries []health.Sample // that are written
	for _, sample := range batch {
		old, known := m[sample.Key()]
		outcome, rewrite := health.Inserted, true
		switch restated := before.restates(&sample); {
		case restated && !known:
			outcome, rewrite = health.Unchanged, false
		case restated && old.Inferred && sample.Order >= old.Order:
			outcome, rewrite = health.Updated, false
			delete(m, sample.Key())
		case known:
			outcome, rewrite = sample.Replaces(&old)
		}
		if rewrite {
			m[sample.Key()] = sample
			summaries = append(summaries, sample)
		}
		outcomes = append(outcomes, outcome)
	}
	maps.DeleteFunc(m, func(_ health.SampleKey, reading health.Sample) bool {
		return slices.ContainsFunc(summaries, func(s health.Sample) bool { return s.Restates(&reading) })
	})
	return outcomes
}

func (m model) restates(reading *health.Sample) bool {
	for _, s := range m {
		if s.Restates(reading) {
			return true
		}
	}
	return false
}

func (m model) of(metric string) (samples []health.Sample) {
	for _, sample := range m {
		if sample.Metric == metric {
			samples = append(samples, sample)
		}
	}
	slices.SortFunc(samples, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
	return samples
}

// metrics is what the store should say about what a user has.
func (m model) metrics() (infos []store.MetricInfo) {
	type series struct{ metric, unit string }
	found := map[series]*store.MetricInfo{}
	for _, s := range m {
		info := found[series{s.Metric, s.Unit}]
		if info == nil {
			info = &store.MetricInfo{Metric: s.Metric, Unit: s.Unit, First: s.Start, Last: s.Start}
			found[series{s.Metric, s.Unit}] = info
		}
		info.Count++
		info.First, info.Last = min(info.First, s.Start), max(info.Last, s.Start)
		if s.Source != "" && !slices.Contains(info.Sources, s.Source) {
			info.Sources = append(info.Sources, s.Source)
		}
		if !slices.Contains(info.Grains, s.Grain) {
			info.Grains = append(info.Grains, s.Grain)
		}
	}
	for _, info := range found {
		slices.Sort(info.Sources)
		slices.Sort(info.Grains)
		infos = append(infos, *info)
	}
	slices.SortFunc(infos, func(a, b store.MetricInfo) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Unit, b.Unit))
	})
	return infos
}

// checkLatest looks only at what the contract settles: several samples may have the same start and grain.
func checkLatest(t tester, s store.Store, user uuid.UUID, m model) {
	t.Helper()
	latest, err := s.Latest(t.Context(), user)
	ok(t, "latest", err)
	infos := m.metrics()
	if len(latest) != len(infos) {
		t.Fatalf("%d latest samples of %d metrics", len(latest), len(infos))
	}
	for i, got := range latest {
		want := m[got.Key()]
		want.Inferred = false
		equal(t, "latest sample", got, want)
		equal(t, "latest metric", [2]string{got.Metric, got.Unit}, [2]string{infos[i].Metric, infos[i].Unit})
		for _, sample := range m {
			if sample.Metric == infos[i].Metric && sample.Unit == infos[i].Unit && sample.LaterThan(&got) {
				t.Fatalf("%+v is later than the latest, %+v", sample, got)
			}
		}
	}
}

// Few of everything, so that the samples of one batch meet those of another.
var (
	modelMetrics = []string{"blood_pressure", "heart_rate", "mystery", "step_count"}

	genValue = rapid.OneOf(
		rapid.Just(health.Absent()), rapid.SampledFrom([]float64{0, 1, 1 + 1e-12, 2, -0.5}), rapid.Float64Range(-1e9, 1e9),
	)
	genAttributes = rapid.SampledFrom([]string{"", `{"a":1}`, `{"a":""}`, `{"a":2,"b":[]}`, `{"c":null}`})

	genSample = rapid.Custom(func(t *rapid.T) health.Sample {
		s := health.NewSample()
		s.Metric = rapid.SampledFrom(modelMetrics).Draw(t, "metric")
		s.Unit = rapid.SampledFrom([]string{"count", "mmHg"}).Draw(t, "unit")
		s.Source = rapid.SampledFrom([]string{"", "iPhone", "Watch", "Watch|iPhone"}).Draw(t, "source")
		s.Grain = rapid.SampledFrom([]health.Grain{
			health.GrainRaw, health.GrainRaw, health.GrainMinute, health.GrainHour, health.GrainDay, health.GrainWeek,
		}).Draw(t, "grain")
		s.Offset = rapid.SampledFrom([]int32{0, 7200, -18000, 50400}).Draw(t, "offset")
		s.Start = at(0) + health.Instant(rapid.IntRange(-30, 30).Draw(t, "hour"))*3600*health.Second
		s.End = s.Start
		if s.Grain == health.GrainRaw {
			s.End += health.Instant(rapid.SampledFrom([]int{0, 0, 1, 90_000_000}).Draw(t, "length"))
			s.Inferred = rapid.Bool().Draw(t, "inferred")
		} else {
			s.PerSource = rapid.Bool().Draw(t, "per source")
		}
		s.Order = at(0) + health.Instant(rapid.IntRange(0, 5).Draw(t, "received"))*health.Day/2
		s.AsOf = s.Order - health.Instant(rapid.SampledFrom([]int{0, 0, 1, 3_600_000_000}).Draw(t, "made before"))
		s.ZoneAssumed = rapid.Bool().Draw(t, "zone assumed")
		s.Value, s.Min, s.Max = genValue.Draw(t, "value"), genValue.Draw(t, "min"), genValue.Draw(t, "max")
		s.Systolic, s.Diastolic = genValue.Draw(t, "systolic"), genValue.Draw(t, "diastolic")
		s.Attributes = genAttributes.Draw(t, "attributes")
		if rapid.Bool().Draw(t, "alike") { // few enough that summaries restate readings
			nan := health.Absent()
			s.Metric, s.Unit, s.Min, s.Max, s.Systolic, s.Diastolic = "step_count", "count", nan, nan, nan, nan
			s.Value = rapid.SampledFrom([]float64{1, 2}).Draw(t, "value")
			s.Start = at(0) + health.Instant(rapid.SampledFrom([]int{-14, -12, 0, 1}).Draw(t, "hour"))*3600*health.Second
			s.End = s.Start
		}
		return s
	})

	genBatch = rapid.Custom(func(t *rapid.T) []health.Sample {
		batch := rapid.SliceOfNDistinct(genSample, 0, 60, func(s health.Sample) health.SampleKey { return s.Key() }).Draw(t, "batch")
		slices.SortStableFunc(batch, func(a, b health.Sample) int {
			return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.KeyTime(), b.KeyTime()))
		})
		return batch
	})
)

var modelTests = []test{
	{"samples/do as the model does, whatever comes", func(t *testing.T, s store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			user, m := createUser(t, s), model{}
			batches := rapid.SliceOfN(genBatch, 1, 4).Draw(t, "batches")
			for _, batch := range batches {
				sent := slices.Clone(batch)
				writes(t, s, user, "batch", batch, m.write(batch)...)
				equal(t, "the caller's batch", batch, sent)
			}
			last := batches[len(batches)-1]
			writes(t, s, user, "the last batch again", last, all(unchanged, len(last))...)
			for _, metric := range modelMetrics {
				holds(t, s, user, metric, m.of(metric)...)
			}
			infos, err := s.Metrics(t.Context(), user)
			ok(t, "metrics", err)
			equal(t, "metrics", infos, m.metrics())
			checkLatest(t, s, user, m)
		})
	}},
}
