package ingest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/health-export/health-export/internal/problem"
)

// errEncoding marks a body that does not match its Content-Encoding.
var errEncoding = errors.New("content encoding")

// undoEncoding returns the body without its Content-Encoding (RFC 9110 §8.4). Decoders use bounded memory: a zstd
// window of at most 8 MiB, as RFC 9659 requires for HTTP.
func undoEncoding(body io.Reader, encoding string) (io.ReadCloser, error) {
	var decoder io.ReadCloser
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip", "x-gzip":
		reader, err := gzip.NewReader(body)
		if err != nil {
			return nil, problem.New(problem.Invalid, "broken_encoding",
				"The body is not gzip although its Content-Encoding says so. Send it uncompressed, or compress it.").Because(err)
		}
		decoder = reader
	case "zstd":
		reader, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd reader: %w", err)
		}
		decoder = reader.IOReadCloser()
	case "br":
		decoder = io.NopCloser(brotli.NewReader(body))
	default:
		return nil, problem.New(problem.Invalid, "unsupported_encoding",
			"This Content-Encoding is not supported. Use gzip, zstd or br, one at a time, or none.").In("Content-Encoding")
	}
	return &decodingReader{decoder}, nil
}

// decodingReader marks the decoder's own errors, to distinguish them from those of the connection.
type decodingReader struct{ io.ReadCloser }

func (d *decodingReader) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	var known *problem.Error
	if err != nil && err != io.EOF && !errors.As(err, &known) {
		err = fmt.Errorf("%w: %w", errEncoding, err)
	}
	return n, err
}

// countingReader counts what is read and refuses to read more than limit.
type countingReader struct {
	reader io.Reader
	limit  int64
	count  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.count += int64(n)
	if c.count > c.limit {
		return n, tooLarge(c.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "body_too_large", fmt.Sprintf(
		"The body is larger than %d MiB, the limit for one body, compressed or not. Send a shorter period, turn on batch requests in the app, or raise the server's limit.",
		limit>>20))
}
