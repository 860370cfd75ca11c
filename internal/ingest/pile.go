package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
)

// pointBufferSize is how many points of a pile stay in memory.
const pointBufferSize = 1 << 13

// pointBuffer holds points in the order they came, the first of them in memory and the rest in a temporary file.
type pointBuffer struct {
	dir        string
	points     []point
	attributes int // bytes in points
	file       *os.File
	writer     *bufio.Writer
}

func (h *pointBuffer) add(p *point) error {
	if h.file == nil && len(h.points) < pointBufferSize && h.attributes < runAttributes {
		h.points = append(h.points, *p)
		h.attributes += len(p.attributes)
		return nil
	}
	if h.file == nil {
		file, err := tempFile(h.dir)
		if err != nil {
			return err
		}
		h.file, h.writer = file, bufio.NewWriterSize(file, 256<<10)
	}
	if err := p.write(h.writer); err != nil {
		return fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	return nil
}

// all yields the points. A point is the receiver's until the next one is yielded.
func (h *pointBuffer) all() iter.Seq2[*point, error] {
	return func(yield func(*point, error) bool) {
		for i := range h.points {
			if !yield(&h.points[i], nil) {
				return
			}
		}
		if h.file == nil {
			return
		}
		if err := h.writer.Flush(); err != nil {
			yield(nil, fmt.Errorf("%w: %w", errSpoolFull, err))
			return
		}
		c := (&run{file: h.file, size: math.MaxInt64}).open(32 << 10)
		var err error
		for err == nil {
			if err = c.next(); err == nil && !yield(c.point, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// clear empties the pile for the next item.
func (h *pointBuffer) clear() {
	h.points, h.attributes = h.points[:0], 0
	if h.file != nil {
		removeTemp(h.file)
		h.file, h.writer = nil, nil
	}
}
