package health

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInstantOfCutsOffBelowTheMicrosecond(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sent, want string }{
		{"2026-05-19T00:00:00.123456789-07:00", "2026-05-19T07:00:00.123456Z"},
		{"1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"},
	} {
		if got := instant(test.sent).String(); got != test.want {
			t.Errorf("%s = %s, want %s", test.sent, got, test.want)
		}
	}
}

func TestLimitsOfInstants(t *testing.T) {
	t.Parallel()
	if MinInstant != instant("1900-01-01T00:00:00Z") {
		t.Errorf("MinInstant = %v", MinInstant)
	}
	if MaxInstant != instant("9999-12-31T23:59:59.999999Z") {
		t.Errorf("MaxInstant = %v", MaxInstant)
	}
	if Day != Instant(24*time.Hour/time.Microsecond) || Second != Instant(time.Second/time.Microsecond) {
		t.Errorf("a day is %d, a second %d", Day, Second)
	}
}

func TestInstantAndTimeAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i, offset := instants().Draw(t, "i"), offsets().Draw(t, "offset")
		if got := InstantOf(i.Time()); got != i {
			t.Fatalf("%d comes back as %d", i, got)
		}
		local := i.In(offset)
		if _, got := local.Zone(); got != int(offset) || InstantOf(local) != i {
			t.Fatalf("In(%d) = %v", offset, local)
		}
		// The standard library is the oracle of the calendar.
		if got, want := i.Date(offset).String(), local.Format(time.DateOnly); got != want {
			t.Fatalf("%v at offset %d is on %s, want %s", i, offset, got, want)
		}
		if DateOf(local) != i.Date(offset) {
			t.Fatalf("DateOf(%v) = %v, want %v", local, DateOf(local), i.Date(offset))
		}
	})
}

func TestDateAndMidnightRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i, offset := instants().Draw(t, "i"), offsets().Draw(t, "offset")
		date := i.Date(offset)
		midnight := date.Midnight(offset)
		if i < midnight || i >= midnight+Day {
			t.Fatalf("%v is not within the day that begins at %v", i, midnight)
		}
		for _, edge := range []struct {
			at   Instant
			want Date
		}{{midnight, date}, {midnight - 1, date - 1}, {midnight + Day - 1, date}, {midnight + Day, date + 1}} {
			if got := edge.at.Date(offset); got != edge.want {
				t.Fatalf("%v at offset %d is on %v, want %v", edge.at, offset, got, edge.want)
			}
		}
		if !date.Time().Equal(date.Midnight(0).Time()) {
			t.Fatalf("Time() = %v, Midnight(0) = %v", date.Time(), date.Midnight(0))
		}
	})
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want Date
	}{
		{"1970-01-01", 0},
		{"1969-12-31", -1},
		{"1970-01-02", 1},
		{"2000-02-29", 11_016},
		{"2024-02-29", 19_782},
		{"1900-01-01", -25_567},
		{"9999-12-31", 2_932_896},
	} {
		got, err := ParseDate(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseDate(%q) = %d, %v, want %d", test.text, got, err, test.want)
		}
		if got.String() != test.text {
			t.Errorf("%d prints as %s, want %s", got, got, test.text)
		}
	}
	for _, text := range []string{
		"", "2026-02-31", "2026-13-01", "2025-02-29", "2026-00-10", "2026-1-2", "20260102", "2026-01-02T00:00:00Z",
		" 2026-01-02", "2026-01-02 ", "yesterday",
	} {
		if got, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", text, got)
		}
	}
}

func TestDateInJSON(t *testing.T) {
	t.Parallel()
	type day struct {
		Date Date `json:"date"`
	}
	text, err := json.Marshal(day{Date: -1})
	if err != nil || string(text) != `{"date":"1969-12-31"}` {
		t.Errorf("written as %s, %v", text, err)
	}
	var read day
	if err := json.Unmarshal(text, &read); err != nil || read.Date != -1 {
		t.Errorf("read as %v, %v", read.Date, err)
	}
	if err := json.Unmarshal([]byte(`{"date":"2026-02-31"}`), &read); err == nil || read.Date != -1 {
		t.Errorf("an impossible date was read as %v, %v", read.Date, err)
	}
}

func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2026-07-06", "1969-12-31", "2026-02-31", "0000-01-01", "+2026-1-1", "9999-99-99"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if date, err := ParseDate(text); err == nil && date.String() != text {
			t.Errorf("%q is read as %v", text, date)
		}
	})
}

// instants draws from all that are accepted, those near 1970, before and after, more often.
func instants() *rapid.Generator[Instant] {
	all := rapid.Map(rapid.Int64Range(int64(MinInstant), int64(MaxInstant)), func(i int64) Instant { return Instant(i) })
	near := rapid.Map(rapid.Int64Range(-3*int64(Day), 3*int64(Day)), func(i int64) Instant { return Instant(i) })
	return rapid.OneOf(all, near)
}
