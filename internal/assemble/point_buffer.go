package assemble

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"math"
	"os"

	"github.com/health-export/health-export/internal/spool"
)

// pointBufferSize is how many points of a pointBuffer stay in memory.
const pointBufferSize = 1 << 13

// pointBuffer holds points in the order they came, the first of them in memory and the rest in a temporary file.
type pointBuffer struct {
	dir        string
	points     []point
	attributes int // bytes in points
	file       *os.File
	writer     *bufio.Writer
}

func (b *pointBuffer) add(p *point) error {
	if b.file == nil && len(b.points) < pointBufferSize && b.attributes < runAttributes {
		b.points = append(b.points, *p)
		b.attributes += len(p.attributes)
		return nil
	}
	if b.file == nil {
		file, err := spool.TempFile(b.dir)
		if err != nil {
			return err
		}
		b.file, b.writer = file, bufio.NewWriterSize(file, 256<<10)
	}
	if err := p.write(b.writer); err != nil {
		return spool.DiskError(err)
	}
	return nil
}

// all yields the points. A point is the receiver's until the next one is yielded.
func (b *pointBuffer) all() iter.Seq2[*point, error] {
	return func(yield func(*point, error) bool) {
		for i := range b.points {
			if !yield(&b.points[i], nil) {
				return
			}
		}
		if b.file == nil {
			return
		}
		if err := b.writer.Flush(); err != nil {
			yield(nil, spool.DiskError(err))
			return
		}
		c := (&run{file: b.file, size: math.MaxInt64}).open(32 << 10)
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

// clear empties the buffer for the next entry.
func (b *pointBuffer) clear() {
	b.points, b.attributes = b.points[:0], 0
	if b.file != nil {
		spool.RemoveTemp(b.file)
		b.file, b.writer = nil, nil
	}
}
