package phonetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Upload is what the server receives at one time: a request of the app, or Apple's export as a file to be imported.
type Upload struct {
	At      time.Time
	Headers map[string]string
	Body    []byte
	// File says that it is an export to be imported.
	File bool
}

// Plan is a person, a phone with automations, and what becomes of their runs, all drawn from a seed.
type Plan struct {
	Seed        uint64
	Person      *Person
	Habits      Habits
	Automations []*Automation
	// Uploads are in the order of their receipt.
	Uploads []Upload
	// Checks are the times at which to ask for the days; the last is after the last upload.
	Checks []time.Time

	runs []run
}

// run is what arrived of one run of an automation, or of one export.
type run struct {
	name       string
	automation *Automation // nil of an export
	grouping   Grouping
	zone       *time.Location
	// from and to are the time it is about, at is when it was made.
	from, to, at time.Time
	// received is when its last part arrived.
	received time.Time
	metrics  []string
	// rings says that an export has the active energy of each day.
	rings bool
}

// NewPlan draws a plan.
func NewPlan(seed uint64) *Plan {
	random := rand.New(rand.NewPCG(seed, 12))
	p := &Plan{Seed: seed}
	p.Habits = drawHabits(random)
	automations := drawAutomations(random, p.Habits.Metrics)
	p.Habits.FreeNames = chance(random, 0.3) && !slices.ContainsFunc(automations, (*Automation).sendsSingles)
	p.Habits.Condenses = chance(random, 0.2) && !slices.ContainsFunc(automations, (*Automation).sendsSingles)
	p.Person = NewPerson(random, p.Habits)
	p.Automations = automations
	for i, a := range automations {
		p.schedule(random, a, automations[:i])
		p.runAutomation(random, a)
	}
	p.drawExports(random)
	slices.SortStableFunc(p.Uploads, func(a, b Upload) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(p.runs, func(a, b run) int { return a.received.Compare(b.received) })
	end := p.Person.End.Add(40 * time.Hour)
	p.Checks = []time.Time{p.Person.Start.Add(within(random, p.Person.End.Sub(p.Person.Start))), end}
	return p
}

func chance(random *rand.Rand, p float64) bool { return random.Float64() < p }

func within(random *rand.Rand, maximum time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(maximum)))
}

// pick returns one of some values; one that is there twice is twice as likely.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

func drawHabits(random *rand.Rand) Habits {
	h := Habits{
		Days: 4 + random.IntN(4), Travels: chance(random, 0.2), SyncsLate: chance(random, 0.5), Corrects: chance(random, 0.3),
		OtherUnits: chance(random, 0.25), TwelveHours: chance(random, 0.2),
	}
	if chance(random, 0.5) {
		h.Inflation = 0.25 * random.Float64()
	}
	h.Metrics = []string{pick(random, "step_count", "active_energy", "walking_running_distance", "step_count")}
	for _, other := range []struct {
		name   string
		likely float64
	}{
		{"basal_energy_burned", 0.3},
		{"flights_climbed", 0.2},
		{"heart_rate", 0.35},
		{"dietary_water", 0.4},
		{"insulin_delivery", 0.3},
		{"mindful_minutes", 0.2},
		{"weight_body_mass", 0.2},
		{"blood_glucose", 0.2},
	} {
		if chance(random, other.likely) {
			h.Metrics = append(h.Metrics, other.name)
		}
	}
	return h
}

func drawAutomations(random *rand.Rand, metrics []string) []*Automation {
	automations := make([]*Automation, 1+random.IntN(3))
	for i := range automations {
		a := &Automation{
			ID: uuid(random), Name: fmt.Sprintf("Automation %d", i+1), Metrics: slices.Clone(metrics),
			Grouping:       pick(random, ByMin, ByMin, ByMin, Default, Default, ByHour, ByHour, ByDay, ByDay, ByDay, None),
			Period:         pick(random, DefaultPeriod, DefaultPeriod, SinceLastSync, SinceLastSync, Today, Yesterday, SevenDays),
			Batch:          pick(random, Whole, Whole, ByMetric, ByTime),
			Every:          time.Duration(2+random.IntN(6)) * time.Hour,
			MovesOnFailure: chance(random, 0.5),
		}
		switch {
		case a.Period == Yesterday, a.Period == SevenDays:
			a.Every = 24 * time.Hour
		case a.Grouping == Default && chance(random, 0.3):
			a.NoHeaders = true
		}
		if a.Grouping == Default && a.Batch == ByTime {
			a.Batch = Whole // a part may have too few points to show that they are minutes
		}
		automations[i] = a
	}
	return automations
}

// sendsSingles says whether an automation sends single samples of all metrics.
func (a *Automation) sendsSingles() bool { return a.Grouping == None }

// uuid returns a random UUID.
func uuid(random *rand.Rand) string {
	high, low := random.Uint64(), random.Uint64()
	return fmt.Sprintf("%08X-%04X-4%03X-%04X-%012X", high>>32, high>>16&0xffff, high&0xfff, 0x8000|low>>48&0x3fff, low&0xffffffffffff)
}

