package server

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// knownParameters refuses a query that cannot be read, that has a parameter the route does not know, or that has one
// twice or without a value: a filter that is passed over in silence gives a wrong answer that looks right.
func knownParameters(query string, known []string) error {
	if query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return problem.New(problem.Invalid, "invalid_query", "The query cannot be read. Percent-encode what is special in URLs.").Because(err)
	}
	for name, sent := range values {
		if !slices.Contains(known, name) {
			return problem.New(problem.Invalid, "unknown_parameter",
				"This path does not know one of the query parameters. See what it allows.").In(printable(name)).Allowing(known...)
		}
		if len(sent) > 1 {
			return badParameter(name, "is given more than once. Give it once")
		}
		if sent[0] == "" {
			return badParameter(name, "has no value. Give it one, or leave it out")
		}
		if !isText(sent[0]) {
			return badParameter(name, "is not text. Send it as percent-encoded UTF-8")
		}
	}
	return nil
}

// isText reports whether every store can compare with a text: PostgreSQL refuses one that is not UTF-8 or has a NUL.
func isText(value string) bool { return utf8.ValidString(value) && !strings.Contains(value, "\x00") }

// printable keeps a name that a client made up short enough to be shown.
func printable(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return name
}

// badParameter refuses the value of a query parameter; problem goes on after its name. The value itself is not shown.
func badParameter(name, reason string) error {
	return problem.New(problem.Invalid, "invalid_parameter", "The query parameter "+name+" "+reason+".").In(name)
}

// parameters reads the query parameters of a request. A parameter that is absent is the zero value. After the
// first one that is at fault, err is set and the others do not matter.
type parameters struct {
	values url.Values
	zone   *time.Location // of the user, for dates
	err    error
}

func parametersOf(r *http.Request) *parameters {
	return &parameters{values: r.URL.Query(), zone: actorOf(r).User.Location()}
}

func (p *parameters) text(name string) string { return p.values.Get(name) }

func (p *parameters) refuse(name, reason string) {
	p.err = cmp.Or(p.err, badParameter(name, reason))
}

// time reads an instant as RFC 3339, or a date, which stands for the moment at which that day begins for the user. One
// before data can be is the earliest that data can have, so that the first moment of year 1 is not taken for none.
func (p *parameters) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	if date, err := health.ParseDate(text); err == nil {
		return clampToEarliest(date.In(p.zone))
	}
	// The + of an offset that was not percent-encoded arrives as a blank.
	t, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil {
		p.refuse(name, "is neither a time such as 2026-03-10T06:30:00Z nor a date such as 2026-03-10")
		return time.Time{}
	}
	return clampToEarliest(t)
}

func clampToEarliest(t time.Time) time.Time {
	if earliest := health.MinInstant.Time(); t.Before(earliest) {
		return earliest.In(t.Location())
	}
	return t
}

// date reads a calendar day.
func (p *parameters) date(name string) (date health.Date, given bool) {
	text := p.text(name)
	if text == "" {
		return 0, false
	}
	date, err := health.ParseDate(text)
	if err != nil {
		p.refuse(name, "is not a date such as 2026-03-10")
	}
	return date, true
}

// days reads the range of calendar days from start to end, both included. One that is left out is today; both may be.
func (p *parameters) days(now time.Time) (first, last health.Date) {
	today := health.DateOf(now.In(p.zone))
	first, haveFirst := p.date("start")
	last, haveLast := p.date("end")
	if !haveLast {
		last = max(today, first)
	}
	if !haveFirst {
		first = last
	}
	return first, last
}

// limit reads how many entries a page may have; 0 where it is not given.
func (p *parameters) limit() int {
	text := p.text("limit")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		p.refuse("limit", "is not a whole number from 1 on")
	}
	return n
}

// duration reads a time such as 24h or 90m; 0 where it is not given.
func (p *parameters) duration(name string) time.Duration {
	text := p.text(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		p.refuse(name, "is not a duration such as 24h or 90m")
	}
	return d
}

// grain reads how many seconds a sample summarises; nil where it is not given.
func (p *parameters) grain() *health.Grain {
	text := p.text("grain")
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		p.refuse("grain", "is not a number of seconds: 0 for raw samples, 60, 3600, 86400 …")
	}
	grain := health.Grain(n)
	return &grain
}

// oneOf reads a word; "" where it is not given.
func (p *parameters) oneOf(name string, allowed ...string) string {
	text := p.text(name)
	if text != "" && !slices.Contains(allowed, text) && p.err == nil {
		p.err = problem.New(problem.Invalid, "invalid_parameter",
			"The query parameter "+name+" is none of the words it may be.").In(name).Allowing(allowed...)
	}
	return text
}

// numbers reads exactly n finite numbers that are separated by commas; nil where the parameter is not given.
func (p *parameters) numbers(name, form string, n int) []float64 {
	text := p.text(name)
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	numbers := make([]float64, len(parts))
	for i, part := range parts {
		number, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
			p.refuse(name, "is not of the form "+form)
			return nil
		}
		numbers[i] = number
	}
	if len(numbers) != n {
		p.refuse(name, "is not of the form "+form)
		return nil
	}
	return numbers
}

// box reads bbox=west,south,east,north in degrees, the order of GeoJSON (RFC 7946 §5). A box whose west is greater
// than its east crosses the antimeridian.
func (p *parameters) box() *health.Box {
	n := p.numbers("bbox", "west,south,east,north", 4)
	if n == nil {
		return nil
	}
	box := health.Box{West: n[0], South: n[1], East: n[2], North: n[3]}
	if !isPlace(box.South, box.West) || !isPlace(box.North, box.East) || box.South > box.North {
		p.refuse("bbox", "is not a box on the earth: longitudes go from -180 to 180, latitudes from -90 to 90, the southern one first")
	}
	return &box
}

// circle reads near=latitude,longitude,radius in degrees and metres.
func (p *parameters) circle() *health.Circle {
	n := p.numbers("near", "latitude,longitude,radius_in_metres", 3)
	if n == nil {
		return nil
	}
	if !isPlace(n[0], n[1]) || n[2] < 0 {
		p.refuse("near", "is not a circle on the earth: latitudes go from -90 to 90, longitudes from -180 to 180, the radius from 0")
	}
	return &health.Circle{Center: health.Place{Latitude: n[0], Longitude: n[1]}, Radius: n[2]}
}

func isPlace(latitude, longitude float64) bool {
	return math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180
}

// pathID reads the id in a path. One that cannot be an id is that of nothing.
func pathID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, problem.New(problem.NotFound, "not_found", "There is nothing with this id.").Because(err)
	}
	return id, nil
}
