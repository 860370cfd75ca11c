package phonetest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	watch = &Source{Name: "Watch", Model: "Watch", Hardware: "Watch6,6", Priority: 1}
	phone = &Source{Name: "iPhone", Model: "iPhone", Hardware: "iPhone14,5", Priority: 2}
	hand  = &Source{Name: "Health", Priority: 3}

	steps, basal   = named("step_count"), named("basal_energy_burned")
	heart, water   = named("heart_rate"), named("dietary_water")
	berlin         = mustZone("Europe/Berlin")
	approximately  = cmpopts.EquateApprox(0, 1e-9)
	noon, nextNoon = at("2026-03-10 12:00:00"), at("2026-03-11 12:00:00")
)

func named(name string) Metric {
	metric, ok := MetricNamed(name)
	if !ok {
		panic(name)
	}
	return metric
}

// at returns a time in Berlin.
func at(text string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, text, berlin)
	if err != nil {
		panic(err)
	}
	return t
}

// sample is one that the phone has at once.
func sample(source *Source, start, end string, value float64) Sample {
	return Sample{Source: source, Start: at(start), End: at(end), Value: value, Synced: at(end)}
}

// sums returns the starts and sums of buckets, in text.
func sums(statistics []Statistic) (list []string) {
	for _, s := range statistics {
		list = append(list, fmt.Sprintf("%s %.6g %s", s.Start.In(berlin).Format("02 15:04 -0700"), s.Sum, strings.Join(s.Sources, "|")))
	}
	return list
}

// A sample over midnight is shared by time: 48 kcal from 23:40 to 00:20 are 24 and 24, as measured of real exports.
func TestSharesSamplesAmongBuckets(t *testing.T) {
	t.Parallel()
	kit := NewHealthKit(map[string][]Sample{
		"basal_energy_burned": {sample(watch, "2026-03-10 23:40:00", "2026-03-11 00:20:00", 48)},
		"step_count":          {sample(watch, "2026-03-10 13:59:30", "2026-03-10 14:01:30", 40)},
	}, 0)
	now := kit.At(nextNoon)
	for _, tt := range []struct {
		metric Metric
		grain  Grain
		want   []string
	}{
		{basal, Day, []string{"10 00:00 +0100 24 Watch", "11 00:00 +0100 24 Watch"}},
		{basal, Hour, []string{"10 23:00 +0100 24 Watch", "11 00:00 +0100 24 Watch"}},
		{steps, Hour, []string{"10 13:00 +0100 10 Watch", "10 14:00 +0100 30 Watch"}},
		{steps, Minute, []string{"10 13:59 +0100 10 Watch", "10 14:00 +0100 20 Watch", "10 14:01 +0100 10 Watch"}},
	} {
		got := sums(now.Statistics(tt.metric, tt.grain, berlin, noon.AddDate(0, 0, -1), nextNoon))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", tt.metric.Name, tt.grain, diff)
		}
	}
}

