package format

import (
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// readTable returns the cells of a table of testdata/dates, which ICU made: the library that phones format times with.
func readTable(tb testing.TB, name string) (rows [][]string) {
	tb.Helper()
	for line := range strings.Lines(string(readFixture(tb, "testdata/dates", name))) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(strings.TrimSpace(line), "\t"))
		}
	}
	return rows
}

// TestTimesOfEveryLocale reads what ICU writes in each of its locales, with the calendar, digits and words of that.
func TestTimesOfEveryLocale(t *testing.T) {
	t.Parallel()
	for _, row := range readTable(t, "locales.tsv") {
		text, want, locale := row[0], row[1], row[2]
		at, offset, ok := fixtureTimes(nil).parse([]byte(text))
		if _, fault := fixtureTimes(nil).parseWallTime([]byte(text)); locale == "fur" && fault == ambiguousWordFault {
			continue // "a." is the morning in Friulian, and in Basque the afternoon
		}
		if !ok || at.String() != want || offset != 3*3600 {
			message, _ := fixtureTimes(nil).explain("date", []byte(text))
			t.Errorf("%s: %q is %v, offset %d, ok %t; wanted %s: %s", locale, text, at, offset, ok, want, message)
		}
	}
}

func TestDatesOfEveryCalendar(t *testing.T) {
	t.Parallel()
	for _, row := range readTable(t, "calendars.tsv") {
		name, text, want := row[0], row[1], row[2]
		d, _, ok := readWrittenDate([]byte(text))
		if !ok {
			t.Fatalf("%s: %q is not a date", name, text)
		}
		date := d.era
		if date == nil {
			date = calendarsByName[name]
		}
		got, ok := date(d.year, d.month, d.day)
		if !ok || got.String() != want {
			t.Errorf("%s: %s is %v, ok %t; wanted %s", name, text, got, ok, want)
		}
	}
}

var calendarsByName = map[string]func(year, month, day int) (health.Date, bool){
	"buddhist": calendars[0].date, "roc": republic, "persian": persianDate, "islamic-umalqura": ummAlQuraDate,
	"islamic-civil": islamicCivilDate, "indian": sakaDate, "coptic": copticDate, "ethiopic-amete-alem": dateIn(ethiopic),
	"hebrew": hebrewDate,
}

func dateIn(family calendarFamily) func(year, month, day int) (health.Date, bool) {
	for _, c := range calendars {
		if c.family == family {
			return c.date
		}
	}
	return nil
}

// TestUmmAlQuraNearCivil checks the table against the calendar by rule, from which no published month begins more than two
// days apart.
func TestUmmAlQuraNearCivil(t *testing.T) {
	t.Parallel()
	for year := ummAlQuraFirst; year < ummAlQuraFirst+len(ummAlQuraLong); year++ {
		for month := 1; month <= 12; month++ {
			published, ok := ummAlQuraDate(year, month, 1)
			ruled, ruledOK := islamicCivilDate(year, month, 1)
			if !ok || !ruledOK || published < ruled-2 || published > ruled+2 {
				t.Errorf("month %d of %d begins on %v, by rule on %v", month, year, published, ruled)
			}
		}
	}
}

// TestNowruz checks the first days of Persian years that are known from the equinox.
func TestNowruz(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{
		1357: "1978-03-21", 1375: "1996-03-20", 1376: "1997-03-21", 1399: "2020-03-20", 1400: "2021-03-21", 1403: "2024-03-20",
		1404: "2025-03-21", 1405: "2026-03-21", 1408: "2029-03-20", 1409: "2030-03-21",
	} {
		if got, ok := persianDate(year, 1, 1); !ok || got.String() != want {
			t.Errorf("1 Farvardin %d is %v, ok %t; wanted %s", year, got, ok, want)
		}
	}
	if _, ok := persianDate(1404, 12, 30); ok {
		t.Error("1404 is taken for a leap year")
	}
}

