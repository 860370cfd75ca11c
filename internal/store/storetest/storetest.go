// Package storetest is the contract of package store as tests. Every database runs them; what one of them taught us is
// a test here that all of them must pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// test is one clause of the contract. It gets a store of its own, fresh and empty.
type test struct {
	name string
	run  func(t *testing.T, s store.Store)
}

// tester is what the helpers need of a test; a property's *rapid.T has it too.
type tester interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run runs the contract against a kind of store. open returns a fresh, empty store and closes it at the end of the
// test it is given; it is called once for each clause, from several goroutines at once.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, test := range slices.Concat(
		userTests, keyTests, rotateTests, auditTests, eraseTests, archiveTests, bodyOrderTests, inboxTests, unprocessedTests, sampleTests, restatedTests, zoneTests, sampleReadTests, largeBatchTests, metricTests,
		modelTests, summaryTests, spanTests, sourceDeviceTests,
		sleepTests, workoutTests, placeTests, eventTests, ecgTests, cacheFenceTests, leaseTests, outboxTests, upkeepTests, concurrencyTests,
	) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// noon is the time around which the tests play.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// at returns an instant some time after noon.
func at(after time.Duration) health.Instant { return health.InstantOf(noon.Add(after)) }

// createUser stores a user that no other test has.
func createUser(t tester, s store.Store) uuid.UUID {
	t.Helper()
	id := newID(t)
	user := account.User{ID: id, Email: id.String() + "@example.org", Name: "Ada", TimeZone: "Europe/Berlin", CreatedAt: noon}
	if err := s.CreateUser(t.Context(), user); err != nil {
		t.Fatalf("create user: %v", err)
	}
	return id
}

func newID(t tester) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	ok(t, "make an id", err)
	return id
}

// equal compares by value; absent numbers are equal, and so are a nil and an empty list.
func equal(t tester, what string, got, want any, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// fails checks that an error has a kind.
func fails(t tester, what string, err error, kind problem.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error %v, want %s", what, err, kind)
	}
}

// ok ends the test on an error.
func ok(t tester, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// outcomes checks what became of each element of a batch.
func outcomes(t tester, what string, written store.Written, err error, want ...health.Outcome) {
	t.Helper()
	ok(t, what, err)
	equal(t, what, fmt.Sprint(written.Outcomes), fmt.Sprint(want))
	for i, outcome := range written.Outcomes {
		if _, refused := written.Refused[i]; refused != (outcome == health.Rejected) {
			t.Errorf("%s: element %d is %s, refused: %v", what, i, outcome, refused)
		}
	}
}

// all returns n times the same outcome.
func all(outcome health.Outcome, n int) []health.Outcome {
	return slices.Repeat([]health.Outcome{outcome}, n)
}
