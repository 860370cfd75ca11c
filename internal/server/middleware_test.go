package server

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/health-export/health-export/internal/account"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, id := range []string{"a", "Az09._-", strings.Repeat("x", 64)} {
		if got := a.get("/health", "", "X-Request-ID", id).header.Get("X-Request-ID"); got != id {
			t.Errorf("the request id %q comes back as %q", id, got)
		}
	}
	made := map[string]bool{}
	for _, id := range []string{"", strings.Repeat("x", 65), "a b", "a/b", "<script>", "é", `"`} {
		got := a.get("/health", "", "X-Request-ID", id).header.Get("X-Request-ID")
		if got == id || !isRequestID(got) || made[got] {
			t.Errorf("the request id %q comes back as %q", id, got)
		}
		made[got] = true
	}
}

func TestHeadersThatKeepABrowserSafe(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	want := map[string]string{
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
	}
	for _, path := range []string{"/v1/me", "/v1/unknown", "/health"} {
		answer, got := a.get(path, ""), map[string]string{}
		for name := range want {
			got[name] = answer.header.Get(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the headers differ:\n%s", path, diff)
		}
	}
	if got := a.get("/openapi.yaml", "").header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the document may not be kept: %s", got)
	}
}

// TestLogHoldsNoSecret sends and asks for all sorts of things and looks for keys and values in the log.
func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	ok := a.do(http.MethodPost, "/v1/ingest", ada.key, bodyOfEverything).wants(http.StatusOK)
	a.do(http.MethodPost, "/v1/ingest", ada.key, `{"data":{"metrics":[{"name":"heart_rate","units":"bpm","data":[{"date":"2026-03-10 08:00:00 +0100","Min":-31337.25,"Avg":-31337.25,"Max":-31337.25}]}]}}`).
		wants(http.StatusUnprocessableEntity)
	a.do(http.MethodPost, "/v1/ingest", ada.key, `{"data":{"metrics":[{"name":"Secretitis"`).wants(http.StatusBadRequest)
	a.get("/v1/me?api_key="+ada.key, "").wants(http.StatusUnauthorized)
	a.get("/v1/me", ada.key+"x").wants(http.StatusUnauthorized)
	a.get("/v1/metrics/step_count/samples?source=Secretitis&start=31337.25", ada.key).wants(http.StatusBadRequest)
	a.get("/v1/metrics/Secretitis/samples", ada.key).wants(http.StatusNotFound)
	a.get("/v1/Secretitis", ada.key).wants(http.StatusNotFound)
	var made key
	a.do(http.MethodPost, "/v1/keys", ada.key, `{"name":"Secretitis","scopes":["read"]}`).wants(http.StatusCreated).into(&made)
	a.get("/v1/me", "", "X-API-Key", made.Key, "User-Agent", "Secretitis").wants(http.StatusOK)
	a.stop()

	text := a.logs.String()
	// A number with a fraction: one without could be a part of a time, of an id or of a duration by chance.
	for _, secret := range []string{ada.key, made.Key, ada.key[20:40], "31337.25", "Secretitis", "61.5", "Headache", ada.user.Email} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q in it:\n%s", secret, text)
		}
	}
	line := requests(t, a.logs)[ok.header.Get("X-Request-ID")]
	for name, want := range map[string]any{
		"method": "POST", "route": "/v1/ingest", "status": 200.0, "level": "INFO", "user": ada.user.ID.String(),
		"bytes_in": float64(len(bodyOfEverything)), "bytes_out": float64(len(ok.body)),
	} {
		if line[name] != want {
			t.Errorf("%s in the log is %v, not %v", name, line[name], want)
		}
	}
	if id := fmt.Sprint(line["key_id"]); !strings.Contains(ada.key, id) || len(id) != 12 {
		t.Errorf("the key's id in the log is %q", id)
	}
	if duration, ok := line["duration"].(float64); !ok || duration <= 0 {
		t.Errorf("the duration in the log is %v", line["duration"])
	}
}

func TestRequestsAreMeasured(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.get("/v1/workouts/"+unknownID.String(), ada.key).wants(http.StatusNotFound)
	a.get("/v1/workouts/anything", ada.key).wants(http.StatusNotFound)
	a.get("/nothing/"+unknownID.String(), ada.key).wants(http.StatusNotFound)
	a.do("BREW", "/health", "", "").wants(http.StatusMethodNotAllowed)
	a.stop()
	want := `
# HELP health_export_http_requests_total Requests answered, by method, route and status; 499 is a client that did not wait.
# TYPE health_export_http_requests_total counter
health_export_http_requests_total{method="GET",route="/v1/workouts/{id}",status="404"} 2
health_export_http_requests_total{method="GET",route="unmatched",status="404"} 1
health_export_http_requests_total{method="other",route="/health",status="405"} 1
# HELP health_export_http_requests_in_flight Requests being answered now.
# TYPE health_export_http_requests_in_flight gauge
health_export_http_requests_in_flight 0
`
	if err := testutil.GatherAndCompare(a.registry, strings.NewReader(want),
		"health_export_http_requests_total", "health_export_http_requests_in_flight"); err != nil {
		t.Error(err)
	}
	count, err := testutil.GatherAndCount(a.registry, "health_export_http_request_duration_seconds")
	if err != nil || count != 3 {
		t.Errorf("there are %d series of durations (%v)", count, err)
	}
	if problems, err := testutil.GatherAndLint(a.registry); err != nil || len(problems) > 0 {
		t.Errorf("the metrics are not as Prometheus wants them: %v %v", problems, err)
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	whole := a.get("/openapi.json", "")
	if encoding := whole.header.Get("Content-Encoding"); encoding != "" {
		t.Fatalf("nobody asked for %s", encoding)
	}
	for accepted, want := range map[string]string{
		"gzip": "gzip", "zstd": "zstd", "gzip, zstd": "zstd", "br": "br",
		"gzip, deflate, br": "gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1": "br", "br;q=0": "", "BR ; q=0.5": "br",
	} {
		answer := a.get("/openapi.json", "", "Accept-Encoding", accepted)
		if got := answer.header.Get("Content-Encoding"); got != want {
			t.Errorf("accepting %s gives %q, not %q", accepted, got, want)
		}
		if string(answer.body) != string(whole.body) {
			t.Errorf("accepting %s gives another answer", accepted)
		}
	}
	if small := a.get("/health", "", "Accept-Encoding", "br"); small.header.Get("Content-Encoding") != "" {
		t.Error("an answer that is too small for it is compressed")
	}
	ada := a.ada()
	padded := strings.Replace(bodyOfAda, "{", "{"+strings.Repeat(" ", 5000), 1)
	id := a.send(ada.key, padded).IngestionID.String()
	for _, accepted := range []string{"gzip, zstd", "br"} {
		raw := a.get("/v1/ingestions/"+id+"/raw", ada.key, "Accept-Encoding", accepted)
		if encoding := raw.header.Get("Content-Encoding"); encoding != "" || string(raw.body) != padded {
			t.Errorf("the raw body is not sent as it is: %q", encoding)
		}
	}
}

func TestUserWithoutTimeZoneLivesInUTC(t *testing.T) {
	t.Parallel()
	if got := userOf(account.User{}).TimeZone; got != "UTC" {
		t.Errorf("the time zone is %q", got)
	}
}

func TestNewRequestIDIsRandomText(t *testing.T) {
	t.Parallel()
	if id := requestID(http.Header{}); !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(id) {
		t.Errorf("the id is %q", id)
	}
}
