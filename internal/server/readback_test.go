package server

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEverythingReadsBack sends one of everything and asks for it in all the ways there are. The answers are in
// testdata/readback.
func TestEverythingReadsBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	workout := a.workoutOf(ada)
	for name, path := range map[string]string{
		"metrics":           "/v1/metrics",
		"latest":            "/v1/metrics/latest",
		"samples":           "/v1/metrics/step_count/samples",
		"samples_by_id":     "/v1/metrics/HKQuantityTypeIdentifierStepCount/samples?limit=1",
		"samples_range":     "/v1/metrics/heart_rate/samples?start=2026-03-10&end=2026-03-11",
		"samples_pressure":  "/v1/metrics/blood_pressure/samples",
		"samples_unknown":   "/v1/metrics/phase_of_the_moon/samples",
		"series":            "/v1/metrics/step_count/series?start=2026-03-10&end=2026-03-11",
		"series_hours":      "/v1/metrics/step_count/series?start=2026-03-10T07:00:00Z&end=2026-03-10T10:00:00Z&bucket=1h&tz=Europe/London&gaps=null",
		"summary":           "/v1/summary?date=2026-03-10",
		"summaries":         "/v1/summary?start=2026-03-09&end=2026-03-10",
		"sleep":             "/v1/sleep?start=2026-03-10&end=2026-03-10",
		"series_percentile": "/v1/metrics/heart_rate/series?start=2026-03-10&end=2026-03-11&agg=p95",
		"series_list":       "/v1/series?metrics=step_count,heart_rate&start=2026-03-10&end=2026-03-11&bucket=12h&units=heart_rate:bpm",
		"comparison":        "/v1/compare?metrics=step_count,sleep_analysis&start=2026-03-10&end=2026-03-10&previous=true",
		"comparison_with":   "/v1/compare?metrics=heart_rate&start=2026-03-10&end=2026-03-10&with_start=2026-03-10&with_end=2026-03-10",
		"correlation":       "/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&lag=-1..1",
		"trends":            "/v1/trends?metrics=step_count&date=2026-03-10",
		"trends_of_all":     "/v1/trends?date=2026-03-10",
		"records":           "/v1/records?efforts=true",
		"records_range":     "/v1/records?start=2026-03-11&end=2026-03-11",
		"workout_splits":    "/v1/workouts/" + workout + "?splits=mi&max_heart_rate=185",
		"events_name":       "/v1/events?name=Headache",
		"events_no_name":    "/v1/events?name=headache",
		"ecg_one":           "/v1/ecg/2026-03-10T11:00:00Z",
		"workouts":          "/v1/workouts?start=2026-03-10&end=2026-03-11&name=outdoor%20run",
		"workouts_box":      "/v1/workouts?bbox=13.3,52.4,13.5,52.6",
		"workouts_not_box":  "/v1/workouts?bbox=0,0,1,1",
		"workouts_near":     "/v1/workouts?near=52.5,13.4,100",
		"workout":           "/v1/workouts/" + workout,
		"route":             "/v1/workouts/" + workout + "/route",
		"events":            "/v1/events?kind=symptom",
		"ecg":               "/v1/ecg",
		"ecg_voltages":      "/v1/ecg?voltages=true&start=2026-03-10",
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "readback/"+name+".json", a.in(t).get(path, ada.key).wants(http.StatusOK).body)
		})
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	workout := a.workoutOf(ada)
	for path, want := range map[string]struct {
		status int
		field  string
	}{
		"/v1/metrics/step_count/samples?unit=mmHg":                                                              {400, "unit"},
		"/v1/metrics/step_count/samples?start=2026-03-10&end=2026-03-09":                                        {400, "end"},
		"/v1/metrics/step_count/samples?limit=10001":                                                            {400, "limit"},
		"/v1/metrics/step_count/samples?cursor=x":                                                               {400, "cursor"},
		"/v1/metrics/nobody_knows/samples":                                                                      {404, "name"},
		"/v1/metrics/step_count/series?bucket=7m":                                                               {400, "bucket"},
		"/v1/metrics/step_count/series?tz=Mars/Crater":                                                          {400, "tz"},
		"/v1/metrics/step_count/series?agg=median":                                                              {400, "agg"},
		"/v1/metrics/step_count/series?gaps=zero":                                                               {400, "gaps"},
		"/v1/summary?date=2026-02-30":                                                                           {400, "date"},
		"/v1/summary?date=2026-03-10&start=2026-03-10":                                                          {400, "date"},
		"/v1/summary?start=2020-01-01&end=2026-03-10":                                                           {400, "end"},
		"/v1/sleep?start=2026-03-10&end=2026-03-09":                                                             {400, "end"},
		"/v1/workouts?bbox=1,2":                                                                                 {400, "bbox"},
		"/v1/workouts?near=here":                                                                                {400, "near"},
		"/v1/events?limit=many":                                                                                 {400, "limit"},
		"/v1/ecg?voltages=yes":                                                                                  {400, "voltages"},
		"/v1/series?start=2026-03-10":                                                                           {400, "metrics"},
		"/v1/series?metrics=step_count,,heart_rate":                                                             {400, "metrics"},
		"/v1/series?metrics=step_count,step_count":                                                              {400, "metrics"},
		"/v1/series?metrics=step_count,nobody_knows":                                                            {400, "metrics"},
		"/v1/series?metrics=step_count&units=km":                                                                {400, "units"},
		"/v1/series?metrics=step_count&units=heart_rate:Hz":                                                     {400, "units"},
		"/v1/series?metrics=step_count&units=step_count:km":                                                     {400, "units"},
		"/v1/series?metrics=step_count&bucket=7m":                                                               {400, "bucket"},
		"/v1/series?metrics=step_count&tz=Mars":                                                                 {400, "tz"},
		"/v1/series?metrics=step_count,heart_rate&agg=sum":                                                      {400, "agg"},
		"/v1/series?metrics=step_count&start=2026-03-10&end=2026-03-09":                                         {400, "end"},
		"/v1/series?metrics=step_count&start=1900-01-01&bucket=1m":                                              {400, "bucket"},
		"/v1/compare?metrics=step_count&start=2026-03-10":                                                       {400, "end"},
		"/v1/compare?metrics=step_count&start=2026-03-10&end=2026-03-10":                                        {400, "with_start"},
		"/v1/compare?metrics=step_count&start=2026-03-10&end=2026-03-10&previous=yes":                           {400, "previous"},
		"/v1/compare?metrics=step_count&start=2026-03-10&end=2026-03-10&previous=true&with_start=2026-03-01":    {400, "previous"},
		"/v1/compare?metrics=step_count&start=2026-03-10&end=2026-03-09&previous=true":                          {400, "end"},
		"/v1/compare?metrics=step_count&start=2026-03-10&end=2026-03-10&with_start=2026-02-30&with_end=2026-03": {400, "with_start"},
		"/v1/compare?metrics=blood_pressure&start=2026-03-10&end=2026-03-10&previous=true":                      {400, "metrics"},
		"/v1/correlate?x=step_count&start=2026-03-01&end=2026-03-10":                                            {400, "y"},
		"/v1/correlate?x=step_count&y=moon&start=2026-03-01&end=2026-03-10":                                     {400, "y"},
		"/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&lag=a":                         {400, "lag"},
		"/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&lag=-99..99":                   {400, "lag"},
		"/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&lag=1..-1":                     {400, "lag"},
		"/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&bucket=1h":                     {400, "bucket"},
		"/v1/trends?date=tomorrow":                                                                              {400, "date"},
		"/v1/trends?metrics=moon":                                                                               {400, "metrics"},
		"/v1/records?start=2026-03-10&end=2026-03-09":                                                           {400, "end"},
		"/v1/records?efforts=1":                                                                                 {400, "efforts"},
		"/v1/ecg/yesterday":                                                                                     {404, ""},
		"/v1/ecg/2026-03-10T11:00:01Z":                                                                          {404, ""},
		"/v1/workouts/" + workout + "?splits=furlong":                                                           {400, "splits"},
		"/v1/workouts/" + workout + "?max_heart_rate=20":                                                        {400, "max_heart_rate"},
		"/v1/workouts/" + workout + "?max_heart_rate=NaN":                                                       {400, "max_heart_rate"},
		"/v1/metrics/step_count/series?agg=p100":                                                                {400, "agg"},
		"/v1/metrics/step_count/samples?grain=hour":                                                             {400, "grain"},
		"/v1/metrics/step_count/series?start=" + url.QueryEscape("now - 1"):                                     {400, "start"},
	} {
		var p problemDetails
		a.get(path, ada.key).wants(want.status).into(&p)
		if p.Field != want.field {
			t.Errorf("%s: the field at fault is %q, not %q: %s", path, p.Field, want.field, p.Detail)
		}
	}
}

