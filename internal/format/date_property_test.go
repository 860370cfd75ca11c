package format

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

// digitSets returns the digits of each numbering system that this version of Go knows.
func digitSets(tb testing.TB) (sets [][]rune) {
	tb.Helper()
	for _, row := range readTable(tb, "digits.tsv") {
		digits := []rune(row[1])
		if unicode.Is(unicode.Nd, digits[0]) || row[0] == "hanidec" {
			sets = append(sets, digits)
		}
	}
	return sets
}

func TestDigitsOfEveryScript(t *testing.T) {
	t.Parallel()
	sets := digitSets(t)
	if len(sets) < 60 {
		t.Fatalf("only %d sets of digits are known", len(sets))
	}
	for _, digits := range sets {
		for want, r := range digits {
			if got, ok := digitOf(r); r >= 0x80 && (!ok || got != want) {
				t.Errorf("%q is %d, ok %t; wanted %d", r, got, ok, want)
			}
		}
	}
}

// phone writes times as a phone with some settings does.
type phone struct {
	calendar string
	digits   []rune
	words    [2]string // for the halves of the day; "" for a 24-hour clock
	before   bool      // the word is before the time
	space    string    // between the parts
	mark     string    // around them
	minus    string
	grouped  string // the separator of hours and minutes
	from0    bool   // the 12-hour clock of Japan
}

func drawPhone(t *rapid.T, sets [][]rune, halves [2][]string) phone {
	p := phone{
		calendar: rapid.SampledFrom([]string{
			"gregorian", "buddhist", "japanese", "roc", "persian", "islamic-umalqura", "indian", "coptic", "ethiopic-amete-alem", "hebrew",
		}).Draw(t, "calendar"),
		digits:  rapid.SampledFrom(sets).Draw(t, "digits"),
		before:  rapid.Bool().Draw(t, "before"),
		space:   rapid.SampledFrom([]string{" ", "\u00a0", "\u202f", "\u2009", "  "}).Draw(t, "space"),
		mark:    rapid.SampledFrom([]string{"", "\u200e", "\u200f", "\u061c", "\u2068"}).Draw(t, "mark"),
		minus:   rapid.SampledFrom([]string{"-", "−", "‒"}).Draw(t, "minus"),
		grouped: rapid.SampledFrom([]string{":", "."}).Draw(t, "separator"),
		from0:   rapid.Bool().Draw(t, "from 0"),
	}
	if rapid.Bool().Draw(t, "12-hour clock") {
		p.words = [2]string{rapid.SampledFrom(halves[0]).Draw(t, "am"), rapid.SampledFrom(halves[1]).Draw(t, "pm")}
	}
	return p
}

// dateParts returns the year, month and day of a day in a calendar, by looking for it.
func dateParts(name string, day health.Date) (y, m, d int) {
	if name == "gregorian" {
		year, month, of := day.Time().Date()
		return year, int(month), of
	}
	date := calendarsByName[name]
	if name == "japanese" {
		date = reiwa.unmarked
	}
	for y = 1; ; y++ {
		last, ok := date(y+1, 6, 1)
		if !ok || last < day {
			continue
		}
		for _, year := range []int{y - 1, y, y + 1} {
			for m = 1; m <= 13; m++ {
				for d = 1; d <= 31; d++ {
					if got, ok := date(year, m, d); ok && got == day {
						return year, m, d
					}
				}
			}
		}
	}
}

func (p phone) write(at time.Time) string {
	year, month, day := dateParts(p.calendar, health.DateOf(at))
	clock := fmt.Sprintf("%02d%s%02d%s%02d", at.Hour(), p.grouped, at.Minute(), p.grouped, at.Second())
	if word := p.words[at.Hour()/12]; word != "" {
		hour := at.Hour() % 12
		if hour == 0 && !p.from0 {
			hour = 12
		}
		clock = fmt.Sprintf("%d%s%02d%s%02d", hour, p.grouped, at.Minute(), p.grouped, at.Second())
		if p.before {
			clock = word + p.space + clock
		} else {
			clock += p.space + word
		}
	}
	zone := at.Format("-0700")
	if zone[0] == '-' {
		zone = p.minus + zone[1:]
	}
	text := fmt.Sprintf("%04d-%02d-%02d%s%s%s%s%s", year, month, day, p.space, clock, p.space, p.mark, zone)
	return p.mark + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return p.digits[r-'0']
		}
		return r
	}, text)
}

// TestTimesOfAnyPhone writes times with random settings of a phone, and reads them back.
func TestTimesOfAnyPhone(t *testing.T) {
	t.Parallel()
	sets := digitSets(t)
	var halves [2][]string
	for word, hours := range dayPeriods {
		switch hours {
		case am:
			halves[0] = append(halves[0], word)
		case pm:
			halves[1] = append(halves[1], word)
		}
	}
	slices.Sort(halves[0])
	slices.Sort(halves[1])
	rapid.Check(t, func(t *rapid.T) {
		p := drawPhone(t, sets, halves)
		offset := rapid.IntRange(-14*4, 14*4).Draw(t, "quarters of an hour") * 900
		if p.calendar == "indian" {
			offset = indiaOffset
		}
		at := time.Unix(rapid.Int64Range(dateOf(2019, 5, 3).Midnight(0).Time().Unix(), fixtureReceipt.Time().Unix()).Draw(t, "second"), 0).
			In(time.FixedZone("", offset))
		text := p.write(at)
		got, sent, ok := fixtureTimes(nil).parse([]byte(text))
		if !ok || got != health.InstantOf(at) || int(sent) != offset {
			message, _ := fixtureTimes(nil).explain("date", []byte(text))
			t.Fatalf("%q is read as %v, offset %d, ok %t; wanted %v: %s", text, got, sent, ok, at, message)
		}
	})
}