// TestCalendarsCountDays checks that the dates of each calendar follow each other without a gap.
func TestCalendarsCountDays(t *testing.T) {
	t.Parallel()
	for name, years := range map[string][2]int{
		"buddhist": {2450, 2600}, "roc": {1, 130}, "persian": {1278, 1500}, "islamic-umalqura": {1317, 1500}, "islamic-civil": {1317, 1500},
		"indian": {1822, 2000}, "coptic": {1616, 1800}, "ethiopic-amete-alem": {7392, 7550}, "hebrew": {5660, 5860},
	} {
		var previous health.Date
		for year := years[0]; year <= years[1]; year++ {
			for month := 1; month <= 13; month++ {
				for day := 1; day <= 31; day++ {
					date, ok := calendarsByName[name](year, month, day)
					if ok && previous != 0 && date != previous+1 {
						t.Fatalf("%s: %d-%d-%d is %v, the day before is %v", name, year, month, day, date, previous)
					}
					if ok {
						previous = date
					}
				}
			}
		}
	}
}

// TestWhichCalendar has the dates of which the year alone does not say the calendar.
func TestWhichCalendar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why   string
		texts []string // of one body
		want  string   // the last of them; "" where it is refused
	}{
		{"a recent Persian year, not an Islamic one of 1984", []string{"1404-12-19 10:00:00 +0330"}, "2026-03-10"},
		{"Islamic, since the body has a year that is no Persian one yet", []string{"1447-09-21 10:00:00 +0300", "1405-01-01 10:00:00 +0300"}, "1984-09-26"},
		{"a year that is no Persian one yet", []string{"1447-09-21 10:00:00 +0300"}, "2026-03-10"},
		{"a month of 30 days by rule, of 29 as published", []string{"1447-12-30 10:00:00 +0300"}, "2026-06-16"},
		{"the current era", []string{"0008-03-10 10:00:00 +0900"}, "2026-03-10"},
		{"the era before, since the year of the current one has not come", []string{"0009-03-10 10:00:00 +0900"}, "1997-03-10"},
		{"the last year of an era", []string{"0031-04-30 10:00:00 +0900"}, "2019-04-30"},
		{"the first year of an era", []string{"0001-05-01 10:00:00 +0900"}, "2019-05-01"},
		{"an era by name", []string{"平成元年1月8日 10:00:00 +0900"}, "1989-01-08"},
		{"an era by letter", []string{"R8-03-10 10:00:00 +0900"}, "2026-03-10"},
		{"an era by name, in characters", []string{"令和8年3月10日 午前10:00:00"}, "2026-03-10"},
		{"the Republic of China", []string{"0115-03-10 10:00:00 +0800"}, "2026-03-10"},
		{"the Republic of China by name", []string{"民國115年3月10日 10:00"}, "2026-03-10"},
		{"India's calendar", []string{"1947-12-19 10:00:00 +0530"}, "2026-03-10"},
		{"not India", []string{"1947-12-19 10:00:00 +0100"}, "1947-12-19"},
		{"India, in a body with Gregorian dates", []string{"2026-03-10 10:00:00 +0530", "1947-12-19 10:00:00 +0530"}, "1947-12-19"},
		{"the Buddhist year", []string{"2569-03-10 10:00:00 +0700"}, "2026-03-10"},
		{"the Hebrew year", []string{"5786-06-21 10:00:00 +0200"}, "2026-03-10"},
		{"the Coptic year", []string{"1742-07-01 10:00:00 +0200"}, "2026-03-10"},
		{"an Ethiopic year from the creation of the world", []string{"7518-07-01 10:00:00 +0300"}, "2026-03-10"},
		{"the thirteenth month of Ethiopia", []string{"2017-13-05 10:00:00 +0300"}, ""},
		{"what programs write for no date", []string{"0001-01-01T00:00:00Z"}, ""},
		{"what spreadsheets write for no date", []string{"1899-12-30 00:00:00"}, ""},
		{"a year of no calendar", []string{"0500-01-01 00:00:00"}, ""},
		{"the end of the calendar", []string{"9999-12-31 00:00:00"}, ""},
		{"the first day", []string{"1900-01-01 00:00:00 +0000"}, "1900-01-01"},
	} {
		times := fixtureTimes(nil)
		var got string
		for _, text := range c.texts {
			got = ""
			if at, offset, ok := times.parse([]byte(text)); ok {
				got = at.In(offset).Format(time.DateOnly)
			}
		}
		if got != c.want {
			t.Errorf("%s: %v is %q; wanted %q", c.why, c.texts, got, c.want)
		}
	}
}
