package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// statement is a body that says one number of things of every kind, or of some of them.
type statement struct {
	health.Ingestion
	number int
	kinds  map[string]bool
	put    bool // its ingestion is stored
}

var statementKinds = []string{"reading", "day", "night", "event", "workout", "ECG"}

var genStatement = rapid.Custom(func(t *rapid.T) *statement {
	said := &statement{number: rapid.IntRange(1, 2).Draw(t, "number"), kinds: map[string]bool{}}
	for _, kind := range statementKinds {
		said.kinds[kind] = rapid.IntRange(0, 3).Draw(t, kind) > 0
	}
	return said
})

// receive stores the ingestion of a body that had begun to arrive.
func (b *statement) receive(t tester, s store.Store) {
	t.Helper()
	if !b.put {
		ok(t, "put", s.Put(t.Context(), b.Ingestion, strings.NewReader("x"), worker, later))
	}
	b.put = true
}

// process writes what the body says, and finishes its ingestion.
func (b *statement) process(t tester, s store.Store) {
	t.Helper()
	b.receive(t, s)
	unprocessed, err := s.Unprocessed(t.Context(), b.UserID, b.Order)
	ok(t, "unprocessed", err)
	body := store.Body{User: b.UserID, Order: b.Order, Unprocessed: unprocessed}
	b.write(t, s, body)
	b.Status, b.FinishedAt = health.StatusProcessed, noon
	ok(t, "finish", s.Finish(t.Context(), b.Ingestion, worker))
}

func (b *statement) write(t tester, s store.Store, body store.Body) {
	t.Helper()
	ctx, value := t.Context(), float64(b.number)
	check := func(what string, err error) {
		t.Helper()
		ok(t, what, err)
	}
	if b.kinds["reading"] {
		sample := with(quantity("step_count", at(0), value), func(s *health.Sample) { s.Order = b.Order })
		_, err := s.WriteSamples(ctx, body, []health.Sample{sample})
		check("reading", err)
	}
	if b.kinds["day"] {
		day := with(summary("step_count", wake, health.GrainDay, value), func(s *health.Sample) { s.Order = b.Order })
		_, err := s.WriteSamples(ctx, body, []health.Sample{day})
		check("day", err)
	}
	if b.kinds["night"] {
		n := night("Watch", at(-12*time.Hour), at(-4*time.Hour), value)
		n.Order = b.Order
		_, err := s.WriteNights(ctx, body, []health.Night{n})
		check("night", err)
	}
	if b.kinds["event"] {
		e := symptom("Headache", at(0))
		e.End, e.Attributes, e.Order = at(time.Duration(b.number)*time.Hour), fmt.Sprintf(`{"severity":%d}`, b.number), b.Order
		_, err := s.WriteEvents(ctx, body, []health.Event{e})
		check("event", err)
	}
	if b.kinds["workout"] {
		w := workout("w1", "Running", at(0))
		w.Duration, w.Quantities["distance"], w.Order = value, health.Quantity{Value: value, Unit: "km"}, b.Order
		_, err := s.WriteWorkouts(ctx, body, []health.Workout{w})
		check("workout", err)
	}
	if b.kinds["ECG"] {
		e := ecg(at(0))
		e.AverageHeartRate, e.Order = value, b.Order
		e.Times, e.Voltages = nil, e.Voltages[:8]
		_, err := s.WriteECGs(ctx, body, []health.ECG{e})
		check("ECG", err)
	}
}

// stated returns the numbers that are stored.
func stated(t tester, s store.Store, user uuid.UUID) map[string]float64 {
	t.Helper()
	ctx, numbers := t.Context(), map[string]float64{}
	for _, sample := range samples(t, s, user, store.SampleQuery{Metric: "step_count"}) {
		kind := "reading"
		if sample.Grain == health.GrainDay {
			kind = "day"
		}
		numbers[kind] = sample.Value
	}
	nights, err := s.Nights(ctx, user, health.DateOf(noon)-10, health.DateOf(noon)+10)
	ok(t, "nights", err)
	for _, n := range nights {
		numbers["night"] = n.Total
	}
	events, err := s.Events(ctx, user, store.EventQuery{})
	ok(t, "events", err)
	for _, e := range events {
		numbers["event"] = (e.End - e.Start).Time().Sub(time.Unix(0, 0)).Hours()
		if e.Attributes != fmt.Sprintf(`{"severity":%g}`, numbers["event"]) {
			numbers["event"] = math.Inf(1) // of two bodies
		}
	}
	workouts, err := s.Workouts(ctx, user, store.WorkoutQuery{Limit: 10})
	ok(t, "workouts", err)
	for _, w := range workouts {
		numbers["workout"] = w.Duration
		if w.Quantities["distance"].Value != w.Duration {
			numbers["workout"] = math.Inf(1)
		}
	}
	ecgs, err := s.ECGs(ctx, user, store.Range{}, false)
	ok(t, "ECGs", err)
	for _, e := range ecgs {
		numbers["ECG"] = e.AverageHeartRate
	}
	return numbers
}

