package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/google/uuid"
)

// Options say where traces are sent, and which.
type Options struct {
	// Endpoint is the whole address to which spans are posted by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces;
	// "" traces nothing.
	Endpoint string
	// Headers are sent along, percent-encoded and separated by commas: name=value,name=value.
	Headers string
	// Sampler and SamplerArgument are as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG describe them.
	Sampler         string
	SamplerArgument float64
	// Service and Version name this program to whoever reads traces of several.
	Service, Version string
	Logger           *slog.Logger
}

// Samplers are the names that Options.Sampler may have.
func Samplers() []string {
	return []string{
		"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}
}

// Open returns a tracer that sends to a collector, or nil where no endpoint is set. It does not wait for the collector:
// one that is away loses spans and nothing else. Time limits, certificates, compression, the sizes of batches, and
// further attributes of this process are those of the standard variables (OTEL_EXPORTER_OTLP_…, OTEL_BSP_…,
// OTEL_RESOURCE_ATTRIBUTES), which the library reads itself.
func Open(ctx context.Context, o Options) (*Tracer, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	headers, err := parseHeaders(o.Headers)
	if err != nil {
		return nil, err
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(o.Endpoint)}
	if len(headers) > 0 {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(o.Service), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(uuid.NewString())),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe this process in traces (OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	return New(&loggingExporter{SpanExporter: exporter, logger: o.Logger}, sampler(o.Sampler, o.SamplerArgument), res), nil
}

func sampler(name string, ratio float64) sdk.Sampler {
	base, parentBased := strings.CutPrefix(name, "parentbased_")
	var root sdk.Sampler
	switch base {
	case "always_off":
		root = sdk.NeverSample()
	case "traceidratio":
		root = sdk.TraceIDRatioBased(ratio)
	default:
		root = sdk.AlwaysSample()
	}
	if parentBased {
		return sdk.ParentBased(root)
	}
	return root
}

// parseHeaders reads name=value,name=value. Its error never holds a value, which may be a secret.
func parseHeaders(list string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		text, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("the headers to send traces with are written name=value,name=value, with %%-escapes in values")
		}
		headers[name] = text
	}
	return headers, nil
}

// loggingExporter says once in the log that the collector takes nothing, and once that it does again. The library would print
// every failure to standard error.
type loggingExporter struct {
	sdk.SpanExporter
	logger  *slog.Logger
	failing atomic.Bool
}

// ExportSpans exports and never fails: what could not be exported is lost, and said.
func (r *loggingExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !r.failing.Swap(true):
		r.logger.WarnContext(ctx, "traces cannot be sent; going on without them", "err", err)
	case err == nil && r.failing.Swap(false):
		r.logger.InfoContext(ctx, "traces can be sent again")
	}
	return nil
}
