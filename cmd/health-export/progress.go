package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/health-export/health-export/internal/ingest"
)

// How often progress is shown: on a terminal a bar that moves, elsewhere a line now and then.
const (
	barInterval  = 200 * time.Millisecond
	lineInterval = 5 * time.Second
)

// showImportProgress shows how far an import has come until the function it returns is called.
func (p *program) showImportProgress(name string, progress func() (ingest.Progress, bool)) (finished func()) {
	bar := isTerminal(p.err)
	every := lineInterval
	if bar {
		every = barInterval
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		begun := time.Now()
		phase := ""
		for {
			select {
			case <-done:
				if bar {
					fmt.Fprint(p.err, "\r\x1b[K")
				}
				return
			case now := <-ticker.C:
				state, ok := progress()
				if !ok {
					continue
				}
				if state.Phase != phase {
					phase, begun = state.Phase, now.Add(-every)
				}
				text := describe(state, now.Sub(begun))
				if bar {
					fmt.Fprintf(p.err, "\r%s %s %s\x1b[K", name, drawBar(fractionDone(state)), text)
				} else {
					fmt.Fprintf(p.err, "%s: %s\n", name, text)
				}
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}

// isTerminal reports whether a person sits at the other end of a reader or writer.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// fractionDone is how much of the present phase is done, from 0 to 1.
func fractionDone(s ingest.Progress) float64 {
	done, of := float64(s.BytesRead), float64(s.BytesTotal)
	if s.Phase == ingest.PhaseWriting {
		done, of = float64(s.Written), float64(s.Records)
	}
	if of == 0 {
		return 0
	}
	return min(done/of, 1)
}

// describe says what has been done since a phase began: bytes, records, records a second, and how long it will take.
func describe(s ingest.Progress, took time.Duration) string {
	seconds := max(took.Seconds(), 0.001)
	text := fmt.Sprintf("%s %3.0f %%", s.Phase, 100*fractionDone(s))
	switch s.Phase {
	case ingest.PhaseWriting:
		text += fmt.Sprintf(", %d of %d records, %.0f/s", s.Written, s.Records, float64(s.Written)/seconds)
	default:
		text += fmt.Sprintf(", %.1f of %.1f MB", float64(s.BytesRead)/1e6, float64(s.BytesTotal)/1e6)
		if s.Records > 0 {
			text += fmt.Sprintf(", %d records, %.0f/s", s.Records, float64(s.Records)/seconds)
		}
	}
	if done := fractionDone(s); done > 0.01 {
		left := time.Duration(seconds * (1 - done) / done * float64(time.Second))
		text += ", " + left.Round(time.Second).String() + " left"
	}
	return text
}

func drawBar(share float64) string {
	const width = 20
	full := int(share * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}