// Where the watch measured, the phone does not count; what of the phone's sample sticks out counts for its share.
func TestMergesSourcesByInterval(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		samples []Sample
		want    float64
	}{
		"the same time": {[]Sample{
			sample(watch, "2026-03-10 10:00:00", "2026-03-10 10:10:00", 1000),
			sample(phone, "2026-03-10 10:00:00", "2026-03-10 10:10:00", 700),
		}, 1000},
		"the phone begins earlier and ends later": {[]Sample{
			sample(watch, "2026-03-10 10:05:00", "2026-03-10 10:10:00", 500),
			sample(phone, "2026-03-10 10:00:00", "2026-03-10 10:20:00", 2000),
		}, 500 + 500 + 1000},
		"the watch was charged in between": {[]Sample{
			sample(watch, "2026-03-10 10:00:00", "2026-03-10 10:04:00", 400),
			sample(watch, "2026-03-10 10:06:00", "2026-03-10 10:10:00", 400),
			sample(phone, "2026-03-10 10:02:00", "2026-03-10 10:08:00", 300),
		}, 400 + 100 + 400},
		"one after the other": {[]Sample{
			sample(watch, "2026-03-10 10:00:00", "2026-03-10 10:05:00", 400),
			sample(phone, "2026-03-10 10:05:00", "2026-03-10 10:08:00", 300),
		}, 700},
		"an instant within": {[]Sample{
			sample(watch, "2026-03-10 10:00:00", "2026-03-10 10:05:00", 400),
			sample(phone, "2026-03-10 10:00:00", "2026-03-10 10:00:00", 3),
			sample(phone, "2026-03-10 10:05:00", "2026-03-10 10:05:00", 5),
		}, 405},
	} {
		now := NewHealthKit(map[string][]Sample{"step_count": tt.samples}, 0).At(nextNoon)
		if got := now.Sum(steps, noon.AddDate(0, 0, -1), nextNoon); got != tt.want {
			t.Errorf("%s: %v steps, want %v", name, got, tt.want)
		}
		for _, grain := range []Grain{Minute, Hour, Day} {
			var got float64
			for _, bucket := range now.Statistics(steps, grain, berlin, noon.AddDate(0, 0, -1), nextNoon) {
				got += bucket.Sum
			}
			if math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("%s: %v steps by %s, want %v", name, got, grain, tt.want)
			}
		}
	}
}

