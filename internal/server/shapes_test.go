package server

import (
	"net/http"
	"strings"
	"testing"
)

// A point of unknown shape is kept and shown with its parts, and makes no figure: not one of its own, and none of the values
// beside it.
func TestPointsOfUnknownShape(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	const body = `{"data":{"metrics":[
		{"name":"beat_to_beat_intervals","units":"ms","data":[{"date":"2026-03-10 07:05:12 +0100","series":[{"t":0,"rr":812},{"t":812,"rr":799}],"source":"W"}]},
		{"name":"heart_rate","units":"count/min","data":[
			{"date":"2026-03-10 07:00:00 +0100","Min":50,"Avg":60,"Max":70,"source":"W"},{"date":"2026-03-10 07:01:00 +0100","Min":52,"Avg":62,"Max":72,"source":"W"},
			{"date":"2026-03-10 07:30:00 +0100","beats":[812],"source":"W"}]},
		{"name":"step_count","units":"count","data":[
			{"start":"2026-03-10 08:00:00 +0100","end":"2026-03-10 09:00:00 +0100","left":3,"source":"Watch"},
			{"start":"2026-03-10 08:00:00 +0100","end":"2026-03-10 09:00:00 +0100","qty":500,"source":"iPhone"}]}]}}`
	sent := a.send(ada.key, body)
	if c := sent.Counts.Metrics; sent.Status != "processed" || c.Received != 6 || c.Inserted != 6 || len(sent.Warnings) != 3 {
		t.Fatalf("%s %+v %+v", sent.Status, c, sent.Warnings)
	}
	for path, want := range map[string][]string{
		"/v1/metrics/beat_to_beat_intervals/samples":                                             {`"attributes":{"series":[{"rr":812,"t":0},{"rr":799,"t":812}]}`},
		"/v1/metrics/beat_to_beat_intervals/series?start=2026-03-10&end=2026-03-11":              {`"points":[]`},
		"/v1/metrics/beat_to_beat_intervals/series?start=2026-03-10&end=2026-03-11&tz=UTC":       {`"points":[]`},
		"/v1/metrics/heart_rate/series?start=2026-03-10&end=2026-03-11":                          {`"min":50`, `"max":72`, `"avg":61`},
		"/v1/metrics/step_count/series?start=2026-03-10&end=2026-03-11":                          {`"sum":500`},
		"/v1/metrics/step_count/series?start=2026-03-10&end=2026-03-11&bucket=1h&tz=Asia/Tehran": {`"sum":250`}, // half in each hour
		"/v1/summary?date=2026-03-10":                                                            {`"step_count":{"unit":"count","aggregation":"sum","value":500`},
		"/v1/metrics/latest":                                                                     {`"avg":62`, `"value":500`, `"attributes":{"series"`},
		"/v1/metrics":                                                                            {`"name":"beat_to_beat_intervals"`},
		"/v1/export?format=ndjson&types=samples":                                                 {`"rr":812`, `"left":3`},
		"/v1/export?format=csv&types=samples":                                                    {`beat_to_beat_intervals`},
		"/v1/export?format=json":                                                                 {`"rr":812`},
	} {
		got := a.get(path, ada.key)
		if got.status == http.StatusBadRequest && strings.Contains(path, "format=json") {
			continue // this version has no such format
		}
		text := string(got.wants(http.StatusOK).body)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %s:\n%s", path, part, text)
			}
		}
		if strings.Contains(path, "summary") && strings.Contains(text, "beat_to_beat") {
			t.Errorf("a figure is made of a sample without a value:\n%s", text)
		}
	}
	if again := a.send(ada.key, body); again.Counts.Metrics.Unchanged != 6 {
		t.Errorf("sent again: %+v", again.Counts.Metrics)
	}
}

func TestForeignScalars(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	var refused struct {
		Instance string `json:"instance"`
	}
	a.do(http.MethodPost, "/v1/ingest", ada.key, `{"data":{"provider":"apple","sdkVersion":"1.0.0","workouts":[],"records":[]}}`).
		wants(http.StatusUnprocessableEntity).into(&refused)
	if recorded := string(a.get(refused.Instance, ada.key).wants(http.StatusOK).body); !strings.Contains(recorded, `"status":"unrecognised"`) {
		t.Error(recorded)
	}
	sent := a.send(ada.key, `{"data":{"provider":"apple","metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 07:05:12 +0100","qty":5}]}]}}`)
	if sent.Status != "processed" || len(sent.Warnings) != 1 || sent.Warnings[0].Warning != "unknown_member" {
		t.Errorf("%+v", sent)
	}
	if events := string(a.get("/v1/events", ada.key).wants(http.StatusOK).body); !strings.Contains(events, `"events":[]`) {
		t.Errorf("events: %s", events)
	}
}
