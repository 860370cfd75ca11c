package storetest

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var addresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// OwnSource is a source of the samples of Fill that no other user has.
func OwnSource(user uuid.UUID) string { return "Watch of " + user.String() }

// Fill stores something of every kind for a user: all that was received at the same time.
func Fill(t *testing.T, s store.Store, user uuid.UUID, received time.Time) {
	t.Helper()
	batch := batchOf(user, received)
	first := &batch.samples[0]
	written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch.samples, health.Span{
		Metric: first.Metric, Unit: first.Unit, Grain: health.GrainHour, Session: "run",
		Interval: health.Interval{From: first.Start, To: first.Start + health.Day}, Order: first.Order, AsOf: first.AsOf, Ingestion: user,
	})
	outcomes(t, "samples", written, err, all(health.Inserted, len(batch.samples))...)
	writesNights(t, s, user, "night", batch.nights, health.Inserted)
	writesSegments(t, s, user, "segment", batch.segments, health.Inserted)
	writesWorkouts(t, s, user, "workout", batch.workouts, health.Inserted)
	writesEvents(t, s, user, "event", batch.events, health.Inserted)
	writesECGs(t, s, user, "ECG", batch.ecgs, health.Inserted)
	put(t, s, user, received, "body of "+user.String())
	id := "key-" + user.String()[24:]
	createKey(t, s, user, id)
	ok(t, "touch", s.TouchKeys(t.Context(), map[string]time.Time{id: noon}))
	ok(t, "order", s.SetSourceOrder(t.Context(), user, aggregate.SourceOrder{Sources: []string{OwnSource(user)}}))
	ok(t, "sleep rule", s.SetSleepRule(t.Context(), user, aggregate.SleepRule{Gap: health.Second}))
	ok(t, "audit", s.AppendAudit(t.Context(), []account.AuditEntry{auditEntry(account.ActionExport, user, user.String(), received)}))
	undeliverable := message(t, user, "filled", "message about "+user.String())
	undeliverable.Kind = "unregistered"
	enqueues(t, s, 1, undeliverable)
	_, err = s.WriteSourceDevices(t.Context(), store.Body{User: user}, []health.SourceDevice{
		device(OwnSource(user), "Model of "+user.String(), "Watch6,6", at(0), at(0)),
	})
	ok(t, "devices", err)
	_, err = s.NextOrder(t.Context(), user, received)
	ok(t, "order of a body that arrives", err)
}

// everything is a batch of each kind that came with one body.
type everything struct {
	samples  []health.Sample
	nights   []health.Night
	segments []health.Segment
	workouts []health.Workout
	events   []health.Event
	ecgs     []health.ECG
}

func batchOf(user uuid.UUID, received time.Time) (e everything) {
	when := health.InstantOf(received)
	for i, metric := range []string{"heart_rate", "blood_pressure", "step_count", "weight"} {
		for j, source := range []string{OwnSource(user), "Shared"} {
			sample := quantity(metric, at(time.Duration(i*10+j)*time.Minute), 70)
			sample.Source, sample.Order = source, when
			e.samples = append(e.samples, sample)
		}
	}
	e.nights = []health.Night{night(OwnSource(user), at(-12*time.Hour), at(-4*time.Hour), 8)}
	e.nights[0].Order = when
	e.segments = []health.Segment{{
		Source: OwnSource(user), Start: at(-5 * time.Hour), End: at(-4 * time.Hour), Stage: health.StageREM,
	}}
	e.workouts = []health.Workout{workout("w1", "Running", at(0))}
	e.workouts[0].Order = when
	e.events = []health.Event{symptom("Headache", at(0))}
	e.events[0].Order = when
	e.ecgs = []health.ECG{ecg(at(0))}
	e.ecgs[0].Order = when
	return e
}

