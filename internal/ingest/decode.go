package ingest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/assemble"
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/spool"
	"github.com/health-export/health-export/internal/tracing"
)

// decodedBody is a body that has been read to its end, ready to be written. The caller closes its collector.
type decodedBody struct {
	*assemble.Collector
	format   string
	received health.Instant
	tempDir  string
	// fileName is that of the body, "" where it is not known.
	fileName string
	records  atomic.Int64 // so far
	err      error        // a *bodyError where the body is at fault
}

// newDecodedBody returns an ingestion of which nothing has been read yet. It uses its headers, its order and its time of
// receipt.
func (s *Service) newDecodedBody(ingestion *health.Ingestion) *decodedBody {
	return &decodedBody{
		Collector: s.assembler.NewCollector(ingestion.ReceivedAt, ingestion.PlaceInOrder(), headerGrain(ingestion.Headers)),
		tempDir:   s.limits.TempDir,
		received:  health.InstantOf(ingestion.ReceivedAt),
		fileName:  fileName(ingestion.Headers),
	}
}

// failed reports whether the body could not be decoded for a reason that is not in the body.
func (d *decodedBody) failed() bool {
	var broken *bodyError
	return d.err != nil && !errors.As(d.err, &broken)
}

// endSpan ends the span in which the body was decoded.
func (d *decodedBody) endSpan(span tracing.Span) {
	if span.Recording() {
		span.SetAttributes(attribute.String("health_export.format", d.format), attribute.Int64("health_export.records", d.records.Load()))
	}
	var broken *bodyError
	if errors.As(d.err, &broken) {
		span.End(broken.fault)
		return
	}
	span.End(d.err)
}

// decode reads a body to its end.
func (s *Service) decode(ctx context.Context, ingestion *health.Ingestion, user account.User, body io.Reader) *decodedBody {
	d := s.newDecodedBody(ingestion)
	ctx, span := tracing.Start(ctx, "decode body")
	defer d.endSpan(span)
	d.err = d.readStream(ctx, s.detect, user, body)
	return d
}

// decodeFile reads a file that can be read from anywhere to its end.
func (s *Service) decodeFile(ctx context.Context, ingestion *health.Ingestion, user account.User, file io.ReaderAt, m *meter) *decodedBody {
	d := s.newDecodedBody(ingestion)
	ctx, span := tracing.Start(ctx, "decode body")
	defer d.endSpan(span)
	m.begin(PhaseReading, ingestion.Size)
	m.decoded.Store(d)
	d.err = d.readFile(ctx, s.detect, user, file, ingestion.Size, m)
	m.begin(PhaseWriting, m.size.Load())
	m.read.Store(m.size.Load())
	return d
}

func (d *decodedBody) readStream(ctx context.Context, detect detectFunc, user account.User, body io.Reader) (err error) {
	defer recoverAs(&err)
	buffered := bufio.NewReaderSize(body, format.DetectSize)
	head, err := buffered.Peek(format.DetectSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if format.IsArchive(head) {
		return d.readZip(ctx, user, buffered)
	}
	detected, err := detect(head)
	if err != nil {
		return asBodyError(err)
	}
	return d.collect(ctx, &detected, user, detected.Decode(buffered, d.options(user)))
}

func (d *decodedBody) readFile(
	ctx context.Context, detect detectFunc, user account.User, file io.ReaderAt, size int64, m *meter,
) (err error) {
	defer recoverAs(&err)
	head, err := headOf(file)
	if err != nil {
		return err
	}
	if format.IsArchive(head) {
		return d.readArchive(ctx, user, file, size, func(a *format.Archive) { m.archive.Store(a) })
	}
	detected, err := detect(head)
	if err != nil {
		return asBodyError(err)
	}
	return d.collectFile(ctx, user, &detected, func(o format.Options) iter.Seq2[health.Record, error] {
		return detected.Decode(m.reader(io.NewSectionReader(file, 0, size)), o)
	})
}

// readZip reads an archive from a stream into a temporary file first, because its directory is at its end.
func (d *decodedBody) readZip(ctx context.Context, user account.User, body io.Reader) error {
	file, err := spool.TempFile(d.tempDir)
	if err != nil {
		return err
	}
	defer spool.RemoveTemp(file)
	size, err := io.Copy(file, body)
	if err != nil {
		return err
	}
	return d.readArchive(ctx, user, file, size, nil)
}

// readArchive reads an archive. opened, if not nil, is called with it before its content is read.
func (d *decodedBody) readArchive(ctx context.Context, user account.User, file io.ReaderAt, size int64, opened func(*format.Archive)) error {
	archive, err := format.OpenArchive(file, size)
	if err != nil {
		return asBodyError(err)
	}
	archive.ReadAhead = readAhead
	detected, err := format.DetectArchive(archive)
	if err != nil {
		return asBodyError(err)
	}
	if opened != nil {
		opened(archive)
	}
	return d.collectFile(ctx, user, &detected, func(o format.Options) iter.Seq2[health.Record, error] {
		return detected.DecodeArchive(archive, o)
	})
}

// collectFile collects the records of a file, decoding it concurrently where the format allows that.
func (d *decodedBody) collectFile(
	ctx context.Context, user account.User, detected *format.Format, decode func(format.Options) iter.Seq2[health.Record, error],
) error {
	if !detected.WithoutEntries {
		return d.collect(ctx, detected, user, decode(d.options(user)))
	}
	return d.collect(ctx, detected, user, decodeConcurrently(func(asOf func(health.Instant)) iter.Seq2[health.Record, error] {
		options := d.options(user)
		options.AsOf = asOf
		return decode(options)
	}, d.SetAsOf))
}

func (d *decodedBody) options(user account.User) format.Options {
	return format.Options{Location: user.Location(), Received: d.received, AsOf: d.SetAsOf, FileName: d.fileName}
}

// collect collects the records of a body.
func (d *decodedBody) collect(
	ctx context.Context, detected *format.Format, user account.User, records iter.Seq2[health.Record, error],
) error {
	d.format = detected.Name
	if !detected.LocalTimes {
		d.SetZone(user.Location())
	}
	if detected.ByHomeZone && !user.HasTimeZone() {
		if err := d.Add(&health.Record{Warnings: []health.Warning{noTimeZone()}}); err != nil {
			return err
		}
	}
	for record, err := range records {
		var rejection *health.Rejection
		switch {
		case errors.As(err, &rejection):
			d.Reject(health.KindOfType(rejection.Type), record.Type, rejection)
		case err != nil:
			return asBodyError(err)
		default:
			if err := d.Add(&record); err != nil {
				return err
			}
		}
		d.records.Add(1)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return d.Finish()
}

// noTimeZone warns that the days of a body may not be those that the person lived.
func noTimeZone() health.Warning {
	return health.Warning{
		Position: health.Position{Type: "file", Point: -1}, Code: health.NoTimeZone,
		Message: "The export prints all times with the offset of the day it was made, and the account has no time zone: what does not " +
			"name its zone was put on the days of UTC, so that evenings or mornings may be on the wrong day. Set the zone with " +
			"health-export user set EMAIL --time-zone Europe/Paris, or PUT /v1/me/time_zone: everything moves to the right days then.",
	}
}
