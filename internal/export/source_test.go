package export_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// memorySource is a source in memory. With failAfter, err follows that many samples.
type memorySource struct {
	samples  []health.Sample
	nights   []health.Night
	segments []health.Segment
	workouts []health.Workout
	events   []health.Event
	ecgs     []health.ECG

	failAfter int
	err       error
}

func sequenceOf[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, record := range list {
			if !yield(record, nil) {
				return
			}
		}
	}
}

func (s *memorySource) Samples(context.Context) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		for i, sample := range s.samples {
			if s.failAfter > 0 && i == s.failAfter {
				yield(health.Sample{}, s.err)
				return
			}
			if !yield(sample, nil) {
				return
			}
		}
	}
}

func (s *memorySource) Nights(context.Context) iter.Seq2[health.Night, error] {
	return sequenceOf(s.nights)
}

func (s *memorySource) Segments(context.Context) iter.Seq2[health.Segment, error] {
	return sequenceOf(s.segments)
}

func (s *memorySource) Workouts(context.Context) iter.Seq2[health.Workout, error] {
	return sequenceOf(s.workouts)
}

func (s *memorySource) Events(context.Context) iter.Seq2[health.Event, error] {
	return sequenceOf(s.events)
}

func (s *memorySource) ECGs(context.Context) iter.Seq2[health.ECG, error] { return sequenceOf(s.ecgs) }

func (s *memorySource) add(metric, unit string, change func(*health.Sample)) *memorySource {
	sample := health.NewSample()
	sample.Metric, sample.Unit, sample.Source, sample.Grain = metric, unit, "Watch", health.GrainRaw
	sample.Start, sample.End, sample.Offset = noon, noon, 7200
	change(&sample)
	s.samples = append(s.samples, sample)
	return s
}

// noon is 2026-03-10 12:00 in a zone two hours east.
const noon health.Instant = 1_773_136_800_000_000

// fullSource has a record of every type, and a sample of every shape.
func fullSource() *memorySource {
	s := &memorySource{}
	s.add("blood_pressure", "mmHg", func(s *health.Sample) {
		s.Systolic, s.Diastolic, s.Source = 121, 79, `Cuff, "new"`
	}).add("body_mass_index", "count", func(s *health.Sample) {
		s.Value, s.Offset = 22.5, -12600
	}).add("handwashing", "s", func(s *health.Sample) {
		s.Attributes, s.Source = `{"Complete":"20 s, or more"}`, ""
	}).add("heart_rate", "count/min", func(s *health.Sample) {
		s.Min, s.Value, s.Max, s.Grain = 58, 61.5, 66, health.GrainHour
	}).add("heart_rate", "count/min", func(s *health.Sample) {
		s.Value, s.Start = 1e-7, noon+123_400
		s.End = s.Start
	}).add("phase/of the Moon", "sickle", func(s *health.Sample) {
		s.Value = 0
	}).add("step_count", "count", func(s *health.Sample) {
		s.Value, s.Grain, s.Source = 9900, health.GrainDay, "Watch|iPhone"
		s.Start, s.End = noon-12*3600*health.Second, noon-12*3600*health.Second
	}).add("step_count", "count", func(s *health.Sample) {
		s.Value, s.End = 12, noon+90*health.Second
	})

	night := health.NewNight()
	night.Source, night.Date, night.Offset = "Watch", noon.Date(7200), 7200
	night.SleepStart, night.SleepEnd = noon-13*3600*health.Second, noon-5*3600*health.Second
	night.Total, night.Core, night.Deep, night.REM = 7, 4, 1, 2
	s.nights = []health.Night{night}
	s.segments = []health.Segment{{
		Source: "Ring", Start: noon - 8*3600*health.Second, End: noon - 7*3600*health.Second, Offset: 7200, Stage: health.StageCore,
	}}

	trained := run(3)
	trained.AppID = "A-1"
	trained.Quantities = map[string]health.Quantity{"active_energy": {Value: 300, Unit: "kcal"}, "distance": {Value: 5.2, Unit: "km"}}
	trained.Series = map[string][]health.SeriesPoint{"heart_rate_data": {
		{Time: trained.Start, Offset: 7200, Value: 130, Min: 120, Max: 140, Unit: "count/min", Source: "Watch"},
	}}
	indoors := *run(0)
	indoors.ID, indoors.Name, indoors.Duration = uuid.MustParse("0193c0de-0000-7000-8000-000000000021"), "Yoga", health.Absent()
	s.workouts = []health.Workout{*trained, indoors}

	s.events = []health.Event{
		{Kind: "moon", Name: "", Digest: "d", Attributes: `{"a":[1,null]}`},
		{Kind: "symptom", Name: "Headache\x07", Start: noon, End: noon + 3600*health.Second, Offset: 7200, Source: "Health", Attributes: `{"severity":"Mild"}`},
	}
	s.ecgs = []health.ECG{
		{
			Start: noon, End: noon + 30*health.Second, Offset: 7200, Source: "Watch", Classification: "Sinus Rhythm",
			AverageHeartRate: 62, SamplingFrequency: 512, Unit: "mcV", Voltages: []float64{12.5, health.Absent(), -3},
		},
		{Start: noon + 60*health.Second, Offset: 7200, AverageHeartRate: health.Absent(), SamplingFrequency: health.Absent()},
	}
	return s
}

var ada = account.User{
	ID: uuid.MustParse("0193c0de-0000-7000-8000-000000000001"), Email: "ada@example.org", Name: "Ada", TimeZone: "Europe/Berlin",
}

// request returns a request for types, "" for the standard types of the format.
func request(t testing.TB, format export.Format, types string) export.Request {
	t.Helper()
	catalogue, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := export.ParseTypes(format, types)
	if err != nil {
		t.Fatal(err)
	}
	return export.Request{
		Format: format, Types: parsed, User: ada, Catalog: catalogue, Now: time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC), Version: "1.2.3",
	}
}

func write(t testing.TB, source export.Source, r export.Request) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := export.Write(t.Context(), &out, source, r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// memoryArchive is an archive in memory.
type memoryArchive []health.Ingestion

func (s memoryArchive) Ingestions(context.Context, uuid.UUID) iter.Seq2[health.Ingestion, error] {
	return sequenceOf(s)
}

// Raw returns the id of the ingestion as its body.
func (s memoryArchive) Raw(_ context.Context, _, id uuid.UUID) (io.ReadCloser, error) {
	if id == uuid.Max {
		return nil, problem.NotFound
	}
	return io.NopCloser(strings.NewReader(id.String())), nil
}
