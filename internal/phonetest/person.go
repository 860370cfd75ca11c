package phonetest

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Person is the truth about somebody for some days: where they were, and all that their devices and hands recorded.
type Person struct {
	// Start and End are the first and the last midnight at home.
	Start, End time.Time
	// Stays are the zones they were in, the first from ever on.
	Stays   []Stay
	Metrics []Metric
	Kit     *HealthKit
	// otherUnits and twelveHours are as in Habits.
	otherUnits, twelveHours bool
}

// Stay is a zone from a time on.
type Stay struct {
	From time.Time
	Zone *time.Location
}

// ZoneAt returns the zone the phone is in at a time.
func (p *Person) ZoneAt(t time.Time) *time.Location {
	zone := p.Stays[0].Zone
	for _, stay := range p.Stays {
		if !stay.From.After(t) {
			zone = stay.Zone
		}
	}
	return zone
}

// Home is the zone that the person's account has.
func (p *Person) Home() *time.Location { return p.Stays[0].Zone }

// the first days of some weeks, of which some have a change of the clocks.
var beginnings = []struct{ zone, date string }{
	{"Europe/Berlin", "2026-03-26"}, // clocks go forward on the 29th
	{"Europe/Berlin", "2025-10-23"}, // and back on the 26th
	{"America/New_York", "2026-03-05"},
	{"America/New_York", "2025-10-30"},
	{"Australia/Sydney", "2026-04-02"},
	{"Africa/Cairo", "2026-04-21"}, // clocks go forward at midnight of the 24th
	{"Europe/Berlin", "2026-05-11"},
	{"America/Los_Angeles", "2026-06-15"},
	{"Asia/Kolkata", "2026-02-02"},
	{"Asia/Kathmandu", "2026-02-09"},
	{"Pacific/Auckland", "2026-07-06"},
	{"UTC", "2026-01-12"},
}

var destinations = []string{"Asia/Tokyo", "America/New_York", "Europe/London", "Asia/Kolkata", "Pacific/Honolulu"}

// life makes the samples of a person, day by day.
type life struct {
	*rand.Rand
	person              *Person
	watch, phone, hand  *Source
	samples             map[string][]Sample
	lateFrom, lateUntil time.Time // the watch is away from the phone
	rested              time.Time // until when what is measured all day has been made
}

// Habits are what a plan chooses of a person; the rest is drawn by the seed.
type Habits struct {
	Metrics []string
	Days    int
	// Travels, SyncsLate, Corrects and Condenses say whether the person travels, the watch is sometimes synchronised hours
	// late, entries are changed and deleted, and HealthKit condenses workouts after some days.
	Travels, SyncsLate, Corrects, Condenses bool
	// FreeNames gives the watch and the phone names that do not say what they are.
	FreeNames bool
	// OtherUnits and TwelveHours are settings of the phone: energy in kJ, distance in miles and mass in pounds, and times of
	// the day from 1 to 12.
	OtherUnits, TwelveHours bool
	Inflation               float64
}

// NewPerson makes up a person.
func NewPerson(random *rand.Rand, habits Habits) *Person {
	begin := beginnings[random.IntN(len(beginnings))]
	home := mustZone(begin.zone)
	date, err := time.Parse(time.DateOnly, begin.date)
	if err != nil {
		panic(err)
	}
	p := &Person{
		Start:      dayStart(date.Year(), date.Month(), date.Day(), home),
		End:        dayStart(date.Year(), date.Month(), date.Day()+habits.Days, home),
		Stays:      []Stay{{Zone: home}},
		otherUnits: habits.OtherUnits, twelveHours: habits.TwelveHours,
	}
	for _, name := range habits.Metrics {
		if metric, ok := MetricNamed(name); ok {
			p.Metrics = append(p.Metrics, metric)
		}
	}
	l := &life{
		Rand: random, person: p, samples: map[string][]Sample{},
		watch: &Source{Name: "Anna’s Apple Watch", Model: "Watch", Hardware: "Watch6,6", Priority: 1},
		phone: &Source{Name: "Anna’s iPhone", Model: "iPhone", Hardware: "iPhone14,5", Priority: 2},
		hand:  &Source{Name: "Health", Priority: 3},
	}
	if habits.FreeNames {
		l.watch.Name, l.phone.Name = "Blue", "Anna"
	}
	if habits.Travels {
		l.travel()
	}
	for day := range habits.Days {
		l.day(day, habits)
	}
	l.tidy()
	if habits.Condenses {
		l.condense()
	}
	p.Kit = NewHealthKit(l.samples, habits.Inflation)
	return p
}

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func (l *life) chance(p float64) bool { return l.Float64() < p }

// within returns a random duration up to max.
func (l *life) within(maximum time.Duration) time.Duration {
	return time.Duration(l.Int64N(int64(maximum)))
}

func (l *life) between(from, to float64) float64 { return from + l.Float64()*(to-from) }

