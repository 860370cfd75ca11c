// Package export writes stored data in the formats of other programs: CSV, NDJSON, Parquet, FHIR, GeoJSON, GPX, and a
// zip of everything. It streams: in memory are a buffer, one group of rows, or one workout.
package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Source yields the data of one user to be exported, within the metrics and the interval it was created for. A sequence
// ends after its first error.
type Source interface {
	// Samples yields samples by metric, and those of a metric in order of time.
	Samples(ctx context.Context) iter.Seq2[health.Sample, error]
	Nights(ctx context.Context) iter.Seq2[health.Night, error]
	Segments(ctx context.Context) iter.Seq2[health.Segment, error]
	// Workouts yields workouts with their series and routes.
	Workouts(ctx context.Context) iter.Seq2[health.Workout, error]
	Events(ctx context.Context) iter.Seq2[health.Event, error]
	// ECGs yields electrocardiograms with their voltages.
	ECGs(ctx context.Context) iter.Seq2[health.ECG, error]
}

// Archive yields the received bodies, for the zip.
type Archive interface {
	Ingestions(ctx context.Context, user uuid.UUID) iter.Seq2[health.Ingestion, error]
	// Raw returns a body without its Content-Encoding; the caller closes it. NotFound: there is no such body.
	Raw(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error)
}

// Request describes an export.
type Request struct {
	Format Format
	// Types are those of ParseTypes.
	Types []Type
	User  account.User
	// Catalog has the codes for FHIR.
	Catalog *catalog.Catalog
	// Archive has the received bodies for a zip; nil leaves them out.
	Archive Archive
	// Now is the time of the export.
	Now time.Time
	// Version is the version of the program.
	Version string
}

// encoder writes records in one format.
type encoder interface {
	sample(s *health.Sample) error
	night(n *health.Night) error
	segment(s *health.Segment) error
	workout(w *health.Workout) error
	event(e *health.Event) error
	ecg(e *health.ECG) error
	// close completes the export.
	close() error
}

// bufferSize is the size of the write buffer.
const bufferSize = 64 << 10

// Write writes an export to w. After an error what was written is incomplete, or nothing: up to 64 KiB are buffered.
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
	var current T // reused, since its address escapes: a new one per record would be half the allocations of an export
	for record, err := range sequence {
		if err != nil {
			return err
		}
		current = record
		if err := write(&current); err != nil {
			return err
		}
	}
	return nil
}
