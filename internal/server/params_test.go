package server

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		p := &parameters{values: url.Values{"start": {test.sent}}, zone: zone(t, test.zone)}
		if got := p.time("start"); p.err != nil || got.UTC().Format(time.RFC3339Nano) != test.want {
			t.Errorf("%s in %s is %v (%v), not %s", test.sent, test.zone, got, p.err, test.want)
		}
	}
}

func TestParametersThatAreRefused(t *testing.T) {
	t.Parallel()
	times := []string{"yesterday", "2026-02-31", "2026-3-1", "2026-03-10 06:30", "2026-03-10T25:00:00Z", "1"}
	for name, test := range map[string]struct {
		read func(*parameters)
		sent []string
	}{
		"start":          {func(p *parameters) { p.time("start") }, times},
		"date":           {func(p *parameters) { p.date("date") }, append(times, "2026-03-10T06:30:00Z")},
		"limit":          {func(p *parameters) { p.limit() }, []string{"0", "-1", "ten", "1.5", "99999999999999999999"}},
		"grain":          {func(p *parameters) { p.grain() }, []string{"-1", "hour", "9999999999"}},
		"gaps":           {func(p *parameters) { p.oneOf("gaps", "null") }, []string{"true", "NULL"}},
		"bbox":           {func(p *parameters) { p.box() }, []string{"1,2,3", "1,2,3,4,5", "a,b,c,d", "0,91,1,92", "0,2,1,1", "NaN,0,1,1", "0,0,Inf,1", "-181,0,0,1"}},
		"near":           {func(p *parameters) { p.circle() }, []string{"1,2", "91,0,10", "0,181,10", "0,0,-1", "0,0,NaN", "0,0,1e999"}},
		"metrics":        {func(p *parameters) { p.list("metrics") }, []string{",", "a,", ",a", "a,,b", "a, ,b", "a,a", "a, a"}},
		"units":          {func(p *parameters) { p.pairs("units", "metric:unit") }, []string{"a", "a:", ":b", "a:b,a:c", "a:b,", "a:b,c"}},
		"lag":            {func(p *parameters) { p.integers("lag") }, []string{"..", "1..", "..1", "a", "1.5", "1..2..3", "1...2", "99999999999999999999"}},
		"max_heart_rate": {func(p *parameters) { p.number("max_heart_rate") }, []string{"0", "-1", "NaN", "Inf", "1e999", "x", "0x"}},
		"previous":       {func(p *parameters) { p.flag("previous") }, []string{"1", "TRUE", "yes"}},
		"x":              {func(p *parameters) { p.require("x") }, []string{""}},
		"cursor":         {func(p *parameters) { p.ingestionCursor() }, []string{"x", "!", "AAAA", "AZAAAAAAcACAAAAAAAAAAAAA"}},
	} {
		for _, sent := range test.sent {
			p := &parameters{values: url.Values{name: {sent}}, zone: time.UTC}
			test.read(p)
			if problem.KindOf(p.err) != problem.Invalid {
				t.Errorf("%s=%s is not refused: %v", name, sent, p.err)
			} else if field := problemDetailsOf(p.err, map[string][]string{}).Field; field != name {
				t.Errorf("%s=%s: the field at fault is %q", name, sent, field)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	p := &parameters{values: url.Values{"bbox": {"179.5,-10,-179.5, 10"}, "near": {"52.5,13.4,500"}}}
	wantBox := &health.Box{West: 179.5, South: -10, East: -179.5, North: 10}
	if diff := cmp.Diff(wantBox, p.box()); diff != "" || p.err != nil {
		t.Errorf("box: %v\n%s", p.err, diff)
	}
	wantCircle := &health.Circle{Center: health.Place{Latitude: 52.5, Longitude: 13.4}, Radius: 500}
	if diff := cmp.Diff(wantCircle, p.circle()); diff != "" || p.err != nil {
		t.Errorf("circle: %v\n%s", p.err, diff)
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
		p := &parameters{values: url.Values{"start": {test.start}, "end": {test.end}}, zone: zone(t, "Europe/Berlin")}
		first, last := p.days(now)
		if p.err != nil || first.String() != test.first || last.String() != test.last {
			t.Errorf("%q to %q is %s to %s (%v)", test.start, test.end, first, last, p.err)
		}
	}
}

func TestAbsentParametersAreZero(t *testing.T) {
	t.Parallel()
	p := &parameters{values: url.Values{"start": {""}}, zone: time.UTC}
	_, given := p.date("date")
	if !p.time("start").IsZero() || p.limit() != 0 || p.grain() != nil || p.box() != nil || p.circle() != nil || given || p.err != nil {
		t.Errorf("a parameter that is not there is something (%v)", p.err)
	}
}

func TestListsAndRanges(t *testing.T) {
	t.Parallel()
	p := &parameters{values: url.Values{
		"metrics": {"step_count, heart_rate"}, "units": {"step_count:count,heart_rate:count/min"}, "lag": {"-7..7"}, "one": {"-3"},
		"previous": {"true"}, "not": {"false"}, "max_heart_rate": {"187.5"},
	}}
	metrics, units := p.list("metrics"), p.pairs("units", "metric:unit")
	first, last := p.integers("lag")
	one, same := p.integers("one")
	type all struct {
		Metrics            []string
		Units              map[string]string
		Lags               [4]int
		Previous, Not, Out bool
		Rate               float64
	}
	got := all{metrics, units, [4]int{first, last, one, same}, p.flag("previous"), p.flag("not"), p.flag("absent"), p.number("max_heart_rate")}
	want := all{
		[]string{"step_count", "heart_rate"},
		map[string]string{"step_count": "count", "heart_rate": "count/min"},
		[4]int{-7, 7, -3, -3},
		true, false, false, 187.5,
	}
	if diff := cmp.Diff(want, got); diff != "" || p.err != nil {
		t.Errorf("read (%v, -want +got):\n%s", p.err, diff)
	}
	if p.pairsAreOf("units", units, "metrics", metrics); p.err != nil {
		t.Error(p.err)
	}
	if p.pairsAreOf("units", units, "metrics", metrics[:1]); p.err == nil {
		t.Error("a unit of a metric that was not asked for is passed over")
	}
}
