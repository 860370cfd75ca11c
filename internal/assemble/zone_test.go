package assemble

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func instant(t testing.TB, text string) health.Instant {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return health.InstantOf(at)
}

// What was sent in UTC is placed on the local day of the person's zone; any other offset is kept.
func TestSamplesInUTCArePlacedInTheZone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone    string
		at      string
		offset  int32
		grain   health.Grain
		want    int32
		assumed bool
		date    string
	}{
		"UTC from Berlin":              {"Europe/Berlin", "2026-03-10T23:30:00Z", 0, 0, 3600, true, "2026-03-11"},
		"UTC from Berlin in summer":    {"Europe/Berlin", "2026-07-10T22:30:00Z", 0, 60, 7200, true, "2026-07-11"},
		"UTC from New York":            {"America/New_York", "2026-03-10T02:30:00Z", 0, 0, -14400, true, "2026-03-09"},
		"UTC from London in winter":    {"Europe/London", "2026-01-10T23:30:00Z", 0, 0, 0, false, "2026-01-10"},
		"UTC from London in summer":    {"Europe/London", "2026-07-10T23:30:00Z", 0, 0, 3600, true, "2026-07-11"},
		"UTC from nowhere":             {"UTC", "2026-03-10T23:30:00Z", 0, 0, 0, true, "2026-03-10"},
		"another offset from Berlin":   {"Europe/Berlin", "2026-03-10T23:30:00Z", 32400, 0, 32400, false, "2026-03-11"},
		"a day keeps the date sent":    {"America/New_York", "2026-03-10T00:00:00Z", 0, 86400, 0, false, "2026-03-10"},
		"an hour of a day in New York": {"America/New_York", "2026-03-10T00:00:00Z", 0, 3600, -14400, true, "2026-03-09"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := health.NewZone(location(t, c.zone))
			s := health.Sample{Start: instant(t, c.at), Offset: c.offset, Grain: c.grain}
			placeSample(&zone, &s)
			got := []any{s.Offset, s.ZoneAssumed, s.LocalDate().String()}
			if diff := cmp.Diff([]any{c.want, c.assumed, c.date}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			before := s
			placeSample(nil, &s)
			if s != before {
				t.Error("a sample is placed without a zone")
			}
		})
	}
}

// A night moves to the local day of waking, unless its date was sent by itself.
func TestNightsInUTCArePlacedInTheZone(t *testing.T) {
	t.Parallel()
	zone := health.NewZone(location(t, "Pacific/Auckland"))
	waking := instant(t, "2026-03-10T18:00:00Z")
	night := health.Night{SleepStart: waking - health.Day/3, SleepEnd: waking, Date: waking.Date(0)}
	placeNight(&zone, &night)
	if night.Date.String() != "2026-03-11" || night.Offset != 13*3600 {
		t.Errorf("the night is of %s, offset %d", night.Date, night.Offset)
	}
	dated := health.Night{SleepEnd: waking, Date: waking.Date(0) + 2}
	placeNight(&zone, &dated)
	if dated.Date != waking.Date(0)+2 {
		t.Errorf("a night with a date of its own is of %s", dated.Date)
	}
}

// An instant never changes; only the day it is on does.
func TestPlacingKeepsInstants(t *testing.T) {
	t.Parallel()
	zone := health.NewZone(location(t, "Asia/Kolkata"))
	rapid.Check(t, func(t *rapid.T) {
		at := health.Instant(rapid.Int64Range(0, 2e15).Draw(t, "at"))
		s := health.Sample{Start: at, End: at + health.Second, Offset: rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset")}
		sentOwn := s.Offset != 0
		placeSample(&zone, &s)
		if s.Start != at || s.End != at+health.Second || sentOwn == s.ZoneAssumed {
			t.Errorf("placed as %+v", s)
		}
	})
}
