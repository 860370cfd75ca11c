package server

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
)

func TestExport(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob := a.ada(), a.person("bob@example.org", "")
	a.send(ada.key, bodyOfEverything)
	a.workoutOf(ada)
	for format, want := range map[string]struct{ mediaType, begin, holds string }{
		"csv":     {"text/csv; charset=utf-8", "metric,unit,start,", "step_count,count,2026-03-10T08:00:00+01:00,2026-03-10T09:00:00+01:00,1200,"},
		"ndjson":  {"application/x-ndjson", `{"type":"sample"`, `"kind":"symptom"`},
		"parquet": {"application/vnd.apache.parquet", "PAR1", "PAR1"},
		"fhir":    {"application/fhir+json", `{"resourceType":"Bundle"`, `"code":"55423-8"`},
		"zip":     {"application/zip", "PK", "received.ndjson"},
	} {
		t.Run(format, func(t *testing.T) {
			a := a.in(t)
			for _, encoding := range []string{"", "gzip", "zstd", "br"} {
				answer := a.get("/v1/export?format="+format, ada.key, "Accept-Encoding", encoding).wants(http.StatusOK)
				if media := answer.header.Get("Content-Type"); media != want.mediaType {
					t.Errorf("the content type is %q", media)
				}
				if body := string(answer.body); !strings.HasPrefix(body, want.begin) || !strings.Contains(body, want.holds) {
					t.Errorf("%q: %.200q", encoding, body)
				}
				if !strings.HasPrefix(answer.header.Get("Content-Disposition"), `attachment; filename="health-export-`) {
					t.Errorf("Content-Disposition is %q", answer.header.Get("Content-Disposition"))
				}
			}
			others := a.get("/v1/export?format="+format, bob.key).wants(http.StatusOK)
			if strings.Contains(string(others.body), "2026-03-10") {
				t.Error("it has somebody else's data")
			}
			if head := a.do(http.MethodHead, "/v1/export?format="+format, ada.key, "").wants(http.StatusOK); len(head.body) != 0 ||
				head.header.Get("Content-Type") != want.mediaType {
				t.Errorf("HEAD has %v and %d bytes", head.header, len(head.body))
			}
		})
	}
}

func TestExportOfAPart(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	for path, lines := range map[string]int{
		"/v1/export?metrics=HKQuantityTypeIdentifierStepCount,heart_rate": 3,
		"/v1/export?metrics=step_count&start=2026-03-10T08:00:00Z":        1,
		"/v1/export?end=2026-03-10":                                       0,
		"/v1/export?types=sleep&start=2026-03-10":                         1,
		"/v1/export?types=sleep&end=2026-03-10":                           1,
		"/v1/export?types=events&format=csv":                              1,
		"/v1/export?types=events&start=2026-03-11":                        0,
		"/v1/export?types=ecg":                                            2,
		"/v1/ecg?format=csv&start=2026-03-10":                             2,
		"/v1/ecg?format=csv&start=2026-03-11":                             0,
		"/v1/export?types=workouts&start=2026-03-11":                      0,
		"/v1/export?types=samples&metrics=phase_of_the_moon":              1,
	} {
		records, err := csv.NewReader(strings.NewReader(string(a.get(path, ada.key).wants(http.StatusOK).body))).ReadAll()
		if err != nil || len(records)-1 != lines {
			t.Errorf("%s: %d lines, want %d, error %v", path, len(records)-1, lines, err)
		}
	}
	if part := a.get("/v1/export?format=zip&types=samples", ada.key).wants(http.StatusOK); strings.Contains(string(part.body), "received") {
		// The name is in the zip's directory as it is, and in the README only compressed.
		t.Error("a part has the received bodies")
	}
	for path, field := range map[string]string{
		"/v1/export?format=xml":                                         "format",
		"/v1/export?types=samples,sleep":                                "types",
		"/v1/export?types=steps":                                        "types",
		"/v1/export?format=fhir&types=events":                           "types",
		"/v1/export?start=2026-03-11&end=2026-03-10":                    "end",
		"/v1/ecg?format=xml":                                            "format",
		"/v1/workouts/" + unknownID.String() + "/route?format=geojsonl": "format",
	} {
		var p problemDetails
		if a.get(path, ada.key).wants(http.StatusBadRequest).into(&p); p.Field != field {
			t.Errorf("%s: the problem is %+v", path, p)
		}
	}
	if p := a.get("/v1/export?metrics=nonsense", ada.key).refused(http.StatusNotFound, "unknown_metric"); p.Field != "metrics" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestRouteAndECGInOtherForms(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	route := "/v1/workouts/" + a.workoutOf(ada) + "/route"
	for _, test := range []struct{ path, accept, want string }{
		{route, "", "application/geo+json"},
		{route, "*/*", "application/geo+json"},
		{route, "application/gpx+xml", "application/gpx+xml"},
		{route, "application/geo+json;q=0.5, application/gpx+xml", "application/gpx+xml"},
		{route, "application/*;q=0.5, application/gpx+xml;q=0.1", "application/geo+json"},
		{route, "image/png", "application/geo+json"},
		{route + "?format=gpx", "application/geo+json", "application/gpx+xml"},
		{"/v1/ecg", "text/csv", "text/csv; charset=utf-8"},
		{"/v1/ecg", "text/*, application/json;q=0.9", "text/csv; charset=utf-8"},
		{"/v1/ecg", "application/json, text/plain, */*", "application/json"},
		{"/v1/ecg?format=json", "text/csv", "application/json"},
	} {
		answer := a.get(test.path, ada.key, "Accept", test.accept).wants(http.StatusOK)
		if got := answer.header.Get("Content-Type"); got != test.want {
			t.Errorf("%s with %q is %s, not %s", test.path, test.accept, got, test.want)
		}
	}
}

// failingAfter is a store whose samples end in an error, after n of them.
type failingAfter struct {
	store.Store
	n int
}

var errBroken = errors.New("the disk is gone")

func (b failingAfter) Samples(context.Context, uuid.UUID, store.SampleQuery) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		sample := health.NewSample()
		sample.Metric, sample.Unit, sample.Source, sample.Value = "step_count", "count", "Watch", 1
		for i := range b.n {
			sample.Start = health.Instant(i) * health.Second
			if !yield(sample, nil) {
				return
			}
		}
		yield(health.Sample{}, errBroken)
	}
}