// What people entered counts each for itself, whoever wrote it, and in one bucket.
func TestEntriesAreNotMerged(t *testing.T) {
	t.Parallel()
	now := NewHealthKit(map[string][]Sample{"dietary_water": {
		sample(hand, "2026-03-10 10:00:00", "2026-03-10 10:00:00", 250), sample(phone, "2026-03-10 10:00:00", "2026-03-10 10:00:00", 200),
		sample(hand, "2026-03-11 00:00:00", "2026-03-11 00:00:00", 100),
	}}, 0.25).At(nextNoon)
	want := []string{"10 10:00 +0100 450 iPhone|Health", "11 00:00 +0100 100 Health"}
	if diff := cmp.Diff(want, sums(now.Statistics(water, Minute, berlin, noon.AddDate(0, 0, -1), nextNoon))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Sums by minutes are too large by the inflation, those by hours and days are not.
func TestInflation(t *testing.T) {
	t.Parallel()
	now := NewHealthKit(map[string][]Sample{"step_count": {sample(watch, "2026-03-10 10:00:00", "2026-03-10 10:02:00", 200)}}, 0.2).At(nextNoon)
	for grain, want := range map[Grain][]string{
		Minute: {"10 10:00 +0100 120 Watch", "10 10:01 +0100 120 Watch"},
		Hour:   {"10 10:00 +0100 200 Watch"},
		Day:    {"10 00:00 +0100 200 Watch"},
	} {
		if diff := cmp.Diff(want, sums(now.Statistics(steps, grain, berlin, noon.AddDate(0, 0, -1), nextNoon))); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", grain, diff)
		}
	}
}

// The phone has what was synchronised and not yet deleted: hours of the watch may come late.
func TestStoreAtATime(t *testing.T) {
	t.Parallel()
	late := sample(watch, "2026-03-10 08:00:00", "2026-03-10 08:10:00", 1000)
	late.Synced = at("2026-03-10 13:00:00")
	deleted := sample(phone, "2026-03-10 08:00:00", "2026-03-10 08:10:00", 700)
	deleted.Removed = at("2026-03-10 14:00:00")
	kit := NewHealthKit(map[string][]Sample{"step_count": {late, deleted, sample(phone, "2026-03-10 09:00:00", "2026-03-10 09:10:00", 50)}}, 0)
	for clock, want := range map[string]float64{"08:09:00": 0, "12:59:00": 750, "13:00:00": 1050, "14:00:00": 1050} {
		if got := kit.At(at("2026-03-10 "+clock)).Sum(steps, noon.AddDate(0, 0, -1), nextNoon); got != want {
			t.Errorf("at %s there are %v steps, want %v", clock, got, want)
		}
	}
	if got := len(kit.At(noon).Samples("step_count", at("2026-03-10 08:30:00"), noon)); got != 1 {
		t.Errorf("%d samples after 08:30, want 1", got)
	}
}

// A rate holds until the next one, 40 seconds at most. An hour's run of a reading every 5 s weighs as much as the 90 rests
// of 40 s that are as long: M1 of the averages, about 82 where equal weights give 125.
func TestMeanOfHeartRateIsWeightedByTime(t *testing.T) {
	t.Parallel()
	var samples []Sample
	midnight := at("2026-03-10 00:00:00")
	add := func(from, to time.Time, every time.Duration, value float64) {
		for ; from.Before(to); from = from.Add(every) {
			samples = append(samples, Sample{Source: watch, Start: from, End: from, Value: value, Synced: from})
		}
	}
	add(midnight, midnight.Add(18*time.Hour), 5*time.Minute, 60)
	add(midnight.Add(18*time.Hour), midnight.Add(19*time.Hour), 5*time.Second, 150)
	add(midnight.Add(19*time.Hour), midnight.Add(24*time.Hour), 5*time.Minute, 60)
	now := NewHealthKit(map[string][]Sample{"heart_rate": samples}, 0).At(nextNoon)

	day := now.Statistics(heart, Day, berlin, midnight, midnight.AddDate(0, 0, 1))
	resting, running := 276*40.0, 3600.0
	want := []Statistic{{
		Start: midnight, End: midnight.AddDate(0, 0, 1), Min: 60, Max: 150, Count: 276 + 720, Sources: []string{"Watch"},
		Avg: (resting*60 + running*150) / (resting + running),
	}}
	if diff := cmp.Diff(want, day, approximately); diff != "" || math.Abs(day[0].Avg-82) > 1 {
		t.Errorf("the day (-want +got):\n%s", diff)
	}
	minutes := now.Statistics(heart, Minute, berlin, midnight.Add(17*time.Hour+50*time.Minute), midnight.Add(18*time.Hour+2*time.Minute))
	got := []string{}
	for _, m := range minutes {
		got = append(got, fmt.Sprintf("%s %.3g of %d", m.Start.In(berlin).Format("15:04"), m.Avg, m.Count))
	}
	if diff := cmp.Diff([]string{"17:50 60 of 1", "17:55 60 of 1", "18:00 150 of 12", "18:01 150 of 12"}, got); diff != "" {
		t.Errorf("minutes (-want +got):\n%s", diff)
	}
}

// Days are those of the zone the phone is in, of 23 and 25 hours where clocks change; the hour that is there twice is two.
func TestBucketsByTheClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		zone, day, start, end string
		hours                 int
	}{
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23},
		{"Europe/Berlin", "2025-10-26", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", 25},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z", 23}, // begins at 01:00
		{"Asia/Kathmandu", "2026-02-09", "2026-02-08T18:15:00Z", "2026-02-09T18:15:00Z", 24},
	} {
		zone := mustZone(tt.zone)
		day, err := time.ParseInLocation(time.DateOnly, tt.day, zone)
		if err != nil {
			t.Fatal(err)
		}
		start, end := Day.bucketOf(day.Add(10*time.Hour), zone)
		if got := [2]string{start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339)}; got != [2]string{tt.start, tt.end} {
			t.Errorf("%s in %s is %v", tt.day, tt.zone, got)
		}
		hours := map[string]bool{}
		for at := start; at.Before(end); at = at.Add(10 * time.Minute) {
			from, to := Hour.bucketOf(at, zone)
			if at.Before(from) || !at.Before(to) || from.In(zone).Minute() != 0 {
				t.Errorf("%v is in the hour %v to %v", at, from, to)
			}
			hours[from.In(zone).Format(timeLayout)] = true
		}
		if len(hours) != tt.hours {
			t.Errorf("%s in %s has %d hours, want %d", tt.day, tt.zone, len(hours), tt.hours)
		}
	}
}

