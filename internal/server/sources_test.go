package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// A walk that both the watch and the phone have counted.
const walkOfAda = `{"data":{"metrics":[{"name":"step_count","units":"count","data":[
	{"date":"2026-03-10 10:00:00 +0100","start":"2026-03-10 10:00:00 +0100","end":"2026-03-10 10:30:00 +0100","qty":900,"source":"Ada’s Apple Watch"},
	{"date":"2026-03-10 10:00:00 +0100","start":"2026-03-10 10:00:00 +0100","end":"2026-03-10 10:30:00 +0100","qty":650,"source":"Ada’s iPhone"}]}]}}`

func TestSourcePriority(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	const path = "/v1/sources/priority"
	expect := func(answer answer, want query.SourcePriority) {
		t.Helper()
		var got query.SourcePriority
		answer.wants(http.StatusOK).into(&got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the order (-want +got):\n%s", diff)
		}
	}
	steps := func(want float64, source string) {
		t.Helper()
		var day query.DaySummary
		a.get("/v1/summary?date=2026-03-10", ada.key).wants(http.StatusOK).into(&day)
		got := day.Metrics["activity"]["step_count"]
		if got.Sum == nil || *got.Sum != want || len(got.Sources) != 1 || got.Sources[0] != source {
			t.Errorf("the day has %+v, want %v of %s", got, want, source)
		}
	}
	unknown := []query.SourceDevice{}
	none := query.SourcePriority{Sources: []string{}, Metrics: map[string][]string{}, Applied: true, Devices: unknown}
	expect(a.get(path, ada.key), none)
	a.send(ada.key, walkOfAda, "automation-aggregation", "None")
	steps(900, "Ada’s Apple Watch")

	phone := query.SourcePriority{Sources: []string{"ada's iphone"}, Metrics: map[string][]string{}, Applied: true, Devices: unknown}
	expect(a.do(http.MethodPut, path, ada.key, `{"sources":["ada's iphone"]}`), phone)
	steps(650, "Ada’s iPhone")
	expect(a.get(path, ada.key), phone)

	expect(a.do(http.MethodPut, path, ada.key, `{"sources":["ada's iphone"],"metrics":{"HKQuantityTypeIdentifierStepCount":["Ada's Apple Watch"]}}`),
		query.SourcePriority{
			Sources: phone.Sources, Metrics: map[string][]string{"step_count": {"Ada's Apple Watch"}}, Applied: true, Devices: unknown,
		})
	steps(900, "Ada’s Apple Watch")
	expect(a.do(http.MethodPut, path, ada.key, `{}`), none)
	steps(900, "Ada’s Apple Watch")
}

// A watch with a name of its own is one because its device is.
func TestSourceDevices(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, `<?xml version="1.0"?><HealthData><ExportDate value="2026-03-10 20:00:00 +0100"/>`+
		walkRecord("Blue", "Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,6, software:10.1", 1000)+
		walkRecord("Ada iPhone", "iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone14,5", 700)+`</HealthData>`, "content-type", "application/xml")
	var day query.DaySummary
	a.get("/v1/summary?date=2026-03-10", ada.key).wants(http.StatusOK).into(&day)
	if got := day.Metrics["activity"]["step_count"]; got.Sum == nil || *got.Sum != 1000 || len(got.Sources) != 1 || got.Sources[0] != "Blue" {
		t.Errorf("the day has %+v, want 1000 of Blue", got)
	}
	var priority query.SourcePriority
	a.get("/v1/sources/priority", ada.key).wants(http.StatusOK).into(&priority)
	start := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	want := []query.SourceDevice{
		{Source: "Ada iPhone", Kind: health.DevicePhone, Model: "iPhone", Hardware: "iPhone14,5", FirstSeen: start, LastSeen: start},
		{Source: "Blue", Kind: health.DeviceWatch, Model: "Watch", Hardware: "Watch6,6", FirstSeen: start, LastSeen: start},
	}
	if diff := cmp.Diff(want, priority.Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

func walkRecord(source, device string, steps int) string {
	return fmt.Sprintf(`<Record type="HKQuantityTypeIdentifierStepCount" sourceName="%s" unit="count" value="%d"`+
		` device="&lt;&lt;HKDevice: 0x1&gt;, name:%s&gt;"`+
		` startDate="2026-03-10 10:00:00 +0100" endDate="2026-03-10 10:10:00 +0100"/>`, source, steps, device)
}

func TestSourcePriorityRefuses(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, reader := a.keyFor(ada.user, account.ScopeRead)
	const path = "/v1/sources/priority"
	a.do(http.MethodPut, path, reader, `{}`).refused(http.StatusForbidden, "missing_scope")
	a.do(http.MethodPut, path, ada.key, `{"sources":["Oura"," oura "]}`).refused(http.StatusBadRequest, "invalid_source_order")
	a.do(http.MethodPut, path, ada.key, `{"metrics":{"step_count":[""]}}`).refused(http.StatusBadRequest, "invalid_source_order")
	a.do(http.MethodPut, path, ada.key, `{"order":[]}`).refused(http.StatusBadRequest, "unknown_member")
}