// An export that fails is a problem while nothing was sent, and a broken connection afterwards, however it is encoded.
func TestExportThatFails(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"identity", "gzip", "zstd", "br"} {
		for _, n := range []int{0, 10, 10_000} {
			a := newAPI(t, func(c *Config) {
				stored := failingAfter{c.Users.(store.Store), n}
				c.Query = query.New(query.Config{
					Samples: stored, Sleep: stored, Workouts: stored, Events: stored, Catalog: c.Catalog,
				})
			})
			ada := a.ada()
			for _, format := range []string{"csv", "ndjson"} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/v1/export?metrics=step_count&types=samples&format="+format, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+ada.key)
				request.Header.Set("Accept-Encoding", encoding)
				answer, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if n < 10_000 {
					if answer.StatusCode != http.StatusInternalServerError || err != nil || answer.Header.Get("Content-Disposition") != "" {
						t.Errorf("%s %s after %d: %d, error %v", format, encoding, n, answer.StatusCode, err)
					}
				} else if answer.StatusCode != http.StatusOK || err == nil {
					t.Errorf("%s %s after %d: %d, and the part looks whole", format, encoding, n, answer.StatusCode)
				}
			}
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfAda)
	const path = "/v1/metrics/step_count/samples"
	first := a.get(path, ada.key).wants(http.StatusOK)
	tag := first.header.Get("ETag")
	for _, known := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		for _, encoding := range []string{"", "gzip", "br"} {
			again := a.get(path, ada.key, "If-None-Match", known, "Accept-Encoding", encoding).wants(http.StatusNotModified)
			if len(again.body) != 0 || again.header.Get("ETag") != tag || again.header.Get("Content-Type") != "" || again.header.Get("Content-Encoding") != "" {
				t.Errorf("%s: 304 with %v and %d bytes", known, again.header, len(again.body))
			}
		}
	}
	if compressed := a.get("/openapi.json", "", "Accept-Encoding", "zstd").header.Get("ETag"); compressed != a.get("/openapi.json", "").header.Get("ETag") {
		t.Error("the tag depends on the encoding")
	}
	a.get(path, ada.key, "If-None-Match", `"other"`).wants(http.StatusOK)
	a.send(ada.key, strings.Replace(bodyOfAda, "9900", "9950", 1))
	if after := a.get(path, ada.key, "If-None-Match", tag).wants(http.StatusOK); after.header.Get("ETag") == tag {
		t.Error("other data has the same tag")
	}
	if head := a.do(http.MethodHead, path, ada.key, "", "If-None-Match", a.get(path, ada.key).header.Get("ETag")); head.status != http.StatusNotModified {
		t.Errorf("HEAD is answered with %d", head.status)
	}
	for _, untagged := range []string{"/health", "/v1/export", "/v1/metrics/no_such_thing/samples"} {
		if got := a.get(untagged, ada.key, "If-None-Match", "*"); got.header.Get("ETag") != "" || got.status == http.StatusNotModified {
			t.Errorf("%s has the tag %s", untagged, got.header.Get("ETag"))
		}
	}
}

// Every answer that has a tag must be described as one that may not be sent again.
func TestDocumentKnowsWhatMayBeKnown(t *testing.T) {
	t.Parallel()
	document, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	streamed := map[string]bool{"/health": true, "/ready": true, "/v1/export": true, "/v1/ingestions/{id}/raw": true}
	for path, item := range document.Paths.Map() {
		if item.Get != nil && (item.Get.Responses.Status(http.StatusNotModified) != nil) == streamed[path] {
			t.Errorf("GET %s: 304 is described, or left out, wrongly", path)
		}
	}
}

// The page draws itself from files of its own: nothing in it leads elsewhere.
func TestDocsPageStandsAlone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for path, media := range map[string]string{
		"/docs": "text/html; charset=utf-8", "/docs/docs.js": "text/javascript; charset=utf-8", "/docs/docs.css": "text/css; charset=utf-8",
	} {
		answer := a.get(path, "").wants(http.StatusOK)
		if got := answer.header.Get("Content-Type"); got != media {
			t.Errorf("%s is %s", path, got)
		}
		policy := answer.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		for _, elsewhere := range []string{"http://", "https://", "src=\"//", "@import", "innerHTML", "<style", "onclick"} {
			if strings.Contains(string(answer.body), elsewhere) && !(path == "/docs/docs.js" && strings.Contains(elsewhere, "http")) {
				t.Errorf("%s has %s", path, elsewhere)
			}
		}
	}
}

func TestBrotliAnswersHaveAStatus(t *testing.T) {
	t.Parallel()
	handler := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Accept-Encoding", "br")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusNoContent || recorder.Body.Len() != 0 || recorder.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d with %v and %d bytes", recorder.Code, recorder.Header(), recorder.Body.Len())
	}
}
