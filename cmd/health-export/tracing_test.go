package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/health-export/health-export/internal/testdb"
)

// collector takes traces as those of OpenTelemetry do.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	received []*tracepb.ResourceSpans
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent tracepb.TracesData // the request of the protocol is the same on the wire
	if err := proto.Unmarshal(content, &sent); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = append(c.received, sent.ResourceSpans...)
	return nil
}

// text is everything that was received, as text with all names and values in it.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.received)
}

func (c *collector) spans() (all []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range c.received {
		for _, scope := range resource.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all
}

// stepsOf returns the names of a span's steps, and of theirs.
func stepsOf(of *tracepb.Span, spans []*tracepb.Span) (names []string) {
	for _, s := range spans {
		if string(s.ParentSpanId) == string(of.SpanId) {
			names = append(append(names, s.Name), stepsOf(s, spans)...)
		}
	}
	return names
}

func attributesOf(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[a.Key] = strings.Trim(strings.TrimSpace(a.Value.GetStringValue()+" "+fmt.Sprint(a.Value.GetIntValue())), " ")
	}
	return all
}

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	secretiveDay = `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":31337.25,"source":"Secretitis"}]}],` +
		`"symptoms":[{"name":"Headache","start":"2026-03-10 09:00:00 +0100","end":"2026-03-10 10:00:00 +0100","severity":"Severe","userEntered":true,"source":"Secretitis"}]}}`
)

// A request, what it does, and jobs are told to a collector when the server stops at the latest; what people send, and who
// they are, is not.
func TestTracesTellWhereTheTimeGoesAndNothingElse(t *testing.T) {
	c := newCollector(t)
	settings := []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_HEADERS", "api-key=geheim"}
	redis := os.Getenv("TEST_REDIS_URL")
	if testdb.HasService(t, "TEST_REDIS_URL") {
		settings = append(settings, "REDIS_URL", redis)
	}
	server, logs, stop := start(t, newDatabase(t), settings...)
	traceparent := "00-" + callersTrace + "-00f067aa0ba902b7-01"
	if status, report := server.call("POST", "/v1/ingest", secretiveDay, "traceparent", traceparent, "User-Agent", "Secretitis/1"); status != http.StatusOK {
		t.Fatalf("ingest answered %d %v", status, report)
	}
	server.call("GET", "/v1/metrics/step_count/series?start=2026-03-01&end=2026-04-01&bucket=1d", "")
	server.call("GET", "/v1/metrics/Secretitis/samples?source=Secretitis&start=31337.25", "")
	server.call("GET", "/v1/users/Secretitis", "")
	server.call("GET", "/v1/me?api_key="+server.key, "")
	server.call("POST", "/v1/ingest", `{"data":{"metrics":[{"name":"Secretitis","units":"31337.25`)
	server.call("GET", "/health", "")
	if code := stop(); code != exitOK {
		t.Fatalf("exit code %d; log:\n%s", code, logs)
	}

	spans := c.spans()
	root := slices.IndexFunc(spans, func(s *tracepb.Span) bool {
		return s.Name == "POST /v1/ingest" && fmt.Sprintf("%x", s.TraceId) == callersTrace
	})
	if root < 0 {
		t.Fatalf("the request is not in the trace of its caller:\n%s", c.text())
	}
	request := spans[root]
	if got := attributesOf(request); request.Kind != tracepb.Span_SPAN_KIND_SERVER || fmt.Sprintf("%x", request.ParentSpanId) != "00f067aa0ba902b7" ||
		got["http.request.method"] != "POST 0" || got["http.route"] != "/v1/ingest 0" || got["http.response.status_code"] != "200" {
		t.Errorf("the request is told as %v", request)
	}
	steps := stepsOf(request, spans)
	wanted := []string{"read key", "compute Argon2id hash", "receive body", "decode body", "archive body", "process body", "write samples", "finish ingestion"}
	if redis != "" {
		wanted = append(wanted, "redis delete")
	}
	for _, want := range wanted {
		if !slices.Contains(steps, want) {
			t.Errorf("the trace of a body has no step %q: %q", want, steps)
		}
	}
	jobs := slices.ContainsFunc(spans, func(s *tracepb.Span) bool {
		return strings.HasPrefix(s.Name, "job ") && slices.Contains(stepsOf(s, spans), "count unfinished ingestions")
	})
	if !jobs {
		t.Error("no job with a call to the database was traced")
	}
	if line := requestLine(logs.String(), "/v1/ingest"); !strings.Contains(line, `"trace_id":"`+callersTrace+`"`) {
		t.Errorf("the log does not name the trace: %s", line)
	}
	text := c.text()
	if !strings.Contains(text, `"health-export"`) || strings.Contains(text, "/health\"") {
		t.Errorf("the service is not named, or a probe was traced:\n%s", text)
	}
	for _, secret := range []string{
		server.key, server.key[20:40], "31337.25", "Secretitis", "Headache", "Severe", "2026-03", "step_count", firstUser, "geheim", "127.0.0.1", "SELECT", "INSERT", "/v1/me?",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the traces have %q in them:\n%s", secret, text)
		}
	}
}

