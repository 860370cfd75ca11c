package operation

import (
	"math"
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

// Parameter is one input of an operation.
type Parameter struct {
	Name string
	In   Place
	Kind Kind
	// Doc is its description in the OpenAPI document, in Markdown.
	Doc      string
	Required bool
	// Example is a value that may be sent as it is.
	Example string
	// Default is what holds where it is left out, as text; "" where Doc says so, or where there is none.
	Default string
	// Allowed are the only values of a Choice.
	Allowed []string
	// Pattern is the regular expression of a Text that has a form.
	Pattern string
	// Min and Max bound an Integer or a Number; both are 0 where it has no bounds but those of its kind. The functions
	// that answer check them, since the bounds of a page depend on what it holds.
	Min, Max float64
	// Examples are other values, for the description of the form.
	Examples []string
}

// Place is where a parameter is sent.
type Place int

const (
	InQuery Place = iota
	InPath
)

// Kind is how a parameter is read.
type Kind int

const (
	// Text is any UTF-8 text.
	Text Kind = iota + 1
	// Choice is one of Allowed.
	Choice
	// Flag is true or false.
	Flag
	// Time is an RFC 3339 time, or a date, which stands for the moment at which that day begins for the subject.
	Time
	// Date is a calendar day of the subject.
	Date
	// Duration is a time such as 24h or 90m.
	Duration
	// Limit is how many entries a page may have: a whole number from 1 on.
	Limit
	// Grain is a number of seconds from 0 on.
	Grain
	// Number is a finite number above 0.
	Number
	// Lags is a whole number, or two with two dots between them.
	Lags
	// List is texts separated by commas, each once.
	List
	// Pairs is a List of pairs of texts with a colon between them.
	Pairs
	// Box is west,south,east,north in degrees, the order of GeoJSON (RFC 7946 §5).
	Box
	// Circle is latitude,longitude,radius in degrees and metres.
	Circle
	// ID is a UUID. One that cannot be an id is NotFound, as that of nothing is.
	ID
)

// BadParameter refuses the value of a query parameter; reason goes on after its name. The value itself is not shown.
func BadParameter(name, reason string) error {
	return problem.New(problem.Invalid, "invalid_parameter", "The query parameter "+name+" "+reason+".").In(name)
}

// Values are the parameters of one call, read by their kinds. A parameter that was not sent has the zero value of its
// kind.
type Values struct {
	parsed map[string]any
	zone   *time.Location
}

// Parse reads the parameters of an operation: those in the path from path, the others from query, dates by the given
// zone, which is the subject's. CheckNames has passed query.
func (o *Operation) Parse(path func(name string) string, query url.Values, zone *time.Location) (Values, error) {
	v := Values{parsed: map[string]any{}, zone: zone}
	for i := range o.Parameters {
		if p := &o.Parameters[i]; p.Required && p.In == InQuery && query.Get(p.Name) == "" {
			return Values{}, BadParameter(p.Name, "is missing. Give it a value")
		}
	}
	for i := range o.Parameters {
		p := &o.Parameters[i]
		text := query.Get(p.Name)
		if p.In == InPath {
			if text = path(p.Name); !isText(text) {
				return Values{}, problem.New(problem.NotFound, "not_found", "There is nothing with this name.")
			}
		}
		if text == "" {
			continue
		}
		parsed, err := p.parse(text, zone)
		if err != nil {
			return Values{}, err
		}
		v.parsed[p.Name] = parsed
	}
	return v, nil
}

// CheckNames refuses a query with parameters that the operation does not have, or that are there twice or without a value:
// a filter that is passed over in silence gives a wrong answer that looks right.
func (o *Operation) CheckNames(query url.Values) error {
	for name, sent := range query {
		if !slices.Contains(o.queryNames, name) {
			return problem.New(problem.Invalid, "unknown_parameter",
				"This path does not know one of the query parameters. See what it allows.").In(Printable(name)).Allowing(o.queryNames...)
		}
		if len(sent) > 1 {
			return BadParameter(name, "is given more than once. Give it once")
		}
		if sent[0] == "" {
			return BadParameter(name, "has no value. Give it one, or leave it out")
		}
		if !isText(sent[0]) {
			return BadParameter(name, "is not text. Send it as percent-encoded UTF-8")
		}
	}
	return nil
}

// isText reports whether every store can compare with a text: PostgreSQL refuses one that is not UTF-8 or has a NUL.
func isText(value string) bool { return utf8.ValidString(value) && !strings.Contains(value, "\x00") }

// Printable keeps a name that a client made up short enough to be shown.
func Printable(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return name
}

// parse reads a value by its kind.
func (p *Parameter) parse(text string, zone *time.Location) (any, error) {
	switch p.Kind {
	case Choice, Flag:
		allowed := p.Allowed
		if p.Kind == Flag {
			allowed = []string{"true", "false"}
		}
		if !slices.Contains(allowed, text) {
			return nil, problem.New(problem.Invalid, "invalid_parameter",
				"The query parameter "+p.Name+" is none of the words it may be.").In(p.Name).Allowing(allowed...)
		}
		if p.Kind == Flag {
			return text == "true", nil
		}
	case Time:
		return p.time(text, zone)
	case Date:
		date, err := health.ParseDate(text)
		if err != nil {
			return nil, BadParameter(p.Name, "is not a date such as 2026-03-10")
		}
		return date, nil
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return nil, BadParameter(p.Name, "is not a duration such as 24h or 90m")
		}
		return d, nil
	case Limit:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, BadParameter(p.Name, "is not a whole number from 1 on")
		}
		return n, nil
	case Grain:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, BadParameter(p.Name, "is not a number of seconds: 0 for raw samples, 60, 3600, 86400 …")
		}
		return health.Grain(n), nil
	case Number:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n <= 0 {
			return nil, BadParameter(p.Name, "is not a number above 0")
		}
		return n, nil
	case Lags:
		return p.lags(text)
	case List:
		return p.list(text)
	case Pairs:
		return p.pairs(text)
	case Box:
		return p.box(text)
	case Circle:
		return p.circle(text)
	case ID:
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, problem.New(problem.NotFound, "not_found", "There is nothing with this id.").Because(err)
		}
		return id, nil
	}
	return text, nil
}

