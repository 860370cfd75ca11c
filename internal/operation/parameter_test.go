package operation

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// parse reads the values of query parameters.
func parse(t *testing.T, in *time.Location, sent map[string]string, parameters ...Parameter) (Values, error) {
	t.Helper()
	table, err := newTable([]Operation{{Name: "test", Method: get, Path: "/test", Lens: NoData, Parameters: parameters}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{}
	for name, value := range sent {
		query.Set(name, value)
	}
	return table.Find("test").Parse(nil, query, in)
}

func TestTimeParameter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ zone, sent, want string }{
		{"Europe/Berlin", "2026-03-10", "2026-03-09T23:00:00Z"},
		{"Europe/Berlin", "2026-07-10", "2026-07-09T22:00:00Z"},
		{"", "2026-03-10", "2026-03-10T00:00:00Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, // midnight did not exist
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},      // the day did not exist
		{"Europe/Berlin", "2026-03-10T06:30:00Z", "2026-03-10T06:30:00Z"},
		{"Europe/Berlin", "2026-03-10T06:30:00.25-05:00", "2026-03-10T11:30:00.25Z"},
		{"Europe/Berlin", "2026-03-10T06:30:00 02:00", "2026-03-10T04:30:00Z"}, // + not percent-encoded
		{"", "0001-01-01", "1900-01-01T00:00:00Z"},                             // not the zero time, which is none
		{"Europe/Berlin", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z"},
	} {
		v, err := parse(t, zone(t, test.zone), map[string]string{"start": test.sent}, start)
		if got := v.Time("start"); err != nil || got.UTC().Format(time.RFC3339Nano) != test.want {
			t.Errorf("%s in %s is %v (%v), not %s", test.sent, test.zone, got, err, test.want)
		}
	}
}

func TestParametersThatAreRefused(t *testing.T) {
	t.Parallel()
	times := []string{"yesterday", "2026-02-31", "2026-3-1", "2026-03-10 06:30", "2026-03-10T25:00:00Z", "1"}
	for kind, sent := range map[Kind][]string{
		Time:     times,
		Date:     append(times, "2026-03-10T06:30:00Z"),
		Limit:    {"0", "-1", "ten", "1.5", "99999999999999999999"},
		Grain:    {"-1", "hour", "9999999999"},
		Choice:   {"true", "NULL"},
		Flag:     {"1", "TRUE", "yes"},
		Duration: {"-1h", "1", "day"},
		Box:      {"1,2,3", "1,2,3,4,5", "a,b,c,d", "0,91,1,92", "0,2,1,1", "NaN,0,1,1", "0,0,Inf,1", "-181,0,0,1"},
		Circle:   {"1,2", "91,0,10", "0,181,10", "0,0,-1", "0,0,NaN", "0,0,1e999"},
		List:     {",", "a,", ",a", "a,,b", "a, ,b", "a,a", "a, a"},
		Pairs:    {"a", "a:", ":b", "a:b,a:c", "a:b,", "a:b,c"},
		Lags:     {"..", "1..", "..1", "a", "1.5", "1..2..3", "1...2", "99999999999999999999"},
		Number:   {"0", "-1", "NaN", "Inf", "1e999", "x", "0x"},
	} {
		for _, text := range sent {
			_, err := parse(t, time.UTC, map[string]string{"x": text}, Parameter{Name: "x", Kind: kind, Allowed: []string{"null"}})
			known, _ := errors.AsType[*problem.Error](err)
			if problem.KindOf(err) != problem.Invalid || known.Field != "x" {
				t.Errorf("kind %d: %s is not refused: %v", kind, text, err)
			}
		}
	}
	if _, err := parse(t, time.UTC, nil, Parameter{Name: "x", Kind: Text, Required: true}); problem.KindOf(err) != problem.Invalid {
		t.Errorf("a required parameter is missing: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	v, err := parse(t, time.UTC, map[string]string{"bbox": "179.5,-10,-179.5, 10", "near": "52.5,13.4,500"},
		Parameter{Name: "bbox", Kind: Box}, Parameter{Name: "near", Kind: Circle})
	wantBox := &health.Box{West: 179.5, South: -10, East: -179.5, North: 10}
	if diff := cmp.Diff(wantBox, v.Box("bbox")); diff != "" || err != nil {
		t.Errorf("box: %v\n%s", err, diff)
	}
	wantCircle := &health.Circle{Center: health.Place{Latitude: 52.5, Longitude: 13.4}, Radius: 500}
	if diff := cmp.Diff(wantCircle, v.Circle("near")); diff != "" {
		t.Errorf("circle:\n%s", diff)
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 23, 30, 0, 0, time.UTC) // the 10th in Berlin
	for _, test := range []struct{ start, end, first, last string }{
		{"", "", "2026-03-10", "2026-03-10"},
		{"2026-03-01", "", "2026-03-01", "2026-03-10"},
		{"", "2026-03-05", "2026-03-05", "2026-03-05"},
		{"2026-03-01", "2026-03-05", "2026-03-01", "2026-03-05"},
		{"2026-04-01", "", "2026-04-01", "2026-04-01"},
	} {
		v, err := parse(t, zone(t, "Europe/Berlin"), map[string]string{"start": test.start, "end": test.end}, firstDay, lastDay)
		first, last := v.Days(now)
		if err != nil || first.String() != test.first || last.String() != test.last {
			t.Errorf("%q to %q is %s to %s (%v)", test.start, test.end, first, last, err)
		}
	}
}

func TestAbsentParametersAreZero(t *testing.T) {
	t.Parallel()
	v, err := parse(t, time.UTC, map[string]string{"start": ""}, start, Parameter{Name: "date", Kind: Date})
	_, sent := v.Date("date")
	if !v.Time("start").IsZero() || v.Limit() != 0 || v.Grain("grain") != nil || v.Box("bbox") != nil || v.Circle("near") != nil || sent || err != nil {
		t.Errorf("a parameter that is not there is something (%v)", err)
	}
}

func TestListsAndRanges(t *testing.T) {
	t.Parallel()
	v, err := parse(t, time.UTC, map[string]string{
		"metrics": "step_count, heart_rate", "units": "step_count:count,heart_rate:count/min", "lag": "-7..7", "one": "-3",
		"previous": "true", "not": "false", "rate": "187.5", "grace": "90m",
	},
		Parameter{Name: "metrics", Kind: List}, Parameter{Name: "units", Kind: Pairs}, Parameter{Name: "lag", Kind: Lags},
		Parameter{Name: "one", Kind: Lags}, Parameter{Name: "previous", Kind: Flag}, Parameter{Name: "not", Kind: Flag},
		Parameter{Name: "rate", Kind: Number}, Parameter{Name: "grace", Kind: Duration})
	first, last := v.Lags("lag")
	one, same := v.Lags("one")
	type all struct {
		Metrics            []string
		Units              map[string]string
		Lags               [4]int
		Previous, Not, Out bool
		Rate               float64
		Grace              time.Duration
	}
	got := all{
		v.List("metrics"), v.Pairs("units"),
		[4]int{first, last, one, same},
		v.Flag("previous"), v.Flag("not"), v.Flag("absent"),
		v.Number("rate"), v.Duration("grace"),
	}
	want := all{
		[]string{"step_count", "heart_rate"},
		map[string]string{"step_count": "count", "heart_rate": "count/min"},
		[4]int{-7, 7, -3, -3},
		true, false, false, 187.5, 90 * time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("read (%v, -want +got):\n%s", err, diff)
	}
}

func TestUnitsOfMetricsThatAreNotAskedFor(t *testing.T) {
	t.Parallel()
	o := table(t).Find("listSeries")
	v, err := o.Parse(nil, url.Values{"metrics": {"step_count"}, "units": {"heart_rate:count/min"}}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Run(context.Background(), Access{Subject: account.User{}}, v); problem.KindOf(err) != problem.Invalid {
		t.Errorf("a unit of a metric that was not asked for is passed over: %v", err)
	}
}

// Two calls that mean the same have one entry in the cache, others have others.
func TestDetailsTellCallsApart(t *testing.T) {
	t.Parallel()
	parameters := []Parameter{{Name: "bbox", Kind: Box}, {Name: "near", Kind: Circle}, {Name: "date", Kind: Date}, {Name: "metrics", Kind: List}}
	key := func(sent map[string]string) string {
		v, err := parse(t, time.UTC, sent, parameters...)
		if err != nil {
			t.Fatal(err)
		}
		return cacheQuery(v.details(), "UTC")
	}
	base := map[string]string{"bbox": "1,2,3,4", "near": "1,2,3", "date": "2026-03-10", "metrics": "a,b"}
	if key(base) != key(map[string]string{"metrics": "a, b", "date": "2026-03-10", "near": "1.0,2,3", "bbox": "1,2,3,4.0"}) {
		t.Error("two calls that mean the same have two entries")
	}
	for name, other := range map[string]string{"bbox": "1,2,3,5", "near": "1,2,4", "date": "2026-03-11", "metrics": "ab"} {
		sent := map[string]string{"bbox": "1,2,3,4", "near": "1,2,3", "date": "2026-03-10", "metrics": "a,b"}
		sent[name] = other
		if key(sent) == key(base) {
			t.Errorf("another %s has the same entry", name)
		}
	}
}