// TestWordsOfOtherClocks has words and separators that no pattern of the app brings forth, but others' do.
func TestWordsOfOtherClocks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-03-10 7:57:00 μ.μ. +0200":     "2026-03-10T17:57:00Z",
		"2026-03-10 7.57.00 ip. +0200":      "2026-03-10T17:57:00Z",
		"2026-03-10 오후 7:57 +0900":          "2026-03-10T10:57:00Z",
		"2026-03-10 午後0:57:00 +0900":        "2026-03-10T03:57:00Z",
		"2026-03-10 07 h 57 min 05 s -0500": "2026-03-10T12:57:05Z",
		"2026-03-10 07 h 57 -0500":          "2026-03-10T12:57:00Z",
		"2026-03-10, 07:57 GMT+03:00":       "2026-03-10T04:57:00Z",
		"2026-03-10 7:57 pm UTC":            "2026-03-10T19:57:00Z",
		"2026-03-10 12:00 noon":             "2026-03-10T12:00:00Z",
		"2026-03-10 12:00 midnight":         "2026-03-10T00:00:00Z",
		"2026-03-10 清晨5:30 +0800":           "2026-03-09T21:30:00Z",
		"2026-03-10 凌晨1:30 +0800":           "2026-03-09T17:30:00Z",
		"2026-03-10 7:57 in the evening":    "2026-03-10T19:57:00Z",
		"2026-03-10 ٧:٥٧ م \u061c+٠٣٠٠":     "2026-03-10T16:57:00Z",
	} {
		if at, _, ok := fixtureTimes(nil).parse([]byte(text)); !ok || at.String() != want {
			message, _ := fixtureTimes(nil).explain("date", []byte(text))
			t.Errorf("%q is %v, ok %t; wanted %s: %s", text, at, ok, want, message)
		}
	}
}

func TestExplainTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ message, suggestion string }{
		"2026-03-10 7:57:00 vakna +0100": {`"2026-03-10 7:57:00 vakna +0100" has a word that is not known`, "24-Hour Time"},
		"2026-03-10 7:57:00 b +0100":     {`"2026-03-10 7:57:00 b +0100" has a word that is the morning in one language`, "24-Hour Time"},
		"0043-01-22 07:57:00 +0800":      {"is in no known calendar", ""},
		"2017-13-05 07:57:00 +0300":      {"is in no known calendar", "Calendar to Gregorian"},
		"3500-01-05 07:57:00 +0300":      {"is in no known calendar", "Calendar to Gregorian"},
		"2026-02-30 07:57:00 +0300":      {"is a day that does not exist", "Send a time such as"},
		"١٠ مارس ٢٠٢٦":                   {"is not a time", "Calendar to Gregorian, turn on"},
		"yesterday":                      {`is not a time that can be read: "yesterday"`, "Send a time such as"},
	} {
		message, suggestion := fixtureTimes(nil).explain("date", []byte(text))
		_, _, ok := fixtureTimes(nil).parse([]byte(text))
		if want.suggestion == "" { // read as another date
			continue
		}
		if ok || !strings.Contains(message, want.message) || !strings.Contains(suggestion, want.suggestion) {
			t.Errorf("%q: read %t; %s %s", text, ok, message, suggestion)
		}
	}
}

// TestEndlessTime checks that a long text is refused without being read.
func TestEndlessTime(t *testing.T) {
	for _, part := range []string{"٢", "\u200f", "a", "2026-03-10 "} {
		text := []byte(strings.Repeat(part, 1<<20/len(part)))
		var ok bool
		allocations := testing.AllocsPerRun(10, func() { _, _, ok = fixtureTimes(time.UTC).parse(text) })
		if ok || allocations > 1 {
			t.Errorf("a MiB of %q: read %t, %.0f allocations", part, ok, allocations)
		}
		if message, _ := fixtureTimes(nil).explain("date", text); len(message) > 1000 {
			t.Errorf("a message of %d bytes", len(message))
		}
	}
}

// TestUsualTimesDoNotAllocate checks the forms that most bodies have.
func TestUsualTimesDoNotAllocate(t *testing.T) {
	times := fixtureTimes(nil)
	for _, text := range []string{"2026-05-19 07:30:00 -0700", "2026-05-19 07:30:00", "2026-05-19T07:30:00Z"} {
		sent := []byte(text)
		if n := testing.AllocsPerRun(100, func() { times.parse(sent) }); n != 0 {
			t.Errorf("%q takes %.0f allocations", text, n)
		}
	}
}

// TestDayPeriodsAreReadable checks that the parser does not take a part of a word for something else.
func TestDayPeriodsAreReadable(t *testing.T) {
	t.Parallel()
	for word, hours := range dayPeriods {
		if strings.ContainsAny(word, string(chineseDigits)) {
			t.Errorf("%q has a digit", word)
		}
		if before, zone := cutZone([]byte(word)); string(before) != word || len(zone) > 0 {
			t.Errorf("%q is taken for %q and the zone %q", word, before, zone)
		}
		for hour := range 24 {
			hour12, other := hour%12, (hour+12)%24
			if !hours.has(hour) {
				continue
			}
			text := fmt.Sprintf("2026-03-10 %d:30 %s", hour12, word)
			at, _, ok := fixtureTimes(nil).parse([]byte(text))
			if ok == hours.has(other) || ok && at.Time().Hour() != hour {
				t.Errorf("%q is %v, ok %t; wanted %d:30", text, at, ok, hour)
			}
		}
	}
}
