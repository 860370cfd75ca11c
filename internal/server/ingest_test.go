package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/problem"
)

var update = flag.Bool("update", false, "write the golden files anew")

// encode compresses text.
func encode(t *testing.T, coding, text string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&out)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		encoder, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = encoder
	default:
		return text
	}
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestIngestAnswersWithACode(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	key := a.ada().key
	post := func(t *testing.T, body string, headers ...string) answer {
		t.Helper()
		return a.in(t).do(http.MethodPost, "/v1/ingest", key, body, headers...)
	}
	t.Run("stored", func(t *testing.T) { post(t, bodyOfAda).wants(http.StatusOK) })
	t.Run("nothing to store", func(t *testing.T) { post(t, `{"data":{}}`).wants(http.StatusOK) })
	t.Run("any content type", func(t *testing.T) { post(t, bodyOfAda, "Content-Type", "text/html").wants(http.StatusOK) })
	t.Run("no content type", func(t *testing.T) { post(t, bodyOfAda, "Content-Type", "").wants(http.StatusOK) })
	t.Run("partly refused", func(t *testing.T) {
		var r report
		post(t, `{"data":{"metrics":[{"name":"step_count","units":"count","data":[
			{"date":"2026-03-10 08:00:00 +0100","qty":1},{"date":"2026-02-31 08:00:00 +0100","qty":1}]}]}}`).wants(http.StatusOK).into(&r)
		if r.Status != health.StatusPartial || r.Success || *r.Processed.Metrics != 1 || len(r.Errors) != 1 {
			t.Errorf("the report is %+v", r)
		}
	})
	t.Run("all refused", func(t *testing.T) {
		var r report
		answer := post(t, `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-02-31 08:00:00 +0100","qty":1}]}]}}`)
		answer.wants(http.StatusUnprocessableEntity).into(&r)
		if r.Status != health.StatusRejected || *r.Processed.Metrics != 0 || r.Errors[0].Error != health.ValidationError {
			t.Errorf("the report is %+v", r)
		}
	})
	t.Run("empty", func(t *testing.T) { post(t, "").refused(http.StatusBadRequest, "empty_body") })
	t.Run("not JSON", func(t *testing.T) {
		kept(t, a.in(t), key, post(t, "hello there").refused(http.StatusBadRequest, "not_json"), "hello there")
	})
	t.Run("cut off", func(t *testing.T) {
		p := post(t, bodyOfAda[:len(bodyOfAda)-6]).wants(http.StatusBadRequest)
		var sent problemDetails
		p.into(&sent)
		kept(t, a.in(t), key, sent, bodyOfAda[:len(bodyOfAda)-6])
	})
	t.Run("unrecognised", func(t *testing.T) {
		kept(t, a.in(t), key, post(t, `{"hello":"there"}`).refused(http.StatusUnprocessableEntity, "unrecognised_format"), `{"hello":"there"}`)
	})
}

// kept checks that a body that could not be read is in the archive nevertheless, and that the problem names it.
func kept(t *testing.T, a *api, key string, p problemDetails, body string) {
	t.Helper()
	if p.IngestionID == uuid.Nil || p.Instance != "/v1/ingestions/"+p.IngestionID.String() {
		t.Fatalf("the problem does not say where the body is: %+v", p)
	}
	if raw := a.get(p.Instance+"/raw", key).wants(http.StatusOK); string(raw.body) != body {
		t.Errorf("the archive has %q", raw.body)
	}
	var found ingestion
	a.get(p.Instance, key).wants(http.StatusOK).into(&found)
	if found.Success || found.Failure == nil || found.Failure.Code != p.Code || found.Failure.Message != p.Detail {
		t.Errorf("the ingestion is %+v", found)
	}
}

