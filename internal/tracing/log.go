package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// NewHandler returns a handler that adds to every record the trace that its context is in, as trace_id and span_id.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

// Handle adds the trace and hands the record on.
func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", parent.TraceID().String()), slog.String("span_id", parent.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs returns a handler that does the same with more attributes.
func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attributes)}
}

// WithGroup returns a handler that does the same in a group.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
