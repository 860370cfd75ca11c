package server

import (
	"context"
	"net/http"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/tracing"
)

// beginTrace begins the trace of a request, or continues that of whoever sent it. Probes ask every few seconds and have
// nothing to tell.
func (s *server) beginTrace(r *http.Request) (context.Context, tracing.Span) {
	if s.Tracer == nil || r.URL.Path == "/health" || r.URL.Path == "/ready" {
		return r.Context(), tracing.Span{}
	}
	method := methodLabel(r.Method)
	return s.Tracer.Start(s.Tracer.Extract(r.Context(), r.Header), method,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method)))
}

// endTrace says what came of a request. Like the log, it has the pattern of the route and not the path, and nothing of
// the headers: what the conventions of OpenTelemetry would have beside these may hold a person's data.
func endTrace(span tracing.Span, r *http.Request, l *requestLog, bytesIn int64) {
	if span.Recording() {
		span.Rename(methodLabel(r.Method) + " " + l.route)
		span.SetAttributes(
			semconv.HTTPRoute(l.route),
			semconv.HTTPResponseStatusCode(l.status()),
			semconv.HTTPRequestBodySizeKey.Int64(bytesIn),
			semconv.HTTPResponseBodySizeKey.Int64(l.response.bytes),
			semconv.NetworkProtocolVersion(protocolVersion(r)),
		)
		if l.failed() {
			kind, _ := faultOf(l)
			span.Fail(kind)
		}
	}
	span.End(nil)
}

func protocolVersion(r *http.Request) string {
	if r.ProtoMajor == 2 {
		return "2"
	}
	return "1.1"
}