var unprocessedTests = []test{
	{"unprocessed/bodies that are processed in any order leave what the order of receipt leaves", func(t *testing.T, s store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			user := createUser(t, s)
			bodies := rapid.SliceOfN(genStatement, 1, 5).Draw(t, "bodies")
			want := map[string]float64{}
			var arrived []int
			for i, b := range bodies {
				b.Ingestion = newIngestion(t, user, noon, "x")
				b.Order = nextOrder(t, s, user, noon)
				for kind, said := range b.kinds {
					if said {
						want[kind] = float64(b.number)
					}
				}
				if rapid.Bool().Draw(t, "arrives at once") {
					arrived = append(arrived, i)
				}
			}
			for _, i := range arrived {
				bodies[i].receive(t, s)
			}
			for _, b := range rapid.Permutation(bodies).Draw(t, "order of processing") {
				b.process(t, s)
			}
			equal(t, "what is stored", stated(t, s, user), want)
			for _, b := range rapid.Permutation(bodies).Draw(t, "order of replay") {
				var err error
				b.Ingestion, err = s.Reopen(t.Context(), user, b.ID, worker, later)
				ok(t, "reopen", err)
				b.process(t, s)
			}
			equal(t, "what is stored after a replay", stated(t, s, user), want)
		})
	}},
	{"unprocessed/is nothing where everything older is processed: an unchanged body writes nothing", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var bodies []*statement
		for range 3 {
			b := &statement{Ingestion: newIngestion(t, user, noon, "x"), number: 1, kinds: map[string]bool{}}
			for _, kind := range statementKinds {
				b.kinds[kind] = true
			}
			b.Order = nextOrder(t, s, user, noon)
			bodies = append(bodies, b)
		}
		bodies[0].process(t, s)
		bodies[1].process(t, s)
		for _, sample := range samples(t, s, user, store.SampleQuery{Metric: "step_count"}) {
			equal(t, "order", sample.Order, bodies[0].Order)
		}
		younger := newIngestion(t, user, noon, "x")
		younger.Order = nextOrder(t, s, user, noon)
		ok(t, "put", s.Put(t.Context(), younger, strings.NewReader("x"), worker, later))
		unprocessed, err := s.Unprocessed(t.Context(), user, bodies[2].Order)
		ok(t, "unprocessed", err)
		equal(t, "unprocessed", unprocessed, health.Instant(0))
		unprocessed, err = s.Unprocessed(t.Context(), newID(t), bodies[2].Order)
		ok(t, "unprocessed", err)
		equal(t, "unprocessed for somebody unknown", unprocessed, health.Instant(0))
	}},
	{"unprocessed/are bodies that arrive, wait, or could not be read and are kept", func(t *testing.T, s store.Store) {
		user, last := createUser(t, s), health.Instant(0)
		is := func(what string, want health.Instant) {
			t.Helper()
			unprocessed, err := s.Unprocessed(t.Context(), user, at(time.Hour))
			ok(t, what, err)
			equal(t, what, unprocessed, want)
		}
		arrive := func() health.Ingestion {
			ingestion := newIngestion(t, user, noon, "x")
			ingestion.Order = nextOrder(t, s, user, noon)
			last = ingestion.Order
			return ingestion
		}
		store := func(ingestion health.Ingestion, body string) {
			ok(t, "put", s.Put(t.Context(), ingestion, strings.NewReader(body), worker, later))
		}
		finishAs := func(ingestion health.Ingestion, status health.Status) {
			ingestion.Status, ingestion.FinishedAt = status, noon
			ok(t, "finish", s.Finish(t.Context(), ingestion, worker))
		}
		forgotten, failed := arrive(), arrive()
		is("two arrive", last)
		ok(t, "forget", s.ForgetOrder(t.Context(), user, forgotten.Order))
		store(failed, "x")
		is("one waits", failed.Order)
		finishAs(failed, health.StatusFailed)
		is("it could not be read", failed.Order)
		for _, status := range []health.Status{health.StatusProcessed, health.StatusPartial, health.StatusRejected} {
			b := arrive()
			store(b, "x")
			is("one waits", b.Order)
			finishAs(b, status)
			is(string(status), failed.Order)
		}
		lost := arrive()
		store(lost, "")
		finishAs(lost, health.StatusFailed)
		is("one could not be read and is not kept", failed.Order)

		imported := newIngestion(t, user, noon, "")
		imported.Order, imported.ImportDir = at(2*time.Hour), "disk 1"
		store(imported, "")
		is("an import that began later, of data that may be older", at(time.Hour))
	}},
}
