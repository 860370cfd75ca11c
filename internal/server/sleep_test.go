package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/health-export/health-export/internal/query"
)

// sleepBody is a body of points of sleep.
func sleepBody(points ...string) string {
	return `{"data":{"metrics":[{"name":"sleep_analysis","units":"hr","data":[` + strings.Join(points, ",") + `]}]}}`
}

// sleepOn returns the sleep of a day; nil where there is none.
func (a *api) sleepOn(p person, date string) *query.DaySleep {
	a.t.Helper()
	var day query.DaySummary
	a.get("/v1/summary?date="+date, p.key).wants(http.StatusOK).into(&day)
	return day.Sleep
}

func wantHours(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || !cmp.Equal(*got, want, cmpopts.EquateApprox(0, 1e-4)) {
		t.Errorf("%s is %v, want %v", what, orNil(got), want)
	}
}

func orNil(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

const (
	// The night as it was at half past seven, and the part of it that the watch sent again afterwards.
	wholeNight   = `{"date":"2026-05-03 00:00:00 -0400","sleepStart":"2026-05-02 23:20:00 -0400","sleepEnd":"2026-05-03 07:10:00 -0400","totalSleep":7.45,"deep":0.9,"core":4.9,"rem":1.65,"awake":0.3,"source":"Watch"}`
	partOfNight  = `{"date":"2026-05-03 00:00:00 -0400","sleepStart":"2026-05-03 04:10:00 -0400","sleepEnd":"2026-05-03 07:10:00 -0400","totalSleep":2.9,"deep":0.2,"core":1.9,"rem":0.8,"awake":0.1,"inBed":3,"source":"Watch"}`
	nightSoFar   = `{"date":"2026-05-03 00:00:00 -0400","sleepStart":"2026-05-02 23:20:00 -0400","sleepEnd":"2026-05-03 05:00:00 -0400","totalSleep":5.4,"deep":0.8,"core":3.6,"rem":1,"source":"Watch"}`
	eveningSoFar = `{"date":"2026-05-02 00:00:00 -0400","sleepStart":"2026-05-02 23:20:00 -0400","sleepEnd":"2026-05-02 23:50:00 -0400","totalSleep":0.5,"core":0.5,"source":"Watch"}`
)

func TestPartOfANightDoesNotReplaceIt(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for i, order := range [][]string{
		{wholeNight, partOfNight, nightSoFar, eveningSoFar},
		{eveningSoFar, nightSoFar, wholeNight, partOfNight},
		{partOfNight, nightSoFar, eveningSoFar, wholeNight},
		{nightSoFar, wholeNight, eveningSoFar, partOfNight},
	} {
		p := a.person(fmt.Sprintf("order%d@example.org", i), "America/New_York")
		for _, point := range order {
			a.send(p.key, sleepBody(point))
		}
		night := a.sleepOn(p, "2026-05-03")
		if night == nil || night.InBed != nil || len(night.Naps) > 0 {
			t.Fatalf("the night is %+v", night)
		}
		wantHours(t, "total", night.Total, 7.45)
		wantHours(t, "deep", night.Deep, 0.9)
		if before := a.sleepOn(p, "2026-05-02"); before != nil {
			t.Errorf("the day before has a night too: %+v", before)
		}
	}
}

func TestNightOfTwoParts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, sleepBody(
		`{"date":"2026-04-12 00:00:00 +0200","sleepStart":"2026-04-11 22:50:00 +0200","sleepEnd":"2026-04-12 01:05:00 +0200","totalSleep":2.1,"core":1.4,"deep":0.4,"rem":0.3,"awake":0.1,"inBed":2.3,"source":"Watch"}`,
		`{"date":"2026-04-12 00:00:00 +0200","sleepStart":"2026-04-12 01:30:00 +0200","sleepEnd":"2026-04-12 06:40:00 +0200","totalSleep":4.9,"core":3.2,"deep":0.7,"rem":1,"awake":0.2,"inBed":5.2,"source":"Watch"}`,
		`{"date":"2026-04-12 00:00:00 +0200","sleepStart":"2026-04-12 14:10:00 +0200","sleepEnd":"2026-04-12 14:50:00 +0200","totalSleep":0.6,"core":0.6,"source":"Watch"}`))
	night := a.sleepOn(ada, "2026-04-12")
	wantHours(t, "total", night.Total, 7)
	wantHours(t, "core", night.Core, 4.6)
	wantHours(t, "in bed", night.InBed, 7.5)
	wantHours(t, "awake", night.Awake, 0.3) // without the time between the parts
	if len(night.Naps) != 1 || night.SleepStart.Format("15:04") != "22:50" || night.SleepEnd.Format("15:04") != "06:40" {
		t.Errorf("the night is %+v", night)
	}
	var sleep query.Sleep
	a.get("/v1/sleep?start=2026-04-12&end=2026-04-12", ada.key).wants(http.StatusOK).into(&sleep)
	if rows := sleep.Nights; len(rows) != 3 || rows[1].NightID != rows[0].ID || rows[0].NightID != rows[0].ID || rows[2].NightID != rows[2].ID ||
		!rows[0].Counted || !rows[1].Counted || rows[1].Nap || !rows[2].Nap {
		t.Errorf("the rows are %+v", rows)
	}
	// The same figure everywhere.
	var series query.Series
	a.get("/v1/metrics/sleep_analysis/series?start=2026-04-12&end=2026-04-13", ada.key).wants(http.StatusOK).into(&series)
	wantHours(t, "the series", series.Points[0].Sum, 7)
	var records query.Records
	a.get("/v1/records", ada.key).wants(http.StatusOK).into(&records)
	if len(records.Days) != 1 || records.Days[0].Value != 7 {
		t.Errorf("the record is %+v", records.Days)
	}
	put := func(minutes string, want float64) {
		t.Helper()
		a.do(http.MethodPut, "/v1/sleep/settings", ada.key, `{"gap_minutes":`+minutes+`}`).wants(http.StatusOK)
		wantHours(t, "total with a gap of "+minutes, a.sleepOn(ada, "2026-04-12").Total, want)
	}
	put("20", 4.9)
	put("25", 7)
	var settings query.SleepSettings
	a.get("/v1/sleep/settings", ada.key).wants(http.StatusOK).into(&settings)
	if settings.GapMinutes != 25 {
		t.Errorf("the settings are %+v", settings)
	}
	for _, body := range []string{`{"gap_minutes":-1}`, `{"gap_minutes":721}`, `{}`} {
		a.do(http.MethodPut, "/v1/sleep/settings", ada.key, body).refused(http.StatusBadRequest, "invalid_gap")
	}
}