// What the app writes of one morning, by each grouping.
func TestBody(t *testing.T) {
	t.Parallel()
	kit := NewHealthKit(map[string][]Sample{
		"step_count": {
			sample(watch, "2026-03-10 08:59:00", "2026-03-10 09:01:00", 200), sample(phone, "2026-03-10 09:00:00", "2026-03-10 09:02:00", 180),
		},
		"heart_rate": {sample(watch, "2026-03-10 09:00:10", "2026-03-10 09:00:10", 60), sample(watch, "2026-03-10 09:00:30", "2026-03-10 09:00:30", 90)},
	}, 0)
	for grouping, want := range map[Grouping]string{
		None: `{"data":{"metrics":[{"name":"step_count","units":"count","data":[
			{"date":"2026-03-10 08:59:00 +0100","qty":200,"source":"Watch"},{"date":"2026-03-10 09:00:00 +0100","qty":180,"source":"iPhone"}]},
			{"name":"heart_rate","units":"count/min","data":[
			{"date":"2026-03-10 09:00:10 +0100","Min":60,"Avg":60,"Max":60,"source":"Watch"},
			{"date":"2026-03-10 09:00:30 +0100","Min":90,"Avg":90,"Max":90,"source":"Watch"}]}]}}`,
		ByMin: `{"data":{"metrics":[{"name":"step_count","units":"count","data":[
			{"date":"2026-03-10 08:59:00 +0100","qty":100,"source":"Watch"},{"date":"2026-03-10 09:00:00 +0100","qty":100,"source":"Watch"},
			{"date":"2026-03-10 09:01:00 +0100","qty":90,"source":"iPhone"}]},
			{"name":"heart_rate","units":"count/min","data":[{"date":"2026-03-10 09:00:00 +0100","Min":60,"Avg":78,"Max":90,"source":"Watch"}]}]}}`,
		ByDay: `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":290,"source":"Watch|iPhone"}]},
			{"name":"heart_rate","units":"count/min","data":[{"date":"2026-03-10 00:00:00 +0100","Min":60,"Avg":80,"Max":90,"source":"Watch"}]}]}}`,
	} {
		var all []series
		for _, metric := range []Metric{steps, heart} {
			all = append(all, kit.At(noon).export(metric, grouping, berlin, at("2026-03-10 00:00:00"), noon, rand.New(rand.NewPCG(1, 1))))
		}
		body := string(encode(all))
		if diff := cmp.Diff(parsed(t, want), parsed(t, strings.ReplaceAll(body, "iPhone|Watch", "Watch|iPhone"))); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", grouping, diff)
		}
	}
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// The parts of a run have all of its points, each once.
func TestBatches(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		person := NewPerson(random, Habits{Metrics: []string{"step_count", "dietary_water"}, Days: 3})
		to := person.Start.Add(50 * time.Hour)
		var all []series
		for _, metric := range person.Metrics {
			all = append(all, person.Kit.At(to).export(metric, ByHour, person.Home(), person.Start, to, random))
		}
		points := func(parts [][]series) (list []string) {
			for _, part := range parts {
				for _, one := range part {
					for _, p := range one.Points {
						list = append(list, one.Name+p.Date)
					}
				}
			}
			slices.Sort(list)
			return list
		}
		for _, batch := range []Batch{ByMetric, ByTime} {
			if diff := cmp.Diff(points([][]series{all}), points(batches(all, batch, person.Start, to))); diff != "" {
				t.Errorf("seed %d %s (-whole +parts):\n%s", seed, batch, diff)
			}
		}
	}
}

