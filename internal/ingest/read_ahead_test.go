package ingest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

func TestReadAhead(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, size := range []int{0, 1, readAheadSize - 1, readAheadSize, 10*readAheadSize + 1} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i / 251)
		}
		for _, end := range []error{nil, broken} {
			var from io.Reader = iotest.HalfReader(bytes.NewReader(content))
			if end != nil {
				from = io.MultiReader(from, iotest.ErrReader(end))
			}
			file := &closeRecorder{Reader: from}
			r := readAhead(file)
			got, err := io.ReadAll(iotest.OneByteReader(r))
			if !errors.Is(err, end) || !bytes.Equal(got, content) {
				t.Errorf("%d bytes and %v: read %d bytes and %v", size, end, len(got), err)
			}
			if _, again := r.Read(make([]byte, 1)); end != nil && !errors.Is(again, end) {
				t.Errorf("%d bytes: after %v comes %v", size, end, again)
			}
			if err := r.Close(); err != nil || !file.closed {
				t.Errorf("%d bytes: closed: %v, %v", size, file.closed, err)
			}
		}
	}
}

// A reader that is closed before the end stops the goroutine, whatever that is doing.
func TestReadAheadClosedEarly(t *testing.T) {
	t.Parallel()
	for _, read := range []int{0, 1, readAheadSize, 3 * readAheadSize} {
		file := &closeRecorder{Reader: endless{}}
		r := readAhead(file)
		if _, err := io.CopyN(io.Discard, r, int64(read)); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil || !file.closed {
			t.Errorf("after %d bytes: closed: %v, %v", read, file.closed, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