func TestSleepWithoutTotal(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	p := a.person("taipei@example.org", "Asia/Taipei")
	a.send(p.key, sleepBody(
		`{"date":"2023-02-05 02:11:00 +0800","sleepStart":"2023-02-05 00:40:00 +0800","sleepEnd":"2023-02-05 08:02:00 +0800","asleep":0,"inBed":7.2,"core":3.1,"deep":0.75,"rem":1.4,"awake":0.2,"source":"Watch"}`,
		`{"date":"2022-01-09 08:30:00 +0800","asleep":5.75,"sleepStart":"2022-01-09 01:55:00 +0800","sleepEnd":"2022-01-09 08:25:00 +0800","inBed":6.6,"inBedStart":"2022-01-09 01:50:00 +0800","inBedEnd":"2022-01-09 08:28:00 +0800"}`))
	for date, want := range map[string]float64{"2023-02-05": 5.25, "2022-01-09": 5.75} {
		wantHours(t, date, a.sleepOn(p, date).Total, want)
		var compared query.Comparison
		a.get("/v1/compare?metrics=sleep_analysis&previous=true&start="+date+"&end="+date, p.key).wants(http.StatusOK).into(&compared)
		wantHours(t, "compared on "+date, compared.Metrics[0].Period.Avg, want)
	}
	var series query.Series
	a.get("/v1/metrics/sleep_analysis/series?bucket=1y&unit=min&start=2022-01-01T00:00:00%2B08:00&end=2024-01-01T00:00:00%2B08:00", p.key).wants(http.StatusOK).into(&series)
	if len(series.Points) != 2 || series.Unit != "min" || *series.Points[0].Sum != 345 {
		t.Errorf("the series is %+v", series)
	}
}

