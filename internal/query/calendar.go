package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// interval is the length of buckets: minutes, days or months, of which exactly one is not 0.
type interval struct {
	minutes, days, months int
}

const bucketsAllowed = "Buckets are a whole number and a unit: minutes and hours that divide a day (1m, 5m, 15m, 30m, 1h, 6h …), " +
	"days (1d to 366d), weeks (1w to 52w), months that divide a year (1mo, 3mo …) or years (1y to 10y)."

func parseInterval(text string) (interval, error) {
	unit := strings.TrimLeft(text, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(text, unit))
	if err == nil && n >= 1 && n <= 1440 {
		switch {
		case unit == "m" && n <= 720 && 1440%n == 0:
			return interval{minutes: n}, nil
		case unit == "h" && n <= 12 && 24%n == 0:
			return interval{minutes: 60 * n}, nil
		case unit == "d" && n <= 366:
			return interval{days: n}, nil
		case unit == "w" && n <= 52:
			return interval{days: 7 * n}, nil
		case unit == "mo" && n <= 6 && 12%n == 0:
			return interval{months: n}, nil
		case unit == "y" && n <= 10:
			return interval{months: 12 * n}, nil
		}
	}
	return interval{}, problem.New(problem.Invalid, "invalid_bucket", bucketsAllowed).In("bucket").
		Allowing("1m", "5m", "15m", "30m", "1h", "6h", "1d", "1w", "1mo", "3mo", "1y")
}

// weekdays are the days on which weeks may begin, from Monday on.
var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// parseWeekStart returns how many days after Monday weeks begin.
func parseWeekStart(name string, b interval) (int, error) {
	if name == "" {
		return 0, nil
	}
	days := slices.Index(weekdays, name)
	if days < 0 || b.days == 0 || b.days%7 != 0 {
		return 0, problem.New(problem.Invalid, "invalid_week_start",
			"Weeks begin on one of "+strings.Join(weekdays, ", ")+"; only buckets of weeks (1w …) have a beginning of the week.").In("week_start").
			Allowing(weekdays...)
	}
	return days, nil
}

// length returns the shortest duration of a bucket.
func (b interval) length() time.Duration {
	const day = 24 * time.Hour
	return time.Duration(b.minutes)*time.Minute + time.Duration(b.days)*day + time.Duration(b.months)*28*day
}

// ofDays reports whether a bucket has several days, which are resolved one by one.
func (b interval) ofDays() bool { return b.days > 1 || b.months > 0 }

// grain returns the grain of summaries as long as the bucket, or GrainUnknown where there are none.
func (b interval) grain() health.Grain {
	switch {
	case b.minutes > 0:
		return health.Grain(60 * b.minutes)
	case b.days == 1:
		return health.GrainDay
	case b.days == 7:
		return health.GrainWeek
	case b.months == 1:
		return health.GrainMonth
	case b.months == 12:
		return health.GrainYear
	default:
		return health.GrainUnknown
	}
}

// calendar divides time into buckets: in a zone or, where zone is nil, in the offset each sample was recorded with.
// Several days or weeks are counted from the first week start after 4 January 1970, several months or years from
// January of year 0.
type calendar struct {
	interval
	zone *time.Location
	// weekStart is how many days after Monday weeks begin.
	weekStart int
}

// bounds are the ends of one bucket of a calendar.
type bounds struct {
	// key identifies the bucket and sorts buckets. It is the instant of the start. Where buckets follow recorded
	// offsets and are longer than an hour it is the local time of the start, so that a day stays one day although its
	// offset changes.
	key        int64
	start, end time.Time
}

// at returns an instant in the calendar's zone, or in the offset where the calendar has no zone.
func (c calendar) at(i health.Instant, offset int32) time.Time {
	if c.zone != nil {
		return i.Time().In(c.zone)
	}
	return i.In(offset)
}

// timeOf returns the time that decides the bucket of a sample: its start, or for a summary of a day or more the
// beginning of its date.
func (c calendar) timeOf(s *health.Sample) time.Time {
	if s.Grain < health.GrainDay {
		return c.at(s.Start, s.Offset)
	}
	return c.midnight(s.LocalDate(), s.Offset)
}

// midnight returns the beginning of a date in the calendar's zone, or in the offset where the calendar has no zone.
func (c calendar) midnight(date health.Date, offset int32) time.Time {
	if c.zone == nil {
		return date.Midnight(offset).In(offset)
	}
	return date.In(c.zone)
}

// bounds returns the bucket that contains t, in the zone of t.
func (c calendar) bounds(t time.Time) bounds {
	start := c.floor(t)
	s := bounds{start: start, end: c.after(start, 1)}
	s.key = start.UnixMicro()
	if c.zone == nil && c.minutes != 0 && c.minutes <= 60 {
		return s
	}
	if c.zone == nil {
		_, offset := start.Zone()
		s.key += int64(offset) * int64(health.Second)
	}
	return s
}

func (c calendar) floor(t time.Time) time.Time {
	year, month, day := t.Date()
	minute := t.Hour()*60 + t.Minute()
	switch {
	case c.minutes > 60:
		return time.Date(year, month, day, 0, minute-minute%c.minutes, 0, 0, t.Location())
	case c.minutes > 0:
		into := time.Duration(minute%c.minutes)*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		return t.Add(-into)
	case c.days > 0:
		const monday = 4 // 1970-01-05
		date := int(health.DateOf(t))
		return health.Date(date - floorMod(date-monday-c.weekStart, c.days)).In(t.Location())
	default:
		months := 12*year + int(month) - 1
		months -= floorMod(months, c.months)
		return firstOf(months).In(t.Location())
	}
}

// after returns the start of the n-th bucket after the one that begins at start.
func (c calendar) after(start time.Time, n int) time.Time {
	year, month, day := start.Date()
	switch {
	case c.minutes > 60:
		return time.Date(year, month, day, 0, start.Hour()*60+start.Minute()+n*c.minutes, 0, 0, start.Location())
	case c.minutes > 0:
		return start.Add(time.Duration(n*c.minutes) * time.Minute)
	case c.days > 0:
		return (health.DateOf(start) + health.Date(n*c.days)).In(start.Location())
	default:
		return firstOf(12*year + int(month) - 1 + n*c.months).In(start.Location())
	}
}

// firstOf returns the first day of a month; months are counted from January of year 0.
func firstOf(months int) health.Date {
	return health.DateOf(time.Date(0, time.Month(1+months), 1, 0, 0, 0, 0, time.UTC))
}

func floorMod(a, b int) int { return (a%b + b) % b }

// bucketFinder finds the buckets of times that come in order: the next one is nearly always in the bucket of the last.
type bucketFinder struct {
	calendar
	last bounds
}

// find is calendar.bounds.
func (f *bucketFinder) find(t time.Time) bounds {
	if t.Before(f.last.start) || !t.Before(f.last.end) || f.zone == nil && !sameOffset(t, f.last.start) {
		f.last = f.bounds(t)
	}
	return f.last
}

func sameOffset(a, b time.Time) bool {
	_, aOffset := a.Zone()
	_, bOffset := b.Zone()
	return aOffset == bOffset
}