func TestContentEncodings(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	key := a.ada().key
	for _, coding := range []string{"identity", "gzip", "x-gzip", "GZIP", "zstd", "br"} {
		r := a.send(key, encode(t, strings.ToLower(coding), bodyOfAda), "Content-Encoding", coding)
		raw := a.get("/v1/ingestions/"+r.IngestionID.String()+"/raw", key).wants(http.StatusOK)
		if string(raw.body) != bodyOfAda {
			t.Errorf("%s: the archive has %q", coding, raw.body)
		}
	}
	for _, coding := range []string{"deflate", "compress", "gzip, gzip", "gzip,br", "aes128gcm"} {
		answer := a.do(http.MethodPost, "/v1/ingest", key, bodyOfAda, "Content-Encoding", coding)
		answer.refused(http.StatusUnsupportedMediaType, "unsupported_encoding")
		if got := answer.header.Get("Accept-Encoding"); got != "gzip, zstd, br" {
			t.Errorf("the answer says that %q would be accepted", got)
		}
	}
	for _, coding := range []string{"gzip", "zstd", "br"} {
		a.do(http.MethodPost, "/v1/ingest", key, bodyOfAda, "Content-Encoding", coding).
			refused(http.StatusBadRequest, "broken_encoding")
	}
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	a := newAPI(t) // takes 1 MiB
	key := a.ada().key
	large := `{"data":{}}` + strings.Repeat(" ", 1<<20)
	post := func(body string, headers ...string) answer {
		return a.do(http.MethodPost, "/v1/ingest", key, body, headers...)
	}
	post(large).refused(http.StatusRequestEntityTooLarge, "body_too_large")
	for _, coding := range []string{"gzip", "zstd", "br"} {
		post(encode(t, coding, large), "Content-Encoding", coding).refused(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	post(large[:1<<20]).wants(http.StatusOK)
}

// unknownLength hides the length of a body, so that it is found out only by reading.
type unknownLength struct{ *strings.Reader }

func TestBodyOfUnknownLengthThatIsTooLarge(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := unknownLength{strings.NewReader(`{"data":{}}` + strings.Repeat(" ", 1<<20))}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/ingest", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", a.ada().key)
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("the answer is %d", response.StatusCode)
	}
}

// TestBodyThatAnnouncesTooMuchIsNotRead waits to be asked for the body, which does not happen.
func TestBodyThatAnnouncesTooMuchIsNotRead(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := strings.NewReader(strings.Repeat(" ", 1<<20+1))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/ingest", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", a.ada().key)
	request.Header.Set("Expect", "100-continue")
	patient := &http.Transport{ExpectContinueTimeout: time.Hour}
	defer patient.CloseIdleConnections()
	response, err := patient.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge || body.Len() != 1<<20+1 {
		t.Errorf("the answer is %d, with %d bytes left to read", response.StatusCode, body.Len())
	}
}

func TestAnswerBeforeTheProcessing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	for _, prefer := range []string{"respond-async", "Respond-Async; foo=bar", "wait=5, respond-async"} {
		answer := a.do(http.MethodPost, "/v1/ingest", ada.key, bodyOfAda, "Prefer", prefer).wants(http.StatusAccepted)
		var r report
		answer.into(&r)
		if r.Status != health.StatusAccepted || !r.Success || answer.header.Get("Location") != "/v1/ingestions/"+r.IngestionID.String() {
			t.Errorf("the answer is %+v at %q", r, answer.header.Get("Location"))
		}
		if applied := answer.header.Get("Preference-Applied"); applied != "respond-async" {
			t.Errorf("the preference that was applied is %q", applied)
		}
		_, phone := a.keyFor(ada.user, account.ScopeIngest)
		a.get(answer.header.Get("Location"), phone).wants(http.StatusOK)
	}
	if answer := a.do(http.MethodPost, "/v1/ingest", ada.key, bodyOfAda, "Prefer", "return=minimal"); answer.status != http.StatusOK {
		t.Errorf("another preference is answered with %d", answer.status)
	}
}

// fullIngest fails as if the disk were full.
type fullIngest struct{ Ingest }

func (fullIngest) Receive(context.Context, ingest.Request) (health.Ingestion, error) {
	return health.Ingestion{}, problem.New(problem.Unavailable, "no_room", "There is no room to keep the body.")
}

