package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/problem"
)

// memoryExporter keeps what it was given when it is shut down.
type memoryExporter struct{ *tracetest.InMemoryExporter }

func (memoryExporter) Shutdown(context.Context) error { return nil }

// spansOf returns the spans that do makes, by name.
func spansOf(t *testing.T, sampler sdk.Sampler, do func(*Tracer)) map[string]tracetest.SpanStub {
	t.Helper()
	exported := memoryExporter{tracetest.NewInMemoryExporter()}
	tracer := New(exported, sampler, resource.Empty())
	do(tracer)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := map[string]tracetest.SpanStub{}
	for _, span := range exported.GetSpans() {
		spans[span.Name] = span
	}
	return spans
}

func TestSpansBelongToTheTraceOfTheirContext(t *testing.T) {
	t.Parallel()
	spans := spansOf(t, sdk.AlwaysSample(), func(tracer *Tracer) {
		headers := http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}
		ctx, request := tracer.Start(tracer.Extract(t.Context(), headers), "request")
		inner, span := Start(ctx, "step")
		_, innermost := Start(inner, "innermost")
		innermost.End(nil)
		span.End(nil)
		request.Rename("renamed")
		request.End(nil)
		_, later := Start(Detach(t.Context(), ctx), "later")
		later.End(nil)
		_, nowhere := Start(t.Context(), "nowhere")
		nowhere.End(nil)
	})
	parents := map[string]string{}
	for name, span := range spans {
		parents[name] = "somebody else"
		for other, candidate := range spans {
			if candidate.SpanContext.SpanID() == span.Parent.SpanID() {
				parents[name] = other
			}
		}
		if got := span.SpanContext.TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%s is in the trace %s", name, got)
		}
	}
	want := map[string]string{"renamed": "somebody else", "step": "renamed", "innermost": "step", "later": "renamed"}
	if diff := cmp.Diff(want, parents); diff != "" {
		t.Errorf("parents (-want +got):\n%s", diff)
	}
}

// The text of an error never comes into a span, and an answer is no failure.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	secret := errors.New("pulse of ada@example.org")
	for name, test := range map[string]struct {
		err     error
		reason  string
		failure bool
	}{
		"done":        {nil, "", false},
		"not found":   {fmt.Errorf("read: %w", problem.New(problem.NotFound, "x", "pulse").Because(secret)), "not_found", false},
		"unavailable": {problem.New(problem.Unavailable, "x", "pulse").Because(secret), "unavailable", true},
		"cancelled":   {fmt.Errorf("%w: %w", secret, context.Canceled), "cancelled", false},
		"timed out":   {context.DeadlineExceeded, "timed_out", true},
		"a fault":     {secret, "internal", true},
	} {
		span := spansOf(t, sdk.AlwaysSample(), func(tracer *Tracer) {
			_, span := tracer.Start(t.Context(), "request")
			span.End(test.err)
		})["request"]
		reason := ""
		for _, a := range span.Attributes {
			if a.Key == "error.type" {
				reason = a.Value.AsString()
			}
		}
		if reason != test.reason || (span.Status.Code.String() == "Error") != test.failure {
			t.Errorf("%s: the span says %q, %s", name, reason, span.Status.Code)
		}
		if all := fmt.Sprintf("%+v", span); strings.Contains(all, "pulse") || strings.Contains(all, "ada@") {
			t.Errorf("%s: the text of the error is in the span: %s", name, all)
		}
	}
}

