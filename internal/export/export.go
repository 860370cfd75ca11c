// Package export writes what is stored in the languages of other programs: CSV, NDJSON, Parquet, FHIR, GeoJSON, GPX, and
// a zip of everything. It streams: what it holds in memory is a buffer, one group of rows, or one workout.
package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// Source yields what is to be written, of one user. A sequence ends after its first error. Which metrics and which
// stretch of time it covers was settled when it was made.
type Source interface {
	// Samples yields samples metric by metric, each metric's in order of time.
	Samples(ctx context.Context) iter.Seq2[health.Sample, error]
	Nights(ctx context.Context) iter.Seq2[health.Night, error]
	Segments(ctx context.Context) iter.Seq2[health.Segment, error]
	// Workouts yields workouts with their series and routes.
	Workouts(ctx context.Context) iter.Seq2[health.Workout, error]
	Events(ctx context.Context) iter.Seq2[health.Event, error]
	// ECGs yields electrocardiograms with their voltages.
	ECGs(ctx context.Context) iter.Seq2[health.ECG, error]
}

// Archive yields the bodies as they were received, for the zip.
type Archive interface {
	Ingestions(ctx context.Context, user uuid.UUID) iter.Seq2[health.Ingestion, error]
	// Raw returns a body, its Content-Encoding undone; the caller closes it. NotFound.
	Raw(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error)
}

// Format is a language of an export.
type Format string

// The formats.
const (
	FormatCSV     Format = "csv"
	FormatNDJSON  Format = "ndjson"
	FormatParquet Format = "parquet"
	FormatFHIR    Format = "fhir"
	FormatZip     Format = "zip"
)

// Formats returns the names of all formats.
func Formats() []string { return []string{"csv", "ndjson", "parquet", "fhir", "zip"} }

// MediaType is the content type of the format.
func (f Format) MediaType() string {
	return map[Format]string{
		FormatCSV: "text/csv; charset=utf-8", FormatNDJSON: "application/x-ndjson",
		FormatParquet: "application/vnd.apache.parquet", FormatFHIR: "application/fhir+json", FormatZip: "application/zip",
	}[f]
}

// Extension is the end of the name of a file in the format.
func (f Format) Extension() string {
	if f == FormatFHIR {
		return ".fhir.json"
	}
	return "." + string(f)
}

// Type is a kind of thing that is exported.
type Type string

// The types. Sleep is both nights, as the app sums them, and the segments of their stages.
const (
	TypeSamples  Type = "samples"
	TypeSleep    Type = "sleep"
	TypeWorkouts Type = "workouts"
	TypeEvents   Type = "events"
	TypeECG      Type = "ecg"
)

var allTypes = []Type{TypeSamples, TypeSleep, TypeWorkouts, TypeEvents, TypeECG}

// standardTypes are those of an export that names none. A CSV or Parquet file is one table, so it has one type.
func (f Format) standardTypes() []Type {
	switch f {
	case FormatCSV, FormatParquet:
		return []Type{TypeSamples}
	case FormatFHIR:
		return []Type{TypeSamples, TypeSleep, TypeWorkouts, TypeECG}
	default:
		return allTypes
	}
}

// ParseTypes reads types separated by commas, in any order; "" stands for those that the format has when none is named.
// Invalid: a type is unknown, or the format cannot hold it, or not together with another.
func ParseTypes(format Format, text string) ([]Type, error) {
	if text == "" {
		return format.standardTypes(), nil
	}
	var types []Type
	for name := range strings.SplitSeq(text, ",") {
		t := Type(strings.TrimSpace(name))
		if !slices.Contains(allTypes, t) {
			return nil, typesError("The types are samples, sleep, workouts, events and ecg, separated by commas.").Allowing(allowedTypes()...)
		}
		if format == FormatFHIR && t == TypeEvents {
			return nil, typesError("FHIR has no code for events as they are recorded here. Export them as ndjson or csv.")
		}
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) > 1 && (format == FormatCSV || format == FormatParquet) {
		return nil, typesError("A " + string(format) + " file is one table. Name one type, or export as ndjson or zip.")
	}
	slices.SortFunc(types, func(a, b Type) int { return slices.Index(allTypes, a) - slices.Index(allTypes, b) })
	return types, nil
}

func allowedTypes() (names []string) {
	for _, t := range allTypes {
		names = append(names, string(t))
	}
	return names
}

func typesError(sentence string) *problem.Error {
	return problem.New(problem.Invalid, "invalid_types", sentence).In("types")
}

// Request says what an export is to be.
type Request struct {
	Format Format
	// Types are as ParseTypes returned them.
	Types []Type
	User  account.User
	// Catalog has the codes for FHIR.
	Catalog *catalog.Catalog
	// Archive is where a zip takes the received bodies from; nil leaves them out.
	Archive Archive
	// Now is the time of the export.
	Now time.Time
	// Version is that of the program.
	Version string
}

// encoder writes things in one format.
type encoder interface {
	sample(s *health.Sample) error
	night(n *health.Night) error
	segment(s *health.Segment) error
	workout(w *health.Workout) error
	event(e *health.Event) error
	ecg(e *health.ECG) error
	// close writes what is left. An export that was not closed is not whole.
	close() error
}

// bufferSize is how much is collected before it is written.
const bufferSize = 64 << 10

// Write writes an export to w. An error leaves w with a part that is not whole, or with nothing: at least the last
// 64 KiB are still to be written when things go wrong.
func Write(ctx context.Context, w io.Writer, source Source, request Request) error {
	buffer := bufio.NewWriterSize(w, bufferSize)
	to, err := newEncoder(buffer, request)
	if err != nil {
		return err
	}
	if err := writeTypes(ctx, to, source, request.Types); err != nil {
		return err
	}
	if archive, ok := to.(*zipEncoder); ok && request.Archive != nil {
		if err := archive.writeReceived(ctx, request.Archive); err != nil {
			return err
		}
	}
	if err := to.close(); err != nil {
		return err
	}
	return buffer.Flush()
}

func newEncoder(w *bufio.Writer, request Request) (encoder, error) {
	switch request.Format {
	case FormatCSV:
		return newCSV(w, request.Types[0]), nil
	case FormatNDJSON:
		return newNDJSON(w), nil
	case FormatParquet:
		return newParquet(w, request.Types[0]), nil
	case FormatFHIR:
		return newFHIR(w, request)
	case FormatZip:
		return newZip(w, request)
	}
	return nil, fmt.Errorf("export: there is no format %q", request.Format)
}

func writeTypes(ctx context.Context, to encoder, source Source, types []Type) error {
	for _, t := range types {
		var err error
		switch t {
		case TypeSamples:
			err = each(source.Samples(ctx), to.sample)
		case TypeSleep:
			if err = each(source.Nights(ctx), to.night); err == nil {
				err = each(source.Segments(ctx), to.segment)
			}
		case TypeWorkouts:
			err = each(source.Workouts(ctx), to.workout)
		case TypeEvents:
			err = each(source.Events(ctx), to.event)
		case TypeECG:
			err = each(source.ECGs(ctx), to.ecg)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func each[T any](sequence iter.Seq2[T, error], write func(*T) error) error {
	var current T // one for all: a new one each time would be half of what an export allocates
	for thing, err := range sequence {
		if err != nil {
			return err
		}
		current = thing
		if err := write(&current); err != nil {
			return err
		}
	}
	return nil
}
