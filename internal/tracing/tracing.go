// Package tracing tells where the time of a request or of a job goes: traces in the way of OpenTelemetry, sent over OTLP
// to whoever collects them.
//
// A trace begins in two places only, where a request comes in and where a job is run, and both have a Tracer. Everything
// below is a Step of what its context is in: without a trace, or with one that is not sampled, it is nothing and costs
// next to nothing. So no room below needs to be given anything, and no call outside of a request or a job makes a trace.
//
// What is in a span are words of the program and numbers about it: names of steps, patterns of routes, kinds of failures,
// sizes and counts. Never a path or a parameter, an address, a header, the text of an error or of a statement: those may
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

// instrumentationScope names this program as what makes the spans.
const instrumentationScope = "github.com/health-export/health-export"

// Tracer begins traces. A nil Tracer begins none. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New returns a tracer that hands finished spans to an exporter, in batches and in the background, until Close.
func New(exporter sdk.SpanExporter, sampler sdk.Sampler, res *resource.Resource) *Tracer {
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithSampler(sampler), sdk.WithResource(res))
	return &Tracer{provider: provider, tracer: provider.Tracer(instrumentationScope)}
}

// Close exports what is still waiting, until ctx ends, and lets the exporter go.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Start begins a trace, or a step of the one that ctx is in. Every step is ended by Step.End.
func (t *Tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	return ctx, Span{span}
}

// Extract returns ctx as a part of the trace that the headers of a request name (W3C Trace Context), if they name one.
func (t *Tracer) Extract(ctx context.Context, headers map[string][]string) context.Context {
	if t == nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(headers))
}

// Start begins a step of the trace that ctx is in. There is none, and nothing happens, where ctx is in no trace or in one
// that is not sampled.
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsSampled() { // one that has ended by now has steps all the same
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

// Span is a part of a trace: a span. The zero value is none, and takes everything without effect.
type Span struct{ span trace.Span }

// Recording reports whether anybody will see what is noted.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Rename gives the step the name that was not known when it began.
func (s Span) Rename(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// SetAttributes adds what is known of the step by now.
func (s Span) SetAttributes(attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attributes...)
	}
}

// Fail marks the step as one that failed. The reason is a word of the program, never the text of an error.
func (s Span) Fail(reason string) {
	if s.span != nil {
		s.span.SetAttributes(semconv.ErrorTypeKey.String(reason))
		s.span.SetStatus(codes.Error, "")
	}
}

// End ends the step, with the error it came to. Only a failure of ours, or of what we depend on, makes it one that failed:
// that something is not found, or was sent wrongly, is an answer.
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