func (l *life) travel() {
	p := l.person
	away := p.Start.Add(36*time.Hour + l.within(48*time.Hour)).Truncate(time.Minute)
	p.Stays = append(p.Stays, Stay{away, mustZone(destinations[l.IntN(len(destinations))])})
	if l.chance(0.5) {
		p.Stays = append(p.Stays, Stay{away.Add(24*time.Hour + l.within(36*time.Hour)).Truncate(time.Minute), p.Home()})
	}
}

// day adds the samples of a day.
func (l *life) day(n int, habits Habits) {
	p := l.person
	noon := p.Start.AddDate(0, 0, n).Add(12 * time.Hour)
	zone := p.ZoneAt(noon)
	y, m, d := noon.In(zone).Date()
	midnight := dayStart(y, m, d, zone)
	wakes := midnight.Add(6*time.Hour + l.within(2*time.Hour))
	sleeps := midnight.Add(22*time.Hour + l.within(90*time.Minute))
	if l.chance(0.2) {
		sleeps = midnight.Add(24*time.Hour + l.within(time.Hour)) // out late
	}
	l.lateFrom, l.lateUntil = time.Time{}, time.Time{}
	if habits.SyncsLate && l.chance(0.5) {
		l.lateFrom = wakes.Add(l.within(10 * time.Hour))
		l.lateUntil = l.lateFrom.Add(2*time.Hour + l.within(8*time.Hour))
	}
	l.bouts(wakes, sleeps)
	if l.chance(0.5) {
		start := wakes.Add(9*time.Hour + l.within(3*time.Hour)).Truncate(time.Second)
		l.workout(start, start.Add(15*time.Minute+l.within(15*time.Minute)).Truncate(time.Second))
	}
	l.rest(midnight)
	l.entries(midnight, wakes, habits.Corrects)
}

// add adds a sample, and when the phone has it.
func (l *life) add(metric string, source *Source, start, end time.Time, value float64) {
	synced := end.Add(2 * time.Second)
	if source == l.watch {
		synced = end.Add(20*time.Second + l.within(4*time.Minute))
		if !end.Before(l.lateFrom) && synced.Before(l.lateUntil) {
			synced = l.lateUntil
		}
	}
	l.samples[metric] = append(l.samples[metric], Sample{Source: source, Start: start, End: end, Value: value, Synced: synced})
}

// has says whether the person records a metric.
func (l *life) has(metric string) bool {
	return slices.ContainsFunc(l.person.Metrics, func(m Metric) bool { return m.Name == metric })
}

// bouts adds the walks between two times, as the watch and the phone count them.
func (l *life) bouts(from, to time.Time) {
	for t := from; t.Before(to); t = t.Add(20*time.Minute + l.within(3*time.Hour)) {
		end := t.Add(2*time.Minute + l.within(18*time.Minute))
		worn, carried := l.chance(0.9), l.chance(0.7)
		if worn || !carried {
			l.walk(l.watch, t.Truncate(time.Second), end, 1)
		}
		if carried {
			begin := t.Add(l.within(2*time.Minute) - time.Minute).Truncate(time.Second)
			l.walk(l.phone, begin, end.Add(l.within(3*time.Minute)), l.between(0.7, 1.2))
		}
		t = end
	}
}

// walk adds the samples of one device in a walk.
func (l *life) walk(source *Source, from, to time.Time, factor float64) {
	for from.Before(to) {
		end := from.Add(time.Minute + l.within(8*time.Minute)).Truncate(time.Second)
		steps := math.Round(end.Sub(from).Minutes() * l.between(85, 115) * factor)
		l.walked(source, from, end, steps)
		from = end.Add(time.Duration(l.IntN(3)) * 5 * time.Second)
	}
}

func (l *life) walked(source *Source, from, to time.Time, steps float64) {
	if l.has("step_count") {
		l.add("step_count", source, from, to, steps)
	}
	if l.has("walking_running_distance") {
		l.add("walking_running_distance", source, from, to, round(steps*0.0007, 4))
	}
	if l.has("active_energy") {
		l.add("active_energy", source, from, to, round(steps*0.04, 3))
	}
	if l.has("flights_climbed") && l.chance(0.15) {
		l.add("flights_climbed", source, from, to, float64(1+l.IntN(2)))
	}
}

// workout adds a run: many short samples of the watch.
func (l *life) workout(from, to time.Time) {
	for t := from; t.Before(to); t = t.Add(20 * time.Second) {
		l.walked(l.watch, t, t.Add(20*time.Second), float64(48+l.IntN(8)))
	}
	if !l.has("heart_rate") {
		return
	}
	for t := from; t.Before(to); t = t.Add(5 * time.Second) {
		l.add("heart_rate", l.watch, t, t, float64(125+l.IntN(25)))
	}
}

