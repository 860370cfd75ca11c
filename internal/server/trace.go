package server

import (
	"context"
	"net/http"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/tracing"
)

// beginTrace starts the span of a request, in the trace of the client if it sent one. Health checks, which come every few
// seconds, are not traced.
func (s *server) beginTrace(r *http.Request) (context.Context, tracing.Span) {
	if s.Tracer == nil || r.URL.Path == "/health" || r.URL.Path == "/ready" {
		return r.Context(), tracing.Span{}
	}
	method := methodLabel(r.Method)
	return s.Tracer.Start(s.Tracer.Extract(r.Context(), r.Header), method,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method)))
}

// endTrace sets the attributes of a request and ends its span. Like the log, it has the pattern of the route and not the
// path, and no headers: the other attributes in OpenTelemetry's conventions may hold a person's data.
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
