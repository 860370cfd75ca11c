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
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/tracing"
)

// decodedBody is a body that has been read to its end, ready to be written. Whoever has it closes it.
type decodedBody struct {
	format    string
	collector *Collector
	report    *health.Report
	records   atomic.Int64 // so far
	err       error        // a bodyError where the body is at fault
}

// newDecoded returns an ingestion of which nothing has been read yet.
func (s *Service) newDecoded(ingestion *health.Ingestion) *decodedBody {
	report := &health.Report{}
	return &decodedBody{report: report, collector: newCollector(s.words, ingestion, report, &s.buffers, s.limits.TempDir)}
}

func (d *decodedBody) close() { d.collector.Close() }

// failed reports whether the body could not be decoded for a reason of ours.
func (d *decodedBody) failed() bool {
	var broken *bodyError
	return d.err != nil && !errors.As(d.err, &broken)
}

// endSpan ends the step in which a body was decoded.
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

// decode reads a body to its end. Of the ingestion it uses the headers and the time of receipt.
func (s *Service) decode(ctx context.Context, ingestion *health.Ingestion, user account.User, body io.Reader) *decodedBody {
	d := s.newDecoded(ingestion)
	ctx, span := tracing.Start(ctx, "decode body")
	defer d.endSpan(span)
	d.err = d.read(ctx, s.formats, user, body)
	return d
}

// decodeStored decodes a body from where it is kept.
func (s *Service) decodeStored(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error) {
	switch {
	case ingestion.ImportDir != "":
		return s.decodeWaiting(ctx, ingestion, user)
	case ingestion.StoredSize == 0:
		return s.lostBody(ingestion), nil
	}
	return s.decodeArchived(ctx, ingestion, user)
}

// decodeArchived decodes a body from the archive.
func (s *Service) decodeArchived(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error) {
	body, err := s.Raw(ctx, user.ID, ingestion.ID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return s.decode(ctx, ingestion, user, body), nil
}

func (d *decodedBody) read(ctx context.Context, detect func([]byte) (format.Format, error), user account.User, body io.Reader) (err error) {
	defer recoverAs(&err)
	buffered := bufio.NewReaderSize(body, format.DetectSize)
	head, err := buffered.Peek(format.DetectSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if format.IsArchive(head) {
		return d.readSpooled(ctx, user, buffered)
	}
	language, err := detect(head)
	if err != nil {
		return asBodyError(err)
	}
	return d.take(ctx, language.Name, language.Decode(buffered, d.options(user)))
}

// readSpooled reads an archive, whose directory is at its end: it has to be there as a whole first.
func (d *decodedBody) readSpooled(ctx context.Context, user account.User, body io.Reader) error {
	file, err := tempFile(d.collector.sorter.dir)
	if err != nil {
		return err
	}
	defer removeTemp(file)
	size, err := io.Copy(file, body)
	if err != nil {
		return err
	}
	return d.readArchive(ctx, user, file, size, nil)
}

// readArchive reads an archive. opened, if not nil, is told of it before its content is read.
func (d *decodedBody) readArchive(ctx context.Context, user account.User, file io.ReaderAt, size int64, opened func(*format.Archive)) error {
	archive, err := format.OpenArchive(file, size)
	if err != nil {
		return asBodyError(err)
	}
	archive.Ahead = readAhead
	language, err := format.DetectArchive(archive)
	if err != nil {
		return asBodyError(err)
	}
	if opened != nil {
		opened(archive)
	}
	return d.takeFile(ctx, user, &language, func(o format.Options) iter.Seq2[health.Record, error] {
		return language.DecodeArchive(archive, o)
	})
}

// takeFile takes all records of a file, which is there as a whole.
func (d *decodedBody) takeFile(
	ctx context.Context, user account.User, in *format.Format, decode func(format.Options) iter.Seq2[health.Record, error],
) error {
	if !in.WithoutItems {
		return d.take(ctx, in.Name, decode(d.options(user)))
	}
	return d.take(ctx, in.Name, decodeBeside(func(asOf func(health.Instant)) iter.Seq2[health.Record, error] {
		return decode(format.Options{Location: user.Location(), AsOf: asOf})
	}, d.collector.SetAsOf))
}

func (d *decodedBody) options(user account.User) format.Options {
	return format.Options{Location: user.Location(), AsOf: d.collector.SetAsOf}
}

// take takes all records of a body.
func (d *decodedBody) take(ctx context.Context, name string, records iter.Seq2[health.Record, error]) error {
	d.format = name
	for record, err := range records {
		var rejection *health.Rejection
		switch {
		case errors.As(err, &rejection):
			d.collector.Reject(health.KindOfType(rejection.Type), record.Type, rejection)
		case err != nil:
			return asBodyError(err)
		default:
			if err := d.collector.Add(&record); err != nil {
				return err
			}
		}
		d.records.Add(1)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return d.collector.Finish()
}
