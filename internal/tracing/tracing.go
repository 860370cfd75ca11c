// Package tracing records where the time of a request or of a job goes, as OpenTelemetry traces that are sent over OTLP.
//
// A trace begins in two places only, where a request is received and where a job is run, and both have a Tracer. All
// other spans are made by Start from the context: without a trace, or in one that is not sampled, it does nothing and
// costs next to nothing. So the other packages need no tracer, and no call outside of a request or a job makes a trace.
//
// Spans hold constants of the program and numbers: names of operations, patterns of routes, kinds of failures, sizes and
// counts. They never hold a path or a parameter, an address, a header, the text of an error or of a statement: those may
// hold a person's data.
package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/problem"
)

// instrumentationScope is the name of the OpenTelemetry instrumentation scope.
const instrumentationScope = "github.com/health-export/health-export"

// Tracer starts traces. A nil Tracer starts none. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New returns a tracer that passes finished spans to an exporter, in batches and in the background, until Close.
func New(exporter sdk.SpanExporter, sampler sdk.Sampler, res *resource.Resource) *Tracer {
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithSampler(sampler), sdk.WithResource(res))
	return &Tracer{provider: provider, tracer: provider.Tracer(instrumentationScope)}
}

// Close exports the remaining spans, until ctx ends, and shuts the exporter down.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Start starts a trace, or a span of the one that ctx is in. Every span is ended by Span.End.
func (t *Tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	return ctx, Span{span}
}

// Extract returns ctx as a part of the trace in the headers of a request (W3C Trace Context), if there is one.
func (t *Tracer) Extract(ctx context.Context, headers map[string][]string) context.Context {
	if t == nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(headers))
}

// Start starts a span of the trace that ctx is in. Where ctx is in no trace, or in one that is not sampled, it returns
// the zero Span.
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsSampled() { // a parent that has ended may have further spans
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(instrumentationScope).Start(ctx, name, options...)
	return ctx, Span{span}
}

// Detach returns ctx as a part of the trace that from is in, for work that outlives from.
func Detach(ctx, from context.Context) context.Context {
	parent := trace.SpanFromContext(from)
	if !parent.SpanContext().IsValid() {
		return ctx
	}
	return trace.ContextWithSpan(ctx, parent)
}

// Span is one operation of a trace. The methods of the zero value do nothing.
type Span struct{ span trace.Span }

// Recording reports whether attributes are recorded.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Rename sets the name, where it was not known at the start.
func (s Span) Rename(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// SetAttributes adds attributes.
func (s Span) SetAttributes(attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attributes...)
	}
}

// Fail marks the span as failed. The reason is a constant of the program, never the text of an error.
func (s Span) Fail(reason string) {
	if s.span != nil {
		s.span.SetAttributes(semconv.ErrorTypeKey.String(reason))
		s.span.SetStatus(codes.Error, "")
	}
}

// End ends the span with the error of its operation. Only a failure of this program or its dependencies marks it as
// failed: that something is not found, or was sent wrongly, is a result.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.setOutcome(err)
	}
	s.span.End()
}

func (s Span) setOutcome(err error) {
	kind := problem.KindOf(err)
	switch {
	case kind == problem.Unavailable:
		s.Fail(string(kind))
	case kind != "":
		s.SetAttributes(semconv.ErrorTypeKey.String(string(kind)))
	case errors.Is(err, context.Canceled):
		s.SetAttributes(semconv.ErrorTypeKey.String("cancelled"))
	case errors.Is(err, context.DeadlineExceeded):
		s.Fail("timed_out")
	default:
		s.Fail("internal")
	}
}