func TestSleepsOfALongDay(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	p := a.person("madrid@example.org", "Europe/Madrid")
	segment := func(start, end string) string {
		return `{"startDate":"` + start + ` +0200","endDate":"` + end + ` +0200","value":"Asleep","qty":0,"source":"Watch"}`
	}
	a.send(p.key, sleepBody(
		segment("2025-06-02 21:30:00", "2025-06-03 10:30:00"),
		segment("2025-06-03 12:45:00", "2025-06-03 18:30:00"),
		segment("2025-06-03 23:30:00", "2025-06-04 06:45:00"),
	))
	third, fourth := a.sleepOn(p, "2025-06-03"), a.sleepOn(p, "2025-06-04")
	wantHours(t, "the night of the 3rd", third.Total, 13)
	wantHours(t, "the night of the 4th", fourth.Total, 7.25)
	if len(third.Naps) != 1 || len(fourth.Naps) != 0 {
		t.Fatalf("naps: %d and %d, want 1 and none", len(third.Naps), len(fourth.Naps))
	}
	wantHours(t, "the nap", third.Naps[0].Total, 5.75)
	a.send(p.key, sleepBody(
		`{"date":"2025-08-09 00:00:00 +0200","inBed":6.75,"inBedStart":"2025-08-09 23:15:00 +0200","inBedEnd":"2025-08-10 06:00:00 +0200","source":"iPhone"}`))
	wantHours(t, "in bed", a.sleepOn(p, "2025-08-10").InBed, 6.75)
}

func TestTimesKeepTheirOffsets(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	p := a.person("york@example.org", "America/New_York")
	a.send(p.key, `{"data":{"metrics":[{"name":"sleep_analysis","units":"hr","data":[
		{"date":"2025-11-02 00:00:00 -0500","sleepStart":"2025-11-01 23:45:00 -0400","sleepEnd":"2025-11-02 05:50:00 -0500","inBedStart":"2025-11-01 23:30:00 -0400","inBedEnd":"2025-11-02 06:00:00 -0500","totalSleep":6.7,"core":6.7,"source":"W"},
		{"startDate":"2025-11-02 01:40:00 -0400","endDate":"2025-11-02 01:20:00 -0500","value":"Core","source":"W"}]}],
		"workouts":[{"id":"0B7E1B1E-0000-4000-8000-000000000031","name":"Night Walk","start":"2025-11-02 01:30:00 -0400","end":"2025-11-02 01:25:00 -0500","duration":3300}]}}`)
	night := a.sleepOn(p, "2025-11-02")
	got := []string{}
	for _, at := range []any{night.SleepStart, night.SleepEnd, night.InBedStart, night.InBedEnd} {
		got = append(got, fmt.Sprint(at)[:25])
	}
	want := []string{"2025-11-01 23:45:00 -0400", "2025-11-02 05:50:00 -0500", "2025-11-01 23:30:00 -0400", "2025-11-02 06:00:00 -0500"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	for path, want := range map[string][]string{
		"/v1/sleep?start=2025-11-02&end=2025-11-02": {`"end":"2025-11-02T01:20:00-05:00"`, `"sleep_start":"2025-11-01T23:45:00-04:00"`},
		"/v1/workouts":                                {`"start":"2025-11-02T01:30:00-04:00"`, `"end":"2025-11-02T01:25:00-05:00"`},
		"/v1/summary?date=2025-11-02":                 {`"end":"2025-11-02T01:25:00-05:00"`},
		"/v1/export?format=csv&types=sleep":           {"2025-11-01T23:45:00-04:00", "2025-11-02T05:50:00-05:00", "2025-11-02T01:20:00-05:00"},
		"/v1/export?format=ndjson&types=workouts":     {"2025-11-02T01:30:00-04:00", "2025-11-02T01:25:00-05:00"},
		"/v1/export?format=fhir&types=sleep,workouts": {"2025-11-01T23:45:00-04:00", "2025-11-02T05:50:00-05:00", "2025-11-02T01:25:00-05:00"},
	} {
		body := string(a.get(path, p.key).wants(http.StatusOK).body)
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s has no %s:\n%s", path, text, body)
			}
		}
	}
}