func requestLine(logs, route string) string {
	for line := range strings.Lines(logs) {
		if strings.Contains(line, `"route":"`+route+`"`) {
			return line
		}
	}
	return ""
}

// Nothing is sent unless an endpoint is set, and nothing where tracing is disabled.
func TestTracesAreOffUnlessAsked(t *testing.T) {
	c := newCollector(t)
	for _, settings := range [][]string{{}, {"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_SDK_DISABLED", "true"}} {
		server, logs, stop := start(t, "sqlite::memory:", settings...)
		server.call("POST", "/v1/ingest", secretiveDay, "traceparent", "00-"+callersTrace+"-00f067aa0ba902b7-01")
		stop()
		if strings.Contains(logs.String(), "trace_id") {
			t.Errorf("%v: the log names traces:\n%s", settings, logs)
		}
	}
	if spans := c.spans(); len(spans) > 0 {
		t.Errorf("traces were sent: %v", spans)
	}
}

// A collector that is away costs nothing but the traces.
func TestCollectorAway(t *testing.T) {
	c := newCollector(t)
	c.Close()
	server, logs, stop := start(t, "sqlite::memory:", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL+"/v1/traces")
	if status, report := server.call("POST", "/v1/ingest", secretiveDay); status != http.StatusOK {
		t.Errorf("ingest answered %d %v", status, report)
	}
	if code := stop(); code != exitOK || strings.Count(logs.String(), "traces cannot be sent") != 1 {
		t.Errorf("exit code %d; log:\n%s", code, logs)
	}
}

func TestTraceSettingsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for variable, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "geheim:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://anna:geheim@127.0.0.1:4318/v1/traces", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "jaeger_remote",
		"OTEL_TRACES_SAMPLER_ARG": "2", "OTEL_SDK_DISABLED": "perhaps",
	} {
		var errOut strings.Builder
		code := run(t.Context(), []string{"config", "print"}, map[string]string{variable: value}, nil, io.Discard, &errOut)
		if code != exitUsage || !strings.Contains(errOut.String(), variable) || strings.Contains(errOut.String(), "geheim") {
			t.Errorf("%s=%s: exit code %d, printed %q", variable, value, code, errOut.String())
		}
	}
	if got := printed(t, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "api-key=geheim"})["tracing.headers"].Value; got != "…" {
		t.Errorf("the headers are printed as %q", got)
	}
}

// histograms that an operator looks into from a dashboard: the slow ones of their buckets name a trace.
var withExamples = []string{
	"health_export_http_request_duration_seconds", "health_export_ingest_duration_seconds", "health_export_database_call_duration_seconds",
}

func TestDurationsNameTraces(t *testing.T) {
	c := newCollector(t)
	server, _, _ := start(t, newDatabase(t), "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	server.use()
	server.call("POST", "/v1/ingest", steps(1, "2026-03-11"), "traceparent", "00-"+callersTrace+"-00f067aa0ba902b7-01")

	text := string(server.ask("application/openmetrics-text;version=1.0.0"))
	if !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("this is not OpenMetrics: …%s", text[max(0, len(text)-100):])
	}
	families := server.families()
	for _, name := range withExamples {
		if !regexp.MustCompile(name + `_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\} `).MatchString(text) {
			t.Errorf("%s names no trace in OpenMetrics", name)
		}
		native, examples := false, false
		for _, metric := range families[name].GetMetric() {
			native = native || len(metric.GetHistogram().GetPositiveSpan()) > 0
			for _, e := range metric.GetHistogram().GetExemplars() {
				examples = examples || e.GetLabel()[0].GetName() == "trace_id"
			}
		}
		if !native || !examples {
			t.Errorf("%s is a native histogram: %t, which names traces: %t", name, native, examples)
		}
	}
	if !strings.Contains(text, callersTrace) {
		t.Error("the trace of the caller is named nowhere")
	}
}

// ask asks for the metrics in one of their formats.
func (i *instance) ask(accept string) []byte {
	i.t.Helper()
	request, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, i.metrics, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		i.t.Fatalf("metrics answered %d: %v", response.StatusCode, err)
	}
	return content
}

// families asks for the metrics as a Prometheus with native histograms does.
func (i *instance) families() map[string]*dto.MetricFamily {
	i.t.Helper()
	const delimited = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	decoder := expfmt.NewDecoder(strings.NewReader(string(i.ask(delimited))), expfmt.NewFormat(expfmt.TypeProtoDelim))
	all := map[string]*dto.MetricFamily{}
	for {
		family := &dto.MetricFamily{}
		if err := decoder.Decode(family); err == io.EOF {
			return all
		} else if err != nil {
			i.t.Fatal(err)
		}
		all[family.GetName()] = family
	}
}
