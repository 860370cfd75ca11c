package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/tracing"
)

// traceSettings say where traces are sent. Their variables are the standard ones of OpenTelemetry; those that are not among
// them are read by its library from the environment.
type traceSettings struct {
	disabled        bool
	endpoint        string
	tracesEndpoint  string
	protocol        string
	headers         string
	service         string
	sampler         string
	samplerArgument float64
}

func (s *settings) addTraces() {
	t := &s.traces
	s.list = append(s.list,
		&setting{
			key: "tracing.endpoint", variable: "OTEL_EXPORTER_OTLP_ENDPOINT", set: collectorAddress(&t.endpoint),
			initial: "", usage: "OpenTelemetry collector that traces are sent to, such as http://127.0.0.1:4318; empty for none",
		},
		&setting{
			key: "tracing.traces_endpoint", variable: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", set: collectorAddress(&t.tracesEndpoint),
			initial: "", usage: "the whole address for traces, where it is not the collector's with /v1/traces behind it",
		},
		&setting{
			key: "tracing.protocol", variable: "OTEL_EXPORTER_OTLP_PROTOCOL", set: oneOf(&t.protocol, "http/protobuf"),
			initial: "http/protobuf", usage: "how they are sent: http/protobuf, which collectors take on port 4318",
		},
		&setting{
			key: "tracing.headers", variable: "OTEL_EXPORTER_OTLP_HEADERS", set: text(&t.headers), secret: true, hidden: true,
			initial: "", usage: "headers to send along, such as a key of the collector: name=value,name=value",
		},
		&setting{
			key: "tracing.sampler", variable: "OTEL_TRACES_SAMPLER", set: oneOf(&t.sampler, tracing.Samplers()...),
			initial: "parentbased_always_on", usage: "which traces are sent: " + strings.Join(tracing.Samplers(), ", "),
		},
		&setting{
			key: "tracing.sampler_argument", variable: "OTEL_TRACES_SAMPLER_ARG", set: ratio(&t.samplerArgument),
			initial: "1", usage: "the share of traces that is sent, 0 to 1, of the samplers with a ratio",
		},
		&setting{
			key: "tracing.service_name", variable: "OTEL_SERVICE_NAME", set: text(&t.service),
			initial: "health-export", usage: "the name of this program in traces",
		},
		&setting{
			key: "tracing.disabled", variable: "OTEL_SDK_DISABLED", set: yesOrNo(&t.disabled),
			initial: "false", usage: "whether nothing is sent, whatever else is set",
		},
	)
}

// tracer returns what makes traces, or nil where they are sent nowhere.
func (s *settings) tracer(ctx context.Context, logger *slog.Logger) (*tracing.Tracer, error) {
	t := s.traces
	endpoint := t.tracesEndpoint
	if endpoint == "" && t.endpoint != "" {
		endpoint = strings.TrimSuffix(t.endpoint, "/") + "/v1/traces"
	}
	if t.disabled {
		endpoint = ""
	}
	tracer, err := tracing.Open(ctx, tracing.Options{
		Endpoint: endpoint, Headers: t.headers, Sampler: t.sampler, SamplerArgument: t.samplerArgument,
		Service: cmp.Or(t.service, "health-export"), Version: version, Logger: logger,
	})
	if err != nil {
		return nil, usageError{err}
	}
	return tracer, nil
}

// traceFlushTimeout is how long a stop waits for the collector to take what is left.
const traceFlushTimeout = 5 * time.Second

// closeTracer sends what is left. A collector that is away is no reason to fail: that was said in the log.
func (p *program) closeTracer(tracer *tracing.Tracer) error {
	ctx, cancel := context.WithTimeout(context.Background(), traceFlushTimeout)
	defer cancel()
	if err := tracer.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// collectorAddress takes the address of one, which holds no secret: that is what the headers are for. The error does not
// show it: somebody may have thought otherwise.
func collectorAddress(target *string) func(string) error {
	return func(value string) error {
		parsed, err := url.Parse(value)
		if value != "" && (err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
			parsed.User != nil || parsed.RawQuery != "") {
			return errors.New("the address of a collector is written http://host:4318 or https://host; a key of it belongs in tracing.headers")
		}
		*target = value
		return nil
	}
}

// ratio takes a share, from nothing to all. An empty one is all, as the sampler has it.
func ratio(target *float64) func(string) error {
	return func(value string) error {
		share, err := strconv.ParseFloat(cmp.Or(value, "1"), 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return fmt.Errorf("%q is no share from 0 to 1", value)
		}
		*target = share
		return nil
	}
}