// rest adds what the watch measures all day long.
func (l *life) rest(midnight time.Time) {
	end := midnight.Add(24 * time.Hour)
	begin := later(midnight, l.rested)
	l.rested = end
	if l.has("heart_rate") {
		for t := begin.Add(l.within(5 * time.Minute)).Truncate(time.Second); t.Before(end); t = t.Add(4*time.Minute + 30*time.Second + l.within(time.Minute)).Truncate(time.Second) {
			l.add("heart_rate", l.watch, t, t, float64(52+l.IntN(25)))
		}
	}
	if !l.has("basal_energy_burned") {
		return
	}
	for t := begin.Add(l.within(20 * time.Minute)).Truncate(time.Second); t.Before(end); {
		next := t.Add(15*time.Minute + l.within(45*time.Minute)).Truncate(time.Second)
		l.add("basal_energy_burned", l.watch, t, next, round(next.Sub(t).Hours()*l.between(60, 75), 3))
		t = next
		l.rested = later(l.rested, next)
	}
}

// tidy takes out samples that begin while another of their source lasts: a device measures one thing at a time.
func (l *life) tidy() {
	for metric, all := range l.samples {
		if known, _ := MetricNamed(metric); known.ByHand {
			continue
		}
		slices.SortStableFunc(all, func(a, b Sample) int { return a.Start.Compare(b.Start) })
		last := map[*Source]Sample{}
		l.samples[metric] = slices.DeleteFunc(all, func(s Sample) bool {
			before, ok := last[s.Source]
			if ok && (s.Start.Before(before.End) || s.Start.Equal(before.Start)) {
				return true
			}
			last[s.Source] = s
			return false
		})
	}
}

// entries adds what the person enters by hand in a day: at whole minutes, sometimes later than it happened.
func (l *life) entries(midnight, wakes time.Time, corrects bool) {
	for _, kind := range []struct {
		metric   string
		times    int
		from, to float64
		step     float64
	}{
		{"dietary_water", 6, 100, 500, 50},
		{"insulin_delivery", 5, 1, 8, 0.5},
		{"mindful_minutes", 2, 5, 20, 1},
		{"weight_body_mass", 2, 70, 74, 0.1},
		{"blood_glucose", 5, 70, 180, 1},
	} {
		if !l.has(kind.metric) {
			continue
		}
		if kind.metric == "insulin_delivery" && l.chance(0.5) {
			l.enter(kind.metric, midnight, 1, false) // a pump's basal dose at midnight
		}
		for n := range l.IntN(kind.times + 1) {
			hour := time.Duration(2 * (n + l.IntN(2)))
			at := wakes.Add(hour*time.Hour + l.within(50*time.Minute)).Truncate(time.Minute)
			l.enter(kind.metric, at, kind.step*math.Round(l.between(kind.from, kind.to)/kind.step), corrects)
		}
	}
}

// enter adds an entry, and perhaps changes or deletes it later.
func (l *life) enter(metric string, at time.Time, value float64, corrects bool) {
	if slices.ContainsFunc(l.samples[metric], func(s Sample) bool { return s.Start.Sub(at).Abs() < 61*time.Minute }) {
		return
	}
	end := at
	if metric == "mindful_minutes" {
		end = at.Add(time.Duration(value) * time.Minute)
	}
	entry := Sample{Source: l.hand, Start: at, End: end, Value: value, Synced: end.Add(l.within(time.Minute))}
	if l.chance(0.1) {
		entry.Synced = end.Add(l.within(30 * time.Hour))
	}
	if corrects && l.chance(0.15) {
		entry.Removed = entry.Synced.Add(time.Minute + l.within(20*time.Hour))
		if l.chance(0.5) && metric != "mindful_minutes" {
			corrected := entry
			corrected.Value, corrected.Synced, corrected.Removed = round(value*1.1, 2), entry.Removed, time.Time{}
			l.samples[metric] = append(l.samples[metric], corrected)
		}
	}
	l.samples[metric] = append(l.samples[metric], entry)
}

// condense replaces the short samples of workouts by long ones, three days after them.
func (l *life) condense() {
	for metric, all := range l.samples {
		if known, _ := MetricNamed(metric); known.ByHand || known.Style != Cumulative {
			continue
		}
		var condensed []Sample
		for first := 0; first < len(all); {
			last := first + 1
			for last < len(all) && last-first < 20 && follows(all[last-1], all[last]) {
				last++
			}
			if run := all[first:last]; last-first >= 5 {
				condensed = append(condensed, condense(run))
			}
			first = last
		}
		l.samples[metric] = append(all, condensed...)
	}
}

// follows says whether two samples are of one workout.
func follows(a, b Sample) bool {
	return a.Source == b.Source && a.End.Equal(b.Start) && b.End.Sub(b.Start) == 20*time.Second
}

// condense removes samples and returns the one that takes their place.
func condense(run []Sample) Sample {
	long := run[0]
	long.End = run[len(run)-1].End
	long.Value = 0
	long.Synced = long.End.Add(72 * time.Hour)
	for i := range run {
		long.Value += run[i].Value
		run[i].Removed = long.Synced
	}
	long.Value = round(long.Value, 4)
	return long
}

// round rounds to a number of decimals.
func round(x float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(x*scale) / scale
}