// Apple's export has every source's samples with one offset, that of the day of the export.
func TestExportXML(t *testing.T) {
	t.Parallel()
	kit := NewHealthKit(map[string][]Sample{
		"step_count":      {sample(watch, "2026-03-10 09:00:00", "2026-03-10 09:02:00", 180)},
		"mindful_minutes": {sample(hand, "2026-03-10 10:00:00", "2026-03-10 10:12:00", 12)},
		"active_energy":   {sample(phone, "2026-03-10 23:59:00", "2026-03-11 00:01:00", 12)},
	}, 0)
	text := kit.ExportXML(at("2026-04-01 12:00:00"), berlin, true, at("2026-03-01 00:00:00"))
	var export struct {
		ExportDate struct {
			Value string `xml:"value,attr"`
		}
		Record []struct {
			Type   string `xml:"type,attr"`
			Source string `xml:"sourceName,attr"`
			Device string `xml:"device,attr"`
			Start  string `xml:"startDate,attr"`
			End    string `xml:"endDate,attr"`
			Value  string `xml:"value,attr"`
		}
		ActivitySummary []struct {
			Date   string `xml:"dateComponents,attr"`
			Energy string `xml:"activeEnergyBurned,attr"`
		}
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&export); err != nil {
		t.Fatal(err)
	}
	if export.ExportDate.Value != "2026-04-01 12:00:00 +0200" {
		t.Errorf("the export is of %s", export.ExportDate.Value)
	}
	if got := fmt.Sprint(export.ActivitySummary); got != "[{2026-03-10 6.000000} {2026-03-11 6.000000}]" {
		t.Errorf("the rings are %s", got)
	}
	got := fmt.Sprint(export.Record[1:])
	want := "[{HKCategoryTypeIdentifierMindfulSession Health  2026-03-10 11:00:00 +0200 2026-03-10 11:12:00 +0200 HKCategoryValueNotApplicable} " +
		"{HKQuantityTypeIdentifierStepCount Watch <<HKDevice: 0x1>, name:Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,6> " +
		"2026-03-10 10:00:00 +0200 2026-03-10 10:02:00 +0200 180}]"
	if got != want {
		t.Errorf("the records are\n%s, want\n%s", got, want)
	}
}

// A person's days are the same whoever reads them: condensing changes no sum, and one device measures one thing at a time.
func TestPersonIsSound(t *testing.T) {
	t.Parallel()
	names := []string{}
	for _, metric := range Metrics {
		names = append(names, metric.Name)
	}
	for seed := range uint64(30) {
		habits := Habits{Metrics: names, Days: 6, SyncsLate: true, Condenses: true, Travels: seed%2 == 0}
		p := NewPerson(rand.New(rand.NewPCG(seed, 1)), habits)
		end := p.End.Add(24 * time.Hour)
		for _, metric := range p.Metrics {
			samples := p.Kit.At(end.AddDate(0, 1, 0)).Samples(metric.Name, p.Start, end)
			last := map[*Source]Sample{}
			for _, s := range samples {
				if before, ok := last[s.Source]; ok && s.Start.Before(before.End) {
					t.Errorf("seed %d: %s of %v overlaps", seed, metric.Name, s.Start)
				}
				if s.Synced.Before(s.End) {
					t.Errorf("seed %d: %s of %v is known before it ended", seed, metric.Name, s.Start)
				}
				last[s.Source] = s
			}
			if metric.Style != Cumulative {
				continue
			}
			before, after := p.Kit.At(p.End.Add(40*time.Hour)), p.Kit.At(end.AddDate(0, 1, 0))
			if got, want := after.Sum(metric, p.Start, end), before.Sum(metric, p.Start, end); math.Abs(got-want) > 0.01*want {
				t.Errorf("seed %d: %s was %v and is %v after it was condensed", seed, metric.Name, want, got)
			}
		}
	}
}