// refusesAll checks that nothing of a body is stored any more.
func refusesAll(t *testing.T, s store.Store, user uuid.UUID, received time.Time, kind problem.Kind) {
	t.Helper()
	batch, ctx := batchOf(user, received), t.Context()
	body := store.Body{User: user, Order: health.InstantOf(received)}
	_, err := s.WriteSamples(ctx, body, batch.samples)
	fails(t, "samples", err, kind)
	_, err = s.WriteSourceDevices(ctx, body, []health.SourceDevice{device("Blue", "Watch", "", at(0), at(0))})
	fails(t, "devices", err, kind)
	_, err = s.WriteNights(ctx, body, batch.nights)
	fails(t, "nights", err, kind)
	_, err = s.WriteSegments(ctx, body, batch.segments)
	fails(t, "segments", err, kind)
	_, err = s.WriteWorkouts(ctx, body, batch.workouts)
	fails(t, "workouts", err, kind)
	_, err = s.WriteEvents(ctx, body, batch.events)
	fails(t, "events", err, kind)
	_, err = s.WriteECGs(ctx, body, batch.ecgs)
	fails(t, "ECGs", err, kind)
	fails(t, "body", s.Put(ctx, newIngestion(t, user, received, "x"), strings.NewReader("x"), worker, later), kind)
}

// HoldsNothing checks that a store has nothing of what Fill stored for a user.
func HoldsNothing(t *testing.T, s store.Store, user uuid.UUID) {
	t.Helper()
	metrics, err := s.Metrics(t.Context(), user)
	ok(t, "metrics", err)
	equal(t, "metrics", metrics, []store.MetricInfo{})
	latest, err := s.Latest(t.Context(), user)
	ok(t, "latest", err)
	equal(t, "latest", latest, []health.Sample{})
	for _, metric := range []string{"heart_rate", "blood_pressure", "step_count", "weight"} {
		equal(t, metric, samples(t, s, user, store.SampleQuery{Metric: metric}), []health.Sample{})
	}
	holdsNights(t, s, user)
	holdsSegments(t, s, user, store.Range{})
	holdsWorkouts(t, s, user)
	holdsEvents(t, s, user, store.EventQuery{})
	holdsECGs(t, s, user, store.Range{})
	ingestions, err := s.Ingestions(t.Context(), user, store.IngestionQuery{Limit: 10})
	ok(t, "ingestions", err)
	equal(t, "ingestions", ingestions, []health.Ingestion{})
}

