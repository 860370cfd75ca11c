package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipeIsBounded(t *testing.T) {
	t.Parallel()
	p := newPipe[int](t.Context(), 2, 4)
	for i := range 2 {
		chunk, ok := p.free()
		if !ok || cap(chunk) != 4 {
			t.Fatalf("chunk %d: capacity %d, %t", i, cap(chunk), ok)
		}
		p.send(append(chunk, i))
	}
	if _, ok := p.free(); ok {
		t.Error("there is a third chunk")
	}
	p.end(nil)
	for want := range 2 {
		if got, err := p.next(); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("received %v, %v", got, err)
		}
	}
	if _, err := p.next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestPipeReturnsAPanic(t *testing.T) {
	t.Parallel()
	p := newPipe[int](t.Context(), 2, 4)
	p.start(func() error {
		chunk, _ := p.free()
		p.send(append(chunk, 1))
		panic("out of bounds")
	})
	if got, err := p.next(); err != nil || len(got) != 1 {
		t.Errorf("received %v, %v", got, err)
	}
	if _, err := p.next(); err == nil || !strings.Contains(err.Error(), "out of bounds") {
		t.Errorf("error %v", err)
	}
}

// A decoder that is too slow holds up the body for maxStall in all, not for longer.
func TestStreamDecoderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &streamDecoder{pipe: newPipe[byte](t.Context(), streamChunks, streamChunkSize)}
		body := make([]byte, (streamChunks+1)*streamChunkSize)
		begun := time.Now()
		for range 2 {
			if n, err := d.Write(body); n != len(body) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		if took := time.Since(begun); !d.behind || took != maxStall {
			t.Errorf("given up: %t, after %s", d.behind, took)
		}
	})
}

// A decoder that has ended, because the body is broken, does not hold up the rest of it.
func TestStreamDecoderEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &streamDecoder{pipe: newPipe[byte](t.Context(), streamChunks, streamChunkSize)}
		d.pipe.cancel()
		begun := time.Now()
		if _, err := d.Write(make([]byte, 2*streamChunks*streamChunkSize)); err != nil || d.behind || time.Since(begun) != 0 {
			t.Errorf("given up: %t, after %s, %v", d.behind, time.Since(begun), err)
		}
	})
}