// TestPagesOfSamples reads samples page by page.
func TestPagesOfSamples(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	var got []float64
	for cursor := ""; ; {
		var p struct {
			Samples []struct {
				Value float64 `json:"value"`
			} `json:"samples"`
			NextCursor *string `json:"next_cursor"`
		}
		a.get("/v1/metrics/step_count/samples?limit=1"+cursor, ada.key).wants(http.StatusOK).into(&p)
		for _, s := range p.Samples {
			got = append(got, s.Value)
		}
		if p.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(*p.NextCursor)
	}
	if diff := cmp.Diff([]float64{1200, 800}, got); diff != "" {
		t.Errorf("the samples differ:\n%s", diff)
	}
}

// TestSummaryOfToday asks without saying for when: it is today where the user lives.
func TestSummaryOfToday(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) {
		c.Now = func() time.Time { return time.Date(2026, 3, 9, 10, 30, 0, 0, time.UTC) }
	})
	ada := a.person("kiri@example.org", "Pacific/Kiritimati")
	var day struct {
		Date     string         `json:"date"`
		Metrics  map[string]any `json:"metrics"`
		Sleep    any            `json:"sleep"`
		Workouts []any          `json:"workouts"`
	}
	a.get("/v1/summary", ada.key).wants(http.StatusOK).into(&day)
	if day.Date != "2026-03-10" {
		t.Errorf("today is %s", day.Date)
	}
}

