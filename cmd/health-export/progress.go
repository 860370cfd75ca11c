package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/health-export/health-export/internal/ingest"
)

// How often progress is printed: on a terminal as a bar, elsewhere as lines.
const (
	barInterval  = 200 * time.Millisecond
	lineInterval = 5 * time.Second
)

// showImportProgress prints how far an import has come until the returned function is called.
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
		start := time.Now()
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
					phase, start = state.Phase, now.Add(-every)
				}
				text := progressText(state, now.Sub(start))
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

// isTerminal reports whether a reader or writer is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// fractionDone is how much of the current phase is done, from 0 to 1.
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

// progressText returns what has been done since a phase began: bytes, records, records per second, and the estimated time
// left.
func progressText(s ingest.Progress, took time.Duration) string {
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
