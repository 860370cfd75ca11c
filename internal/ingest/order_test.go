package ingest

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

func (h *harness) sendDay(steps float64) health.Ingestion {
	h.t.Helper()
	return h.send(metricJSON("step_count", "count", pointJSON("2026-05-31 00:00:00 +0200", steps, "Watch")), "automation-aggregation", "Days")
}

func (h *harness) checkSteps(t *testing.T, what string, want float64) {
	t.Helper()
	if got := h.samples("step_count"); len(got) != 1 || got[0].Value != want {
		t.Errorf("%s: %v steps, want %v", what, shorten(got), want)
	}
}

// A clock that is put right makes no body older than those before it, and no sample look complete that is not.
func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		h.at("2027-06-01T12:00:00Z")
		ahead := h.sendDay(1000)
		h.at("2026-06-01T12:00:00Z")
		right := h.sendDay(2000)
		h.checkSteps(t, "the clock was put right", 2000)
		if stored := h.samples("step_count")[0]; stored.AsOf != health.InstantOf(*h.clock.Load()) || stored.Order != right.Order {
			t.Errorf("the sample is as of %s, its order is %s", stored.AsOf, stored.Order)
		}
		listed, err := s.Ingestions(t.Context(), h.user.ID, store.IngestionQuery{Limit: 10})
		if err != nil || len(listed) != 2 || listed[0].ID != right.ID {
			t.Errorf("the newest body is not the last one: %v, error %v", listed, err)
		}
		if _, err := h.Replay(t.Context(), h.user, ahead.ID); err != nil {
			t.Fatal(err)
		}
		h.checkSteps(t, "the first body was replayed", 2000)
	})
}

// After an erasure whose clock was ahead, or behind, bodies are taken again.
func TestErasureWithAWrongClock(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		for _, clock := range []string{"2027-06-01T12:00:00Z", "2026-06-01T11:59:00Z"} {
			h := newHarness(t, s, nil, Limits{})
			h.at(clock)
			h.sendDay(1000)
			if err := s.EraseData(t.Context(), h.user.ID, *h.clock.Load()); err != nil {
				t.Fatal(err)
			}
			h.at("2026-06-01T11:58:00Z")
			h.sendDay(2000)
			h.checkSteps(t, "after the erasure at "+clock, 2000)
		}
	})
}

// What was erased may be imported again: what counts is when the import was received, not when its file was made.
func TestImportAfterAnErasure(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		if err := s.EraseData(t.Context(), h.user.ID, *h.clock.Load()); err != nil {
			t.Fatal(err)
		}
		h.at("2026-06-02T12:00:00Z")
		imported := h.importFile(t, exportXML(recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100")))
		if imported.Status != health.StatusProcessed || len(h.samples("step_count")) != 1 {
			t.Errorf("the import is %s: %s; stored: %v", imported.Status, imported.Failure, shorten(h.samples("step_count")))
		}
	})
}

// heldBack is a body that has begun to arrive when begun is closed, and arrives when the test closes arrive.
type heldBack struct {
	io.Reader
	begun, arrive chan struct{}
	asked         bool
}

func holdBack(body string) *heldBack {
	return &heldBack{strings.NewReader(body), make(chan struct{}), make(chan struct{}), false}
}

// Read waits the first time.
func (h *heldBack) Read(p []byte) (int, error) {
	if !h.asked {
		h.asked = true
		close(h.begun)
		<-h.arrive
	}
	return h.Reader.Read(p)
}

// A body that began to arrive first and arrives last neither replaces what came after it, nor what was repeated after it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		for what, first := range map[string]float64{"changed since": 500, "repeated since": 2000} {
			h := newHarness(t, s, nil, Limits{})
			h.sendDay(first)
			slow := holdBack(metricJSON("step_count", "count", pointJSON("2026-05-31 00:00:00 +0200", 1000, "Watch")))
			done := make(chan error, 1)
			go func() {
				_, err := h.Service.Receive(context.Background(), Request{
					User: h.user, Body: slow, Headers: map[string]string{"automation-aggregation": "Days"},
				})
				done <- err
			}()
			<-slow.begun
			h.sendDay(2000)
			close(slow.arrive)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			h.checkSteps(t, what, 2000)
		}
	})
}

// A body that breaks off is not waited for.
func TestBrokenBodyIsForgotten(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		if _, err := h.Service.Receive(t.Context(), Request{User: h.user, Body: &broken{}}); err == nil {
			t.Error("a body that breaks off is taken")
		}
		unprocessed, err := s.Unprocessed(t.Context(), h.user.ID, health.InstantOf(h.clock.Load().Add(time.Hour)))
		if err != nil || unprocessed != 0 {
			t.Errorf("unprocessed: %s, error %v", unprocessed, err)
		}
	})
}