func TestNothingIsDoneWithoutATrace(t *testing.T) {
	tracer, err := Open(t.Context(), Options{})
	if err != nil || tracer != nil {
		t.Fatalf("without an endpoint there is a tracer: %v, %v", tracer, err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x"})
	work := func(ctx context.Context) {
		ctx, request := tracer.Start(tracer.Extract(ctx, nil), "request")
		ctx, span := Start(Detach(ctx, ctx), "step")
		span.Fail("x")
		span.Rename("x")
		span.SetAttributes()
		span.End(nil)
		request.End(nil)
		Observe(ctx, histogram, 1)
	}
	if n := testing.AllocsPerRun(100, func() { work(t.Context()) }); n > 0 {
		t.Errorf("without a trace a step allocates %v times", n)
	}
}

func TestUnsampledTracesHaveNoSpans(t *testing.T) {
	t.Parallel()
	spans := spansOf(t, sampler("parentbased_always_off", 1), func(tracer *Tracer) {
		ctx, request := tracer.Start(t.Context(), "request")
		inner, span := Start(ctx, "step")
		if inner != ctx || span.Recording() {
			t.Error("a step of a trace that is not sampled is more than none")
		}
		request.End(nil)
	})
	if len(spans) > 0 {
		t.Errorf("there are spans: %v", spans)
	}
}

func TestSamplers(t *testing.T) {
	t.Parallel()
	called := func(sampled bool) context.Context {
		flags := trace.TraceFlags(0).WithSampled(sampled)
		return trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags,
		}))
	}
	want := map[string][3]bool{ // called by nobody, by one that is sampled, by one that is not
		"always_on": {true, true, true}, "always_off": {}, "traceidratio": {},
		"parentbased_always_on": {true, true, false}, "parentbased_always_off": {false, true, false}, "parentbased_traceidratio": {false, true, false},
	}
	for _, name := range Samplers() {
		var got [3]bool
		for i, ctx := range []context.Context{t.Context(), called(true), called(false)} {
			decision := sampler(name, 0).ShouldSample(sdk.SamplingParameters{ParentContext: ctx, TraceID: trace.TraceID{1}}).Decision
			got[i] = decision == sdk.RecordAndSample
		}
		if got != want[name] {
			t.Errorf("%s samples %v, want %v", name, got, want[name])
		}
	}
	if ratio := sampler("traceidratio", 1).ShouldSample(sdk.SamplingParameters{ParentContext: t.Context(), TraceID: trace.TraceID{1}}); ratio.Decision != sdk.RecordAndSample {
		t.Error("of all traces one is not sampled")
	}
}

func TestExemplarsAreOfSampledTraces(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"always_on": true, "always_off": false} {
		histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: []float64{1}})
		spansOf(t, sampler(name, 1), func(tracer *Tracer) {
			ctx, request := tracer.Start(t.Context(), "request")
			Observe(ctx, histogram, .5)
			request.End(nil)
		})
		var written dto.Metric
		if err := histogram.Write(&written); err != nil {
			t.Fatal(err)
		}
		if got := written.GetHistogram().GetBucket()[0]; got.GetCumulativeCount() != 1 || (got.GetExemplar() != nil) != want {
			t.Errorf("%s: the bucket is %v", name, got)
		}
	}
}

func TestLogLinesHaveTraceIDs(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	logger := slog.New(NewHandler(slog.NewTextHandler(&text, nil))).With("a", 1).WithGroup("g")
	spansOf(t, sdk.AlwaysSample(), func(tracer *Tracer) {
		ctx, request := tracer.Start(t.Context(), "request")
		logger.InfoContext(ctx, "inside")
		request.End(nil)
		id := trace.SpanContextFromContext(ctx).TraceID().String()
		if got := text.String(); !strings.Contains(got, "trace_id="+id) || !strings.Contains(got, "a=1") {
			t.Errorf("the line is %q", got)
		}
	})
	text.Reset()
	logger.Info("outside")
	if strings.Contains(text.String(), "trace_id") {
		t.Errorf("the line is %q", text.String())
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	got, err := parseHeaders(" api-key = a%20b , x=1=2,")
	if diff := cmp.Diff(map[string]string{"api-key": "a b", "x": "1=2"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"geheim", "=geheim", "x=%geheim"} {
		_, err := Open(t.Context(), Options{Endpoint: "http://127.0.0.1:1", Headers: bad})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A collector that refuses is said once, and once more when it takes spans again.
func TestCollectorThatRefuses(t *testing.T) {
	t.Parallel()
	var refusing atomic.Bool
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Api-Key") != "geheim" {
			t.Error("the header does not come along")
		}
		if refusing.Load() {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer collector.Close()
	var text bytes.Buffer
	tracer, err := Open(t.Context(), Options{
		Endpoint: collector.URL + "/v1/traces", Headers: "api-key=geheim", Sampler: "always_on",
		Logger: slog.New(slog.NewTextHandler(&text, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close(t.Context())
	for _, refuse := range []bool{false, true, true, false, false} {
		refusing.Store(refuse)
		_, span := tracer.Start(t.Context(), "request")
		span.End(nil)
		if err := tracer.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "cannot be sent") || !strings.Contains(lines[1], "again") || strings.Contains(text.String(), "geheim") {
		t.Errorf("the log is:\n%s", &text)
	}
}