// TestRefusalsListAllowedValues proves that a program can read off a problem what to ask instead.
func TestRefusalsListAllowedValues(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	for path, allowed := range map[string]string{
		"/v1/metrics/step_count/series?bucket=7m":                                           "1h",
		"/v1/metrics/heart_rate/series?agg=sum":                                             "avg",
		"/v1/metrics/walking_running_distance/series?unit=kg":                               "mi",
		"/v1/metrics/step_count/series?gaps=zero":                                           "null",
		"/v1/correlate?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-10&bucket=1h": "1w",
		"/v1/workouts/" + unknownID.String() + "?splits=m":                                  "km",
		"/v1/series?metrics=step_count&metric=heart_rate":                                   "metrics",
	} {
		var p problemDetails
		a.get(path, ada.key).wants(http.StatusBadRequest).into(&p)
		if !slices.Contains(p.Allowed, allowed) || p.Field == "" {
			t.Errorf("%s: %+v does not say that %s is allowed", path, p, allowed)
		}
	}
	for path, status := range map[string]int{
		"/v1/metrics/step_cuont/series": 404, "/v1/metrics/steps_count/samples": 404, "/v1/trends?metrics=stepcount": 400,
	} {
		var p problemDetails
		a.get(path, ada.key).wants(status).into(&p)
		if !slices.Contains(p.Suggestions, "step_count") {
			t.Errorf("%s: %+v does not suggest step_count", path, p)
		}
	}
}

// TestSomebodyElsesECG asks for what is there, with the key of a person who does not have it.
func TestSomebodyElsesECG(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob := a.ada(), a.person("bob@example.org", "")
	a.send(ada.key, bodyOfEverything)
	a.get("/v1/ecg/2026-03-10T11:00:00Z", ada.key).wants(http.StatusOK)
	a.get("/v1/ecg/2026-03-10T11:00:00Z", bob.key).refused(http.StatusNotFound, "not_found")
}
