package access

import (
	"context"
	"errors"
	"io"
)

// firstBlock is how many bytes of a body of unknown length are charged at once; later blocks double what was read.
const firstBlock = 64 << 10

// Body returns the body of the request, which is to be read through it: bytes beyond those that were charged are charged
// as they come, and where they do not fit Read returns the error of Charge. At the end the request is counted with the
// size of its body.
func (c *Charge) Body(ctx context.Context, body io.ReadCloser) *Body {
	return &Body{ReadCloser: body, ctx: ctx, charge: c}
}

// Body is a request body that is charged as it is read.
type Body struct {
	io.ReadCloser
	ctx    context.Context
	charge *Charge
	read   int64
	err    error // returned by every further Read
}

// Read is io.Reader.Read.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.charge.countsBytes() && b.read > b.charge.entry.bytes {
		if b.err = b.grow(); b.err != nil {
			return 0, b.err
		}
	}
	if errors.Is(err, io.EOF) {
		b.Finish()
	}
	return n, err
}

// grow charges what has been read and, where it fits, as much again.
func (b *Body) grow() error {
	target := min(max(2*b.charge.entry.bytes, b.read, firstBlock), b.charge.allowance.IngestBytes)
	if target > b.read {
		if v, err := b.charge.amend(b.ctx, target); err != nil || v.wait == 0 {
			return err
		}
	}
	return b.charge.Amend(b.ctx, b.read)
}

// Finish counts the request with what was read of its body. That is less than was charged where the body broke off or was
// not read.
func (b *Body) Finish() {
	if b.read < b.charge.entry.bytes {
		_ = b.charge.Amend(context.WithoutCancel(b.ctx), b.read) // fewer always fit
	}
}