func TestNoRoom(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.Ingestion = fullIngest{c.Ingestion} })
	answer := a.do(http.MethodPost, "/v1/ingest", a.ada().key, bodyOfAda)
	answer.refused(http.StatusServiceUnavailable, "no_room")
	if after := answer.header.Get("Retry-After"); after != "30" {
		t.Errorf("Retry-After is %q", after)
	}
}

// recordingIngest notes what the server hands on.
type recordingIngest struct {
	Ingest
	request *ingest.Request
}

func (l recordingIngest) Receive(ctx context.Context, r ingest.Request) (health.Ingestion, error) {
	*l.request = r
	return l.Ingest.Receive(ctx, r)
}

func TestKeysGoNoFurtherThanTheDoor(t *testing.T) {
	t.Parallel()
	var got ingest.Request
	a := newAPI(t, func(c *Config) { c.Ingestion = recordingIngest{c.Ingestion, &got} })
	ada := a.ada()
	a.send(ada.key, bodyOfAda, "X-API-Key", ada.key, "api-key", ada.key, "Cookie", "k="+ada.key, "Session-ID", "7", "User-Agent", "test")
	want := map[string]string{"session-id": "7", "user-agent": "test", "content-type": "application/json", "content-length": "", "accept-encoding": ""}
	for name, value := range got.Headers {
		if strings.Contains(value, ada.key) {
			t.Errorf("the header %s holds the key", name)
		}
		if expected, ok := want[name]; !ok || expected != "" && expected != value {
			t.Errorf("the header %s is %q", name, value)
		}
	}
	if got.KeyID == "" || !strings.Contains(ada.key, got.KeyID) || got.User.ID != ada.user.ID {
		t.Errorf("the ingestion is of %v by the key %q", got.User.ID, got.KeyID)
	}
}

// TestReport holds the report of a body with one of everything against a golden file.
func TestReport(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	key := a.ada().key
	for _, name := range []string{"report", "report_again", "report_partial"} {
		body := bodyOfEverything
		if name == "report_partial" {
			body = strings.NewReplacer(`"qty":1200`, `"qty":null`, `"qty":800`, `"qty":801`, "2026-03-10 14:00:00", "2026-13-10 14:00:00").Replace(body)
		}
		got := a.do(http.MethodPost, "/v1/ingest", key, body, "automation-aggregation", "Hours").wants(http.StatusOK).body
		golden(t, name+".json", got)
	}
}

var changing = regexp.MustCompile(`"(ingestion_id|processing_time_ms|id|night_id|workout)":("[^"]*"|\d+)`)

// golden compares JSON with a file, what changes from run to run left out.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	indented := jsontext.Value(changing.ReplaceAll(got, []byte(`"$1":"…"`)))
	if err := indented.Indent(); err != nil {
		t.Fatal(err)
	}
	got = append(indented, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-update writes it anew):\n%s", name, diff)
	}
}

func TestRawBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	key := a.ada().key
	for contentType, want := range map[string][2]string{
		"application/json":                {"application/json", ".json"},
		"application/json; charset=utf-8": {"application/json; charset=utf-8", ".json"},
		"text/csv":                        {"text/csv", ".csv"},
		"application/zip":                 {"application/zip", ".zip"},
		"text/html":                       {"text/html", ""},
		"nonsense/":                       {"application/octet-stream", ""},
	} {
		id := a.send(key, bodyOfAda, "Content-Type", contentType).IngestionID.String()
		raw := a.get("/v1/ingestions/"+id+"/raw", key).wants(http.StatusOK)
		sum := sha256.Sum256([]byte(bodyOfAda))
		got := []string{
			string(raw.body), raw.header.Get("Content-Type"), raw.header.Get("Content-Disposition"),
			raw.header.Get("X-Content-SHA256"), raw.header.Get("Content-Security-Policy"),
		}
		if diff := cmp.Diff([]string{
			bodyOfAda, want[0], `attachment; filename="` + id + want[1] + `"`, hex.EncodeToString(sum[:]),
			"default-src 'none'; frame-ancestors 'none'",
		}, got); diff != "" {
			t.Errorf("%s:\n%s", contentType, diff)
		}
	}
}