// time reads a Time. One before data can be is the earliest that data can have, so that the first moment of year 1 is not
// taken for none.
func (p *Parameter) time(text string, zone *time.Location) (time.Time, error) {
	t, err := time.Time{}, error(nil)
	if date, dateErr := health.ParseDate(text); dateErr == nil {
		t = date.In(zone)
	} else if t, err = time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1)); err != nil {
		// The + of an offset that was not percent-encoded arrives as a blank.
		return time.Time{}, BadParameter(p.Name, "is neither a time such as 2026-03-10T06:30:00Z nor a date such as 2026-03-10")
	}
	if earliest := health.MinInstant.Time(); t.Before(earliest) {
		return earliest.In(t.Location()), nil
	}
	return t, nil
}

func (p *Parameter) lags(text string) ([2]int, error) {
	from, to, several := strings.Cut(text, "..")
	if !several {
		to = from
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil {
		return [2]int{}, BadParameter(p.Name, "is neither a whole number nor a range such as -7..7")
	}
	return [2]int{first, last}, nil
}

func (p *Parameter) list(text string) ([]string, error) {
	words := strings.Split(text, ",")
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
		if words[i] == "" {
			return nil, BadParameter(p.Name, "has an empty entry. Separate the entries by single commas")
		}
		if slices.Contains(words[:i], words[i]) {
			return nil, BadParameter(p.Name, "has the same entry twice")
		}
	}
	return words, nil
}

func (p *Parameter) pairs(text string) (map[string]string, error) {
	words, err := p.list(text)
	if err != nil {
		return nil, err
	}
	pairs := map[string]string{}
	for _, pair := range words {
		key, value, _ := strings.Cut(pair, ":")
		if _, twice := pairs[key]; key == "" || value == "" || twice {
			return nil, BadParameter(p.Name, "is not a list of entries of the form metric:unit, one for each metric")
		}
		pairs[key] = value
	}
	return pairs, nil
}

// numbers reads exactly n finite numbers that are separated by commas.
func (p *Parameter) numbers(text, form string, n int) ([]float64, error) {
	parts := strings.Split(text, ",")
	numbers := make([]float64, len(parts))
	for i, part := range parts {
		number, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
			return nil, BadParameter(p.Name, "is not of the form "+form)
		}
		numbers[i] = number
	}
	if len(numbers) != n {
		return nil, BadParameter(p.Name, "is not of the form "+form)
	}
	return numbers, nil
}

// box reads a Box. One whose west is greater than its east crosses the antimeridian.
func (p *Parameter) box(text string) (*health.Box, error) {
	n, err := p.numbers(text, "west,south,east,north", 4)
	if err != nil {
		return nil, err
	}
	box := health.Box{West: n[0], South: n[1], East: n[2], North: n[3]}
	if !isPlace(box.South, box.West) || !isPlace(box.North, box.East) || box.South > box.North {
		return nil, BadParameter(p.Name, "is not a box on the earth: longitudes go from -180 to 180, latitudes from -90 to 90, the southern one first")
	}
	return &box, nil
}

func (p *Parameter) circle(text string) (*health.Circle, error) {
	n, err := p.numbers(text, "latitude,longitude,radius_in_metres", 3)
	if err != nil {
		return nil, err
	}
	if !isPlace(n[0], n[1]) || n[2] < 0 {
		return nil, BadParameter(p.Name, "is not a circle on the earth: latitudes go from -90 to 90, longitudes from -180 to 180, the radius from 0")
	}
	return &health.Circle{Center: health.Place{Latitude: n[0], Longitude: n[1]}, Radius: n[2]}, nil
}

func isPlace(latitude, longitude float64) bool {
	return math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180
}
