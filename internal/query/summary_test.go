package query_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

func TestDaysFollowTheRecordedOffset(t *testing.T) {
	t.Parallel()
	late := aWorkout(t)
	late.Start, late.Offset = parseInstant(t, "2026-03-10T23:30:00-08:00") // the 11th in UTC
	early := aWorkout(t)
	early.Start, early.Offset = parseInstant(t, "2026-03-12T00:30:00+13:00") // the 11th in UTC
	m := &memory{
		samples: []health.Sample{
			steps(t, 3600, phone, "2026-03-10T23:00:00-08:00", 1),
			steps(t, 3600, phone, "2026-03-11T23:00:00+13:00", 2),
			steps(t, 3600, phone, "2026-03-12T00:00:00+13:00", 4),
		},
		workouts: []health.Workout{late, early},
	}
	days, err := newService(t, m).Days(t.Context(), anna, "", date(t, "2026-03-10"), date(t, "2026-03-12"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		steps    float64
		workouts int
	}{{1, 1}, {2, 0}, {4, 1}} {
		got := days[i]
		if *got.Metrics["activity"]["step_count"].Value != want.steps || len(got.Workouts) != want.workouts {
			t.Errorf("%s: %v steps and %d workouts, want %v and %d", got.Date,
				*got.Metrics["activity"]["step_count"].Value, len(got.Workouts), want.steps, want.workouts)
		}
	}
}

// With a zone the days are those of its clock: for samples, for workouts by their start, for sleep by waking.
func TestDaysOfAZone(t *testing.T) {
	t.Parallel()
	run := aWorkout(t)
	run.Start, run.Offset = parseInstant(t, "2026-03-11T01:30:00+01:00") // the 10th in New York
	night := health.NewNight()
	night.Source, night.Total = watch, 4
	night.SleepStart, _ = parseInstant(t, "2026-03-10T22:30:00+01:00")          // 17:30
	night.SleepEnd, night.Offset = parseInstant(t, "2026-03-11T04:30:00+01:00") // 23:30 on the 10th in New York
	night.Date = night.SleepEnd.Date(night.Offset)
	m := &memory{
		samples: []health.Sample{
			steps(t, 3600, phone, "2026-03-11T04:00:00+01:00", 1), // 23:00 on the 10th
			steps(t, 3600, phone, "2026-03-11T05:00:00+01:00", 2), // 00:00 on the 11th
		},
		workouts: []health.Workout{run}, nights: []health.Night{night},
	}
	days, err := newService(t, m).Days(t.Context(), anna, "America/New_York", date(t, "2026-03-10"), date(t, "2026-03-11"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 2} {
		if got := *days[i].Metrics["activity"]["step_count"].Value; got != want {
			t.Errorf("%s: %v steps, want %v", days[i].Date, got, want)
		}
	}
	if len(days[0].Workouts) != 1 || len(days[1].Workouts) != 0 || days[0].Sleep == nil || days[1].Sleep != nil {
		t.Fatalf("the run and the night are not on the 10th: %+v", days)
	}
	if got := days[0].Workouts[0].Start.Format("15:04 -0700"); got != "20:30 -0400" {
		t.Errorf("the run begins at %s", got)
	}
	if _, err := newService(t, m).Days(t.Context(), anna, "Mars/Olympus", 0, 0); err == nil {
		t.Error("a zone that does not exist is taken")
	}
}

func TestDayHasWorkoutsInOrder(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 1203 { // more than a page of the store
		w := aWorkout(t)
		w.ID[14], w.ID[15] = byte(i>>8), byte(i)
		w.Start += health.Instant(i) * health.Second
		w.Name = fmt.Sprint(i)
		m.workouts = append(m.workouts, w)
	}
	day, err := newService(t, m).Day(t.Context(), anna, "", date(t, "2026-03-10"))
	if err != nil {
		t.Fatal(err)
	}
	if len(day.Workouts) != 1203 || day.Workouts[0].Name != "0" || day.Workouts[1202].Name != "1202" {
		t.Errorf("%d workouts, not in order of time", len(day.Workouts))
	}
}

// Samples whose unit does not convert must not replace those in the metric's own unit.
func TestDayAnswersInTheMainUnit(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{
		point(t, "weight_body_mass", "kg", 0, phone, "2026-03-10T08:00:00+02:00", 70),
		point(t, "weight_body_mass", "catty", 0, phone, "2026-03-10T09:00:00+02:00", 140),
		point(t, "weight_body_mass", "catty", 0, phone, "2026-03-10T10:00:00+02:00", 141),
		point(t, "aura", "a", 0, phone, "2026-03-10T10:00:00+02:00", 1),
		point(t, "aura", "b", 0, phone, "2026-03-10T10:00:00+02:00", 2),
		point(t, "aura", "b", 0, phone, "2026-03-10T11:00:00+02:00", 2),
	}}
	day, err := newService(t, m).Day(t.Context(), anna, "", date(t, "2026-03-10"))
	if err != nil {
		t.Fatal(err)
	}
	if got := day.Metrics["body"]["weight_body_mass"]; got.Unit != "kg" || *got.Value != 70 {
		t.Errorf("weight is %v %s, want 70 kg", *got.Value, got.Unit)
	}
	if got := day.Metrics["other"]["aura"]; got.Unit != "b" {
		t.Errorf("aura is in %s, want b, of which there is more", got.Unit)
	}
}

func segments(t testing.TB) []health.Segment {
	t.Helper()
	segment := func(source string, stage health.Stage, start, end string) health.Segment {
		s := health.Segment{Source: source, Stage: stage}
		s.Start, s.Offset = parseInstant(t, start)
		s.End, _ = parseInstant(t, end)
		return s
	}
	return []health.Segment{
		segment(watch, health.StageCore, "2026-03-09T17:00:00+02:00", "2026-03-09T17:30:00+02:00"), // a nap the day before
		segment(phone, health.StageInBed, "2026-03-09T22:00:00+02:00", "2026-03-10T07:00:00+02:00"),
		segment(watch, health.StageInBed, "2026-03-09T22:30:00+02:00", "2026-03-10T07:00:00+02:00"),
		segment(watch, health.StageCore, "2026-03-09T22:30:00+02:00", "2026-03-09T23:30:00+02:00"),
		segment(watch, health.StageDeep, "2026-03-09T23:30:00+02:00", "2026-03-10T01:00:00+02:00"),
		segment(watch, health.StageREM, "2026-03-10T01:00:00+02:00", "2026-03-10T03:00:00+02:00"),
	}
}

func TestDaySumsSegmentsWhereNoNightIs(t *testing.T) {
	t.Parallel()
	m := &memory{segments: segments(t)}
	days, err := newService(t, m).Days(t.Context(), anna, "", date(t, "2026-03-09"), date(t, "2026-03-11"))
	if err != nil {
		t.Fatal(err)
	}
	if nap := days[0].Sleep; nap == nil || *nap.Total != 0.5 || !nap.FromSegments {
		t.Errorf("the day before has %+v, want half an hour", nap)
	}
	night := days[1].Sleep
	if night == nil || night.Source != watch || !night.FromSegments {
		t.Fatalf("the night is %+v, want that of the watch", night)
	}
	if *night.Total != 4.5 || *night.Core != 1 || *night.Deep != 1.5 || *night.REM != 2 || *night.InBed != 8.5 || night.Awake != nil {
		t.Errorf("the night is %+v", night.Night)
	}
	if days[2].Sleep != nil {
		t.Error("there is sleep on a day without")
	}
	alone, err := newService(t, m).Day(t.Context(), anna, "", date(t, "2026-03-10"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(days[1].Sleep, alone.Sleep); diff != "" {
		t.Errorf("the night, asked for alone (-among others +alone):\n%s", diff)
	}
	summed := health.NewNight()
	summed.Source, summed.Date, summed.Total = "Oura", date(t, "2026-03-10"), 6
	m.nights = []health.Night{summed}
	day, err := newService(t, m).Day(t.Context(), anna, "", summed.Date)
	if err != nil {
		t.Fatal(err)
	}
	if *day.Sleep.Total != 6 || day.Sleep.FromSegments {
		t.Errorf("a night that was summed does not answer: %+v", day.Sleep)
	}
}

// East of all other clocks, the evening before is two dates back in the west.
func TestDaySumsTheWholeNightInTheFarEast(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i, times := range [][2]string{
		{"2026-03-09T20:00:00+13:00", "2026-03-09T21:00:00+13:00"}, {"2026-03-09T21:00:00+13:00", "2026-03-10T05:00:00+13:00"},
	} {
		s := health.Segment{Source: watch, Stage: []health.Stage{health.StageCore, health.StageDeep}[i]}
		s.Start, s.Offset = parseInstant(t, times[0])
		s.End, _ = parseInstant(t, times[1])
		m.segments = append(m.segments, s)
	}
	day, err := newService(t, m).Day(t.Context(), anna, "", date(t, "2026-03-10"))
	if err != nil {
		t.Fatal(err)
	}
	if *day.Sleep.Total != 9 {
		t.Errorf("%v hours of sleep, want 9", *day.Sleep.Total)
	}
}

// Every segment is listed on exactly one day, that of its night.
func TestSleepListsEverySegmentOnce(t *testing.T) {
	t.Parallel()
	m := &memory{segments: segments(t)}
	evening := health.Segment{Source: watch, Stage: health.StageCore}
	evening.Start, evening.Offset = parseInstant(t, "2026-03-11T20:00:00+13:00") // on the 11th, of the night to the 12th
	evening.End = evening.Start + 3600*health.Second
	m.segments = append(m.segments, evening)
	s := newService(t, m)
	counts := map[string]int{}
	for day := date(t, "2026-03-07"); day <= date(t, "2026-03-13"); day++ {
		sleep, err := s.Sleep(t.Context(), anna, day, day)
		if err != nil {
			t.Fatal(err)
		}
		counts[day.String()] = len(sleep.Segments)
	}
	want := map[string]int{
		"2026-03-07": 0, "2026-03-08": 0, "2026-03-09": 1, "2026-03-10": 5, "2026-03-11": 0, "2026-03-12": 1, "2026-03-13": 0,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("segments of each day (-want +got):\n%s", diff)
	}
}

func TestSleepMarksNapsOfEachSource(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i, source := range []string{watch, watch, "Oura"} {
		n := health.NewNight()
		n.ID[0], n.Source, n.Date, n.Total = byte(i), source, date(t, "2026-03-10"), float64(i+1)
		m.nights = append(m.nights, n)
	}
	sleep, err := newService(t, m).Sleep(t.Context(), anna, date(t, "2026-03-10"), date(t, "2026-03-10"))
	if err != nil {
		t.Fatal(err)
	}
	var naps []bool
	for _, n := range sleep.Nights {
		naps = append(naps, n.Nap)
	}
	if diff := cmp.Diff([]bool{false, true, false}, naps); diff != "" {
		t.Errorf("naps (-want +got):\n%s", diff)
	}
}

// A series of a year by day must not read samples far outside it, nor keep those it has read.
func TestSeriesReadsOnlyItsRange(t *testing.T) {
	t.Parallel()
	m := &memory{}
	day := clock(t, "2020-01-01T12:00:00+02:00")
	for i := range 2000 {
		m.samples = append(m.samples, steps(t, health.GrainDay, merged, day.AddDate(0, 0, i).Format("2006-01-02")+"T00:00:00+02:00", 1))
	}
	if _, err := newService(t, m).Series(t.Context(), anna, query.SeriesRequest{
		Metric: "step_count", Start: clock(t, "2021-01-01T00:00:00+02:00"), End: clock(t, "2021-02-01T00:00:00+02:00"),
	}); err != nil {
		t.Fatal(err)
	}
	if read := m.read.Load(); read > 40 {
		t.Errorf("%d samples were read for 31 days", read)
	}
}
