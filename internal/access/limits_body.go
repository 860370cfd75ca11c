package access

import (
	"context"
	"errors"
	"io"
)

// firstBlock is how many bytes of a body of unknown length are charged at once; later it is as many as came before.
const firstBlock = 64 << 10

// Body returns the body of the request, which is to be read through it: bytes beyond those that were charged are
// charged as they come, and one for which there is no room ends it with the error of Charge. At its end the request is
// counted with what its body weighed.
func (c *Charge) Body(ctx context.Context, body io.ReadCloser) *Body {
	return &Body{ReadCloser: body, ctx: ctx, charge: c}
}

// Body is a body that is charged.
type Body struct {
	io.ReadCloser
	ctx    context.Context
	charge *Charge
	read   int64
	err    error // what ended it before its time
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

// grow charges what has been read, and where there is room for it as much again.
func (b *Body) grow() error {
	target := min(max(2*b.charge.entry.bytes, b.read, firstBlock), b.charge.allowance.IngestBytes)
	if target > b.read {
		if v, err := b.charge.amend(b.ctx, target); err != nil || v.wait == 0 {
			return err
		}
	}
	return b.charge.Amend(b.ctx, b.read)
}

// Finish counts the request with what has been read of its body, which is less than was charged where the body broke
// off or nobody wanted it.
func (b *Body) Finish() {
	if b.read < b.charge.entry.bytes {
		_ = b.charge.Amend(context.WithoutCancel(b.ctx), b.read) // fewer always fit
	}
}
