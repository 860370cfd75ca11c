package format

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

// fixtureReceipt is when the bodies of fixtures were received.
var fixtureReceipt = health.InstantOf(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC))

// fixtureTimes returns a reader of the times of a body of that day.
func fixtureTimes(loc *time.Location) *timeReader {
	return newTimeReader(Options{Location: loc, Received: fixtureReceipt})
}

// testdata/hae/dates and bad-dates have valid and invalid forms of times.

func TestParseTimeMatchesTimePackage(t *testing.T) {
	t.Parallel()
	first := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC).Unix()
	times := fixtureTimes(nil)
	last := fixtureReceipt.Time().Unix()
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.IntRange(-14*60, 14*60).Draw(t, "offset in minutes") * 60
		want := time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), 0).In(time.FixedZone("", offset))
		for _, layout := range []string{
			"2006-01-02 15:04:05 -0700", "2006-01-02 3:04:05 PM -0700", "2006-01-02 3:04:05\u202fpm -0700", "2006-01-02T15:04:05-07:00",
		} {
			text := want.Format(layout)
			at, sent, ok := times.parse([]byte(text))
			if !ok || at != health.InstantOf(want) || int(sent) != offset {
				t.Fatalf("%q is read as %v, offset %d, ok %t", text, at, sent, ok)
			}
		}
	})
}

func TestTimeWithoutZone(t *testing.T) {
	t.Parallel()
	berlin := fixtureZone(t)
	for _, c := range []struct {
		text   string
		loc    *time.Location
		want   string
		offset int32
	}{
		{"2026-07-06", nil, "2026-07-06T00:00:00Z", 0},
		{"2026-07-06", berlin, "2026-07-05T22:00:00Z", 7200},
		{"2026-01-06 12:00", berlin, "2026-01-06T11:00:00Z", 3600},
		{"2026-03-29 02:30:00", berlin, "2026-03-29T00:30:00Z", 7200}, // the clock skipped this hour
		{"2026-07-06 上午7:57:00", nil, "2026-07-06T07:57:00Z", 0},
		{"2026-07-06 午後 12:57", nil, "2026-07-06T12:57:00Z", 0},
		{"2026-07-06T12:00:00Z", berlin, "2026-07-06T12:00:00Z", 0}, // a zone in the text takes precedence
	} {
		at, offset, ok := fixtureTimes(c.loc).parse([]byte(c.text))
		if !ok || at.String() != c.want || offset != c.offset {
			t.Errorf("%q is %v, offset %d, ok %t; wanted %s, offset %d", c.text, at, offset, ok, c.want, c.offset)
		}
	}
}

func TestReadGregorian(t *testing.T) {
	t.Parallel()
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2500; day = day.AddDate(0, 0, 1) {
		if got, ok := readGregorian([]byte(day.Format(time.DateOnly))); !ok || got != health.DateOf(day) {
			t.Fatalf("%s is read as %v, ok %t", day.Format(time.DateOnly), got, ok)
		}
		if day.AddDate(0, 0, 1).Day() == 1 {
			impossible := day.Format("2006-01-") + string([]byte{byte('0' + (day.Day()+1)/10), byte('0' + (day.Day()+1)%10)})
			if _, ok := readGregorian([]byte(impossible)); ok {
				t.Fatalf("%s is taken for a day", impossible)
			}
		}
	}
}

func TestEpochTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sent float64
		want string
		ok   bool
	}{
		{0, "1970-01-01T00:00:00Z", true},
		{1700000000, "2023-11-14T22:13:20Z", true},
		{1700000000.25, "2023-11-14T22:13:20.25Z", true},
		{1700000000123, "2023-11-14T22:13:20.123Z", true},
		{-1e9, "1938-04-24T22:13:20Z", true},
		{-3e9, "", false}, // before 1900
		{99999999999, "5138-11-16T09:46:39Z", true},
		{1e300, "", false},
		{math.NaN(), "", false},
		{math.Inf(1), "", false},
		{math.Inf(-1), "", false},
	} {
		at, ok := epochTime(c.sent)
		if ok != c.ok || ok && at.String() != c.want {
			t.Errorf("%v is %v, ok %t; wanted %s, ok %t", c.sent, at, ok, c.want, c.ok)
		}
	}
}

// plainForm matches the forms that package time parses in the same way.
var plainForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,9})? [+-](?:0\d|1[0-3])[0-5]\d|T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)|)$`)

func FuzzTime(f *testing.F) {
	for _, folder := range []string{"testdata/hae/dates", "testdata/hae/bad-dates", "testdata/hae/dates-of-regions"} {
		for _, text := range regexp.MustCompile(`"date": ("[^"]*")`).FindAllSubmatch(readFixture(f, folder, "input.json"), -1) {
			date, _ := unquoted(text[1])
			f.Add(date)
		}
	}
	berlin := fixtureZone(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		times := fixtureTimes(berlin)
		at, offset, ok := times.parse(text)
		if message, suggestion := times.explain("date", text); message == "" || suggestion == "" {
			t.Errorf("%q is refused without a reason", text)
		}
		if ok {
			plain := at.In(offset).Format("2006-01-02T15:04:05.999999-07:00")
			if again, sent, ok := fixtureTimes(nil).parse([]byte(plain)); !ok || again != at || sent != offset {
				t.Errorf("%q is %s, which is read as %v, offset %d, ok %t", text, plain, again, sent, ok)
			}
		}
		if ok && (at < health.MinInstant || at > health.MaxInstant) {
			t.Errorf("%q is %v, which is out of range", text, at)
		}
		if ok && (offset < -maxOffsetHours*3600-59*60 || offset > maxOffsetHours*3600+59*60) {
			t.Errorf("%q has an offset of %d s", text, offset)
		}
		if !plainForm.Match(text) || string(text[:4]) < "1970" || string(text[:4]) >= "2026" {
			return
		}
		want, err := parseWithTimePackage(string(text), berlin)
		possible := err == nil && health.InstantOf(want) >= health.MinInstant && health.InstantOf(want) <= health.MaxInstant
		if ok != possible {
			t.Fatalf("%q: ok %t; the library: %v, %v", text, ok, want, err)
		}
		if _, sent := want.Zone(); ok && (at != health.InstantOf(want) || int(offset) != sent) {
			t.Errorf("%q is %v, offset %d; the library: %v", text, at, offset, want)
		}
	})
}

func parseWithTimePackage(text string, loc *time.Location) (time.Time, error) {
	switch {
	case len(text) == 10:
		return time.ParseInLocation(time.DateOnly, text, loc)
	case strings.Contains(text, "T"):
		return time.Parse(time.RFC3339Nano, text)
	}
	return time.Parse("2006-01-02 15:04:05 -0700", text)
}
