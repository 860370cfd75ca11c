package ingest

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
)

// decoded is a body that has been read to its end, ready to be written. Whoever has it closes it.
type decoded struct {
	format    string
	collector *collector
	report    *health.Report
	err       error // a bodyError where the body is at fault
}

func (d *decoded) close() { d.collector.close() }

// failed reports whether the body could not be decoded for a reason of ours.
func (d *decoded) failed() bool {
	var broken *bodyError
	return d.err != nil && !errors.As(d.err, &broken)
}

// decode reads a body to its end. Of the ingestion it uses the headers and the time of receipt.
func (s *Service) decode(ctx context.Context, ingestion *health.Ingestion, user health.User, body io.Reader) *decoded {
	d := &decoded{report: &health.Report{}}
	d.collector = newCollector(s.words, ingestion, d.report, &s.buffers, s.limits.TempDir)
	d.err = d.read(ctx, s.formats, format.Options{Location: user.Location(), TempDir: s.limits.TempDir}, body)
	return d
}

// decodeArchived decodes a body from the archive.
func (s *Service) decodeArchived(ctx context.Context, ingestion *health.Ingestion, user health.User) (*decoded, error) {
	body, err := s.Raw(ctx, user.ID, ingestion.ID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return s.decode(ctx, ingestion, user, body), nil
}

func (d *decoded) read(ctx context.Context, detect func([]byte) (format.Format, error), options format.Options, body io.Reader) (err error) {
	defer recoverAs(&err)
	buffered := bufio.NewReaderSize(body, format.DetectSize)
	head, err := buffered.Peek(format.DetectSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	language, err := detect(head)
	if err != nil {
		return asBodyError(err)
	}
	d.format = language.Name
	for record, err := range language.Decode(buffered, options) {
		var rejection *health.Rejection
		switch {
		case errors.As(err, &rejection):
			d.collector.reject(health.KindOfType(rejection.Type), rejection)
		case err != nil:
			return asBodyError(err)
		default:
			if err := d.collector.add(&record); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return d.collector.finish()
}
