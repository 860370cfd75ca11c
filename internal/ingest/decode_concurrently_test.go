package ingest

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
)

// countingDecoder yields so many records, whose buffers the next one uses again, as decoders do; it calls asOf after some of
// them, and ends with a failure if there is one.
func countingDecoder(count, datedAfter int, failure error) decodeFunc {
	return func(asOf func(health.Instant)) iter.Seq2[health.Record, error] {
		return func(yield func(health.Record, error) bool) {
			samples, segment := make([]health.Sample, 2), health.Segment{}
			for i := range count {
				if i == datedAfter {
					asOf(0)
				}
				record := health.Record{Position: health.Position{Entry: i}}
				switch i % 3 {
				case 0:
					samples[0].Start = health.Instant(i)
					record.Samples = samples[:1]
				case 1:
					samples[0].Start, samples[1].Start = health.Instant(i), health.Instant(-i)
					record.Samples = samples
				default:
					segment.Start = health.Instant(i)
					record.Segment = &segment
				}
				if !yield(record, nil) {
					return
				}
			}
			if failure != nil {
				yield(health.Record{}, failure)
			}
		}
	}
}

// listAll appends each record as text when it is yielded.
func listAll(records iter.Seq2[health.Record, error], list *[]string) {
	for r, err := range records {
		text := fmt.Sprint(r.Position.Entry, err)
		for i := range r.Samples {
			text += fmt.Sprint(" sample ", r.Samples[i].Start)
		}
		if r.Segment != nil {
			text += fmt.Sprint(" segment ", r.Segment.Start)
		}
		*list = append(*list, text)
	}
}

func TestDecodeConcurrentlyYieldsTheSame(t *testing.T) {
	t.Parallel()
	for _, count := range []int{0, 1, recordChunkSize - 1, recordChunkSize, 5*recordChunkSize + 7} {
		var want, got []string
		decode := countingDecoder(count, count/2, errors.New("broken off"))
		listAll(decode(func(health.Instant) { want = append(want, "dated") }), &want)
		listAll(decodeConcurrently(decode, func(health.Instant) { got = append(got, "dated") }), &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d records (-want +got):\n%s", count, diff)
		}
	}
}

func TestDecodeConcurrentlyEndsWithItsReceiver(t *testing.T) {
	t.Parallel()
	ended := false
	decode := func(asOf func(health.Instant)) iter.Seq2[health.Record, error] {
		return func(yield func(health.Record, error) bool) {
			defer func() { ended = true }()
			countingDecoder(100*recordChunkSize, 0, nil)(asOf)(yield)
		}
	}
	for range decodeConcurrently(decode, func(health.Instant) {}) {
		break
	}
	if !ended {
		t.Error("the decoder goes on after its receiver has ended")
	}
}

func TestDecodeConcurrentlyReturnsAPanic(t *testing.T) {
	t.Parallel()
	decode := func(func(health.Instant)) iter.Seq2[health.Record, error] {
		return func(func(health.Record, error) bool) { panic("out of bounds") }
	}
	for _, err := range decodeConcurrently(decode, nil) {
		if err == nil || !strings.Contains(err.Error(), "out of bounds") {
			t.Errorf("error %v", err)
		}
		return
	}
	t.Error("nothing came of a panic")
}
