package server

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
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
		"start":  {func(p *parameters) { p.time("start") }, times},
		"date":   {func(p *parameters) { p.date("date") }, append(times, "2026-03-10T06:30:00Z")},
		"limit":  {func(p *parameters) { p.limit() }, []string{"0", "-1", "ten", "1.5", "99999999999999999999"}},
		"grain":  {func(p *parameters) { p.grain() }, []string{"-1", "hour", "9999999999"}},
		"gaps":   {func(p *parameters) { p.oneOf("gaps", "null") }, []string{"true", "NULL"}},
		"bbox":   {func(p *parameters) { p.box() }, []string{"1,2,3", "1,2,3,4,5", "a,b,c,d", "0,91,1,92", "0,2,1,1", "NaN,0,1,1", "0,0,Inf,1", "-181,0,0,1"}},
		"near":   {func(p *parameters) { p.circle() }, []string{"1,2", "91,0,10", "0,181,10", "0,0,-1", "0,0,NaN", "0,0,1e999"}},
		"cursor": {func(p *parameters) { p.ingestionCursor() }, []string{"x", "!", "AAAA", "AZAAAAAAcACAAAAAAAAAAAAA"}},
	} {
		for _, sent := range test.sent {
			p := &parameters{values: url.Values{name: {sent}}, zone: time.UTC}
			test.read(p)
			if health.KindOf(p.err) != health.Invalid {
				t.Errorf("%s=%s is not refused: %v", name, sent, p.err)
			} else if field := problemOf(p.err, map[string][]string{}).Field; field != name {
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
