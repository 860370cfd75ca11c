package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
)

// decodeThrough decodes a body through a window of a few bytes, so that everything in it is at an edge once.
func decodeThrough(body io.Reader, window, limit int, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newDecoder(body, options, yield)
		d.first, d.usual, d.limit = window, window, limit
		if err := d.body(); err != nil && err != errStopped {
			yield(health.Record{}, err)
		}
	}
}

func TestEveryWindowGivesTheSame(t *testing.T) {
	t.Parallel()
	for _, folder := range fixtures(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			body := readFixture(t, folder, "input.json")
			want := string(render(t, decodeBody(bytes.NewReader(body), Options{Location: fixtureZone(t)})))
			for _, window := range []int{1, 2, 3, 5, 8, 13, 64, 1000} {
				reader := iotest.HalfReader(bytes.NewReader(body))
				got := render(t, decodeThrough(reader, window, maxElement, Options{Location: fixtureZone(t)}))
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Fatalf("a window of %d bytes gives something else:\n%s", window, diff)
				}
			}
		})
	}
}

// point is a small point for bodies made in tests.
const point = `{"date":"2026-03-10 00:00:00 +0100","qty":1}`

func TestLongElementIsRejectedAlone(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("é\\u00e9 ", 1000)
	for name, long := range map[string]string{
		"text":       `"` + filler + `"`,
		"object":     `{"date":"2026-03-10 00:00:00 +0100","qty":1,"note":"` + filler + `"}`,
		"early text": `{"note":"` + filler + `","qty":1}`,
		"array":      `[` + strings.Repeat(`{"a":[1.5e3,true,null]},`, 1000) + `0]`,
		"long name":  `{"` + filler + `":1}`,
		"blanks":     `{` + strings.Repeat(" ", 10_000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"data":{"metrics":[{"name":"a","data":[%s,%s,%s]},%s],"symptoms":[%s],"new":[%s,1]}}`,
				point, long, point, long, long, long)
			var got []string
			for record, err := range decodeThrough(strings.NewReader(body), 64, 512, Options{}) {
				rejection, _ := errors.AsType[*health.Rejection](err)
				switch {
				case rejection != nil && strings.Contains(rejection.Message, "too large"):
					got = append(got, fmt.Sprintf("%s %d.%d too large", record.Position.Type, record.Position.Item, record.Position.Point))
				case err != nil:
					t.Fatal(err)
				default:
					got = append(got, fmt.Sprintf("%s %d.%d", record.Position.Type, record.Position.Item, record.Position.Point))
				}
			}
			want := []string{
				"metric 0.0", "metric 0.1 too large", "metric 0.2", "metric 1.-1 too large",
				"symptom 0.-1 too large", "new 0.-1 too large", "new 1.-1",
			}
			if name != "object" && name != "early text" && name != "long name" && name != "blanks" {
				want[1], want[3] = "metric 0.1", "metric 1.-1"
				got[1] = strings.TrimSuffix(got[1], " too large")
				got[3] = strings.TrimSuffix(got[3], " too large")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