var eraseTests = []test{
	{"erase/of the data keeps the account", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		Fill(t, s, ada, noon)
		Fill(t, s, bob, noon)
		before, err := s.Metrics(t.Context(), bob)
		ok(t, "Bob's metrics", err)

		done := auditEntry(account.ActionErase, ada, ada.String(), later)
		ok(t, "erase", s.EraseData(t.Context(), ada, later, done))
		HoldsNothing(t, s, ada)
		checkAudit(t, s, "the audit log", ada, done)
		keys, err := s.KeysOf(t.Context(), ada)
		ok(t, "keys", err)
		equal(t, "keys that stay", len(keys), 1)
		_, err = s.User(t.Context(), ada)
		ok(t, "the user stays", err)

		after, err := s.Metrics(t.Context(), bob)
		ok(t, "Bob's metrics", err)
		equal(t, "Bob's metrics", after, before)
		equal(t, "Bob's bodies", len(samples(t, s, bob, store.SampleQuery{Metric: "heart_rate"})), 2)

		refusesAll(t, s, ada, noon, problem.Conflict)
		refusesAll(t, s, ada, later, problem.Conflict)
		HoldsNothing(t, s, ada)
		fresh := batchOf(ada, later.Add(time.Second))
		writes(t, s, ada, "what comes afterwards", fresh.samples, all(health.Inserted, len(fresh.samples))...)
		equal(t, "sources of what comes afterwards", samples(t, s, ada, store.SampleQuery{Metric: "weight"})[0].Source, OwnSource(ada))
		equal(t, "Bob's sources", samples(t, s, bob, store.SampleQuery{Metric: "weight"})[0].Source, OwnSource(bob))
		fails(t, "erase somebody unknown", s.EraseData(t.Context(), newID(t), later), problem.NotFound)
	}},
	{"erase/refuses what had begun to arrive, and nothing that begins afterwards, whatever the clocks say", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		ahead := nextOrder(t, s, ada, noon.AddDate(1, 0, 0)) // a clock that is a year ahead
		behind := nextOrder(t, s, ada, noon)
		ok(t, "erase", s.EraseData(t.Context(), ada, noon))
		for _, order := range []health.Instant{ahead, behind} {
			refusesAll(t, s, ada, order.Time(), problem.Conflict)
		}
		next := nextOrder(t, s, ada, noon.Add(-time.Minute))
		fresh := newIngestion(t, ada, noon.Add(-time.Minute), "x")
		fresh.Order = next
		ok(t, "put", s.Put(t.Context(), fresh, strings.NewReader("x"), worker, later))
		batch := batchOf(ada, next.Time())
		writes(t, s, ada, "what comes afterwards", batch.samples, all(health.Inserted, len(batch.samples))...)
	}},
	{"erase/ends what is in work", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		ahead := later.Add(time.Minute) // by the clock of another server
		ingestion := put(t, s, ada, ahead, "x")
		late := auditEntry(account.ActionLimitHit, ada, "", noon)
		ok(t, "erase", s.EraseData(t.Context(), ada, later))
		fails(t, "renew", s.Renew(t.Context(), ingestion.ID, worker, later), problem.Conflict)
		fails(t, "finish", s.Finish(t.Context(), ingestion, worker), problem.Conflict)
		fails(t, "release", s.Release(t.Context(), ingestion.ID, worker, later), problem.Conflict)
		_, err := s.Reopen(t.Context(), ada, ingestion.ID, worker, later)
		fails(t, "reopen", err, problem.NotFound)
		_, err = s.Body(t.Context(), ada, ingestion.ID)
		fails(t, "body", err, problem.NotFound)
		noClaim(t, s, ahead.Add(time.Hour))
		refusesAll(t, s, ada, ahead, problem.Conflict)
		ok(t, "an entry that comes late", s.AppendAudit(t.Context(), []account.AuditEntry{late}))
		checkAudit(t, s, "entries about Ada", ada)
		late.UserID = uuid.Nil
		checkAudit(t, s, "entries about nobody", uuid.Nil, late)
	}},
	{"erase/of a user leaves nothing", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		Fill(t, s, ada, noon)
		Fill(t, s, bob, noon)
		done := auditEntry(account.ActionUserDelete, ada, ada.String(), later)
		keys, err := s.DeleteUser(t.Context(), ada, later, done)
		ok(t, "delete", err)
		equal(t, "keys", keys, []string{"key-" + ada.String()[24:]})
		HoldsNothing(t, s, ada)
		_, err = s.User(t.Context(), ada)
		fails(t, "the user", err, problem.NotFound)
		_, err = s.Key(t.Context(), keys[0])
		fails(t, "the key", err, problem.NotFound)
		revoked, err := s.RevokedSince(t.Context(), later)
		ok(t, "revoked since", err)
		equal(t, "revoked since", revoked, keys)
		done.UserID = uuid.Nil
		checkAudit(t, s, "the entry that survives", uuid.Nil, done)

		refusesAll(t, s, ada, later.Add(time.Hour), problem.NotFound)
		fails(t, "a key", s.CreateKey(t.Context(), account.APIKey{ID: "k9", UserID: ada}), problem.NotFound)
		ok(t, "use of the key", s.TouchKeys(t.Context(), map[string]time.Time{keys[0]: later}))
		_, err = s.DeleteUser(t.Context(), ada, later)
		fails(t, "delete again", err, problem.NotFound)
		equal(t, "Bob's samples", len(samples(t, s, bob, store.SampleQuery{Metric: "heart_rate"})), 2)

		next := createUser(t, s)
		HoldsNothing(t, s, next)
		HoldsNothing(t, s, ada) // also where the store has cached her id
	}},
}