// schedule sets when an automation runs: some at the same time as an earlier one, some later or not to the end.
func (p *Plan) schedule(random *rand.Rand, a *Automation, earlier []*Automation) {
	life := p.Person.End.Sub(p.Person.Start)
	a.From, a.Until = p.Person.Start.Add(within(random, 12*time.Hour)), p.Person.End.Add(30*time.Hour)
	if chance(random, 0.2) {
		a.From = p.Person.Start.Add(within(random, life/2))
	}
	if chance(random, 0.2) {
		a.Until = p.Person.Start.Add(life/2 + within(random, life/2))
	}
	if len(earlier) > 0 && chance(random, 0.3) {
		a.From = earlier[0].From
	}
	if chance(random, 0.25) {
		a.SwitchAt = p.Person.Start.Add(within(random, life)).Truncate(time.Minute)
		a.SwitchTo = pick(random, ByMin, ByHour, ByDay)
	}
}

// runAutomation runs an automation for as long as it is there. When the phone is locked it cannot read what to send.
func (p *Plan) runAutomation(random *rand.Rand, a *Automation) {
	cursor := a.From
	for due := a.From; due.Before(a.Until); due = due.Add(a.Every) {
		t := due.Add(within(random, 2*time.Minute)).Truncate(time.Second)
		night := t.In(p.Person.ZoneAt(t)).Hour() < 6
		if locked := chance(random, 0.08) || night && chance(random, 0.7); locked {
			continue
		}
		lost, unanswered := chance(random, 0.06), chance(random, 0.03)
		if !lost {
			p.send(random, a, t, cursor)
		}
		if !lost && !unanswered || a.MovesOnFailure {
			cursor = t
		}
	}
}

// send makes the requests of a run.
func (p *Plan) send(random *rand.Rand, a *Automation, t, cursor time.Time) {
	zone, grouping := p.Person.ZoneAt(t), a.groupingAt(t)
	from, to := a.span(t, cursor, zone)
	from = aligned(grouping, from, zone)
	var all []series
	state := p.Person.Kit.At(t)
	for _, name := range a.Metrics {
		metric, _ := MetricNamed(name)
		one := p.Person.export(state, metric, grouping, from, to, random)
		if len(one.Points) > 0 || chance(random, 0.5) {
			all = append(all, one)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	session := uuid(random)
	parts := batches(all, a.Batch, from, to)
	random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	r := run{name: a.Name, automation: a, grouping: grouping, zone: zone, from: from, to: to, at: t, received: t, metrics: a.Metrics}
	for _, part := range parts {
		r.received = r.received.Add(time.Second + within(random, 5*time.Second))
		if a.Batch == ByMetric && chance(random, 0.03) { // lost
			r.metrics = slices.DeleteFunc(slices.Clone(r.metrics), func(name string) bool { return name == part[0].Name })
			continue
		}
		p.Uploads = append(p.Uploads, Upload{At: r.received, Headers: a.headers(grouping, session), Body: encode(part)})
	}
	p.runs = append(p.runs, r)
}

// aligned returns the start of the bucket that holds t.
func aligned(grouping Grouping, t time.Time, zone *time.Location) time.Time {
	if grain, ok := grouping.grain(Metric{}); ok {
		t, _ = grain.bucketOf(t, zone)
	}
	return t
}

func (a *Automation) headers(grouping Grouping, session string) map[string]string {
	headers := map[string]string{"content-type": "application/json"}
	if a.NoHeaders && grouping == a.Grouping {
		return headers
	}
	headers["automation-id"], headers["automation-name"] = a.ID, a.Name
	headers["automation-aggregation"], headers["automation-period"] = string(grouping), string(a.Period)
	headers["session-id"] = session
	return headers
}

// drawExports adds Apple's exports: made at one time, imported then or some days later, in any order.
func (p *Plan) drawExports(random *rand.Rand) {
	exports := 0
	if chance(random, 0.3) || p.Habits.Condenses {
		exports = 1
	}
	if p.Habits.Condenses {
		exports = 2
	}
	for n := range exports {
		made := p.Person.Start.Add(time.Duration(n)*72*time.Hour + within(random, p.Person.End.Sub(p.Person.Start)-48*time.Hour)).Truncate(time.Second)
		received := made.Add(within(random, 10*time.Minute))
		if chance(random, 0.3) {
			received = made.Add(within(random, 60*time.Hour))
		}
		received = later(made, earlier(received, p.Person.End.Add(30*time.Hour)))
		zone := p.Person.ZoneAt(made)
		rings := chance(random, 0.5) && slices.Contains(p.Habits.Metrics, "active_energy") && !p.Habits.Travels
		body := p.Person.Kit.ExportXML(made, zone, rings, p.Person.Start.AddDate(0, 0, -1))
		p.Uploads = append(p.Uploads, Upload{At: received, Body: body, File: true})
		p.runs = append(p.runs, run{
			name: "Apple's export", zone: p.Person.Home(), rings: rings, to: made, at: made, received: received, metrics: p.Habits.Metrics,
		})
	}
}

// sends says whether a run is about a metric.
func (r run) sends(metric string) bool { return slices.Contains(r.metrics, metric) }

// grain returns the grain of what a run sends of a metric; false of single samples.
func (r run) grain(metric Metric) (Grain, bool) {
	if r.automation == nil {
		return "", false
	}
	return r.grouping.grain(metric)
}

// single says whether a run has single samples of a metric without their lengths.
func (r run) single(metric Metric) bool {
	_, summarised := r.grain(metric)
	return !summarised && r.automation != nil
}

// tellsDays says whether a run has summaries of days of a metric.
func (r run) tellsDays(metric Metric) bool {
	grain, _ := r.grain(metric)
	return grain == Day || r.rings && metric.Name == "active_energy"
}

// group names the runs that continue each other: those of an automation with one grouping, and all exports.
func (r run) group() string { return cmp.Or(string(r.grouping), "export") + " " + r.name }
