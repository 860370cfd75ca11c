package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// StoredData reads what is compared: everything of a user that came in bodies.
type StoredData interface {
	store.SampleReader
	store.SleepReader
	store.WorkoutReader
	store.EventReader
}

// ExpectedData is an empty store, into which a verification writes what the archived bodies hold.
type ExpectedData interface {
	StoredData
	store.Writer
	CreateUser(ctx context.Context, user account.User, entries ...account.AuditEntry) error
}

// Verification is what Verify needs.
type Verification struct {
	User     account.User
	Stored   StoredData
	Expected ExpectedData
	// Found, if not nil, is called with every finding.
	Found func(Finding)
	// Progress, if not nil, is called with the number of bodies that have been decoded so far.
	Progress func(bodies int)
}

// FindingKind is how an element of the store differs from the archive.
type FindingKind string

// The kinds of findings. Only the first three are faults.
const (
	Missing   FindingKind = "missing"   // the archive has it, the store does not
	Extra     FindingKind = "extra"     // the store has it, and the body of its time of receipt does not
	Different FindingKind = "different" // both have it, with different content
	// Unprovable is an element that the store has, or has with different content, from a body that is not in the archive: it
	// was dropped, was imported without being kept, or is not processed yet.
	Unprovable FindingKind = "unprovable"
)

// Finding is an element of the store that differs from the archive.
type Finding struct {
	Kind    FindingKind    `json:"finding"`
	Element string         `json:"kind"` // sample, night, segment, workout, event, ecg
	Name    string         `json:"name,omitempty"`
	Unit    string         `json:"unit,omitempty"`
	Grain   health.Grain   `json:"grain,omitempty"`
	Start   health.Instant `json:"-"`
	Offset  int32          `json:"-"`
	Source  string         `json:"source,omitempty"`
	// Archived and Stored are the element in the archive and in the store, nil where it is not there. They are health data:
	// they are shown only on request.
	Archived, Stored any `json:"-"`
}

// Verified is the result of a verification.
type Verified struct {
	Bodies   int `json:"bodies"`   // decoded
	Faulty   int `json:"faulty"`   // archived, and cannot be decoded: nothing of it is stored
	Absent   int `json:"absent"`   // recorded, and not in the archive
	Pending  int `json:"pending"`  // not processed yet
	Elements int `json:"elements"` // compared
	// How many findings of each kind there are.
	Missing    int `json:"missing"`
	Extra      int `json:"extra"`
	Different  int `json:"different"`
	Unprovable int `json:"unprovable"`
}

// Sound reports whether the store holds what the archived bodies hold.
func (v Verified) Sound() bool { return v.Missing+v.Extra+v.Different == 0 }

// Verify decodes every archived body of a user, in order of receipt and with the code that processed it, writes it to
// v.Expected, and compares that with what is stored. Neither is held in memory. What is received while it runs is left out.
func (s *Service) Verify(ctx context.Context, v Verification) (Verified, error) {
	if err := v.Expected.CreateUser(ctx, v.User); err != nil {
		return Verified{}, fmt.Errorf("prepare the expected data: %w", err)
	}
	c := &comparison{Verification: v, received: map[health.Instant]bool{}, begun: health.InstantOf(s.now())}
	newest, err := s.store.Ingestions(ctx, v.User.ID, store.IngestionQuery{Limit: 1})
	if err != nil {
		return Verified{}, fmt.Errorf("list the ingestions: %w", err)
	}
	if len(newest) > 0 { // the clock may have been ahead
		c.begun = max(c.begun, newest[0].Order)
	}
	if err := s.buildExpected(ctx, c); err != nil {
		return c.Verified, err
	}
	// Segments come last: they have no time of receipt, and whether a body is absent is known from the others by then.
	for _, step := range []struct {
		of      string
		compare func(context.Context) error
	}{
		{"samples", c.samples},
		{"nights", c.nights},
		{"workouts", c.workouts},
		{"events", c.events},
		{"electrocardiograms", c.ecgs},
		{"segments of sleep", c.segments},
	} {
		if err := step.compare(ctx); err != nil {
			return c.Verified, fmt.Errorf("compare the %s: %w", step.of, err)
		}
	}
	return c.Verified, nil
}

// pageSize is how many ingestions, workouts or events are read at a time.
const pageSize = 500

// buildExpected writes what each archived body holds to the expected data.
func (s *Service) buildExpected(ctx context.Context, c *comparison) error {
	query := store.IngestionQuery{OldestFirst: true, Limit: pageSize}
	for ingestion, err := range store.AllIngestions(ctx, s.store, c.User.ID, query) {
		if err != nil {
			return fmt.Errorf("list the ingestions: %w", err)
		}
		if ingestion.Order > c.begun {
			return nil
		}
		if err := s.expectBody(ctx, c, &ingestion); err != nil {
			return fmt.Errorf("ingestion %s: %w", ingestion.ID, err)
		}
	}
	return nil
}

func (s *Service) expectBody(ctx context.Context, c *comparison, ingestion *health.Ingestion) error {
	switch {
	case ingestion.Status == health.StatusAccepted:
		c.Pending++
		return nil
	case ingestion.StoredSize == 0:
		c.Absent++
		return nil
	}
	decoded, err := s.decodeArchived(ctx, ingestion, c.User)
	if errors.Is(err, problem.NotFound) {
		c.Absent++
		return nil
	}
	if err != nil {
		return err
	}
	defer decoded.Close()
	var faulty *bodyError
	err = decoded.err
	if err == nil {
		w := &bodyWriter{
			collector: decoded.Collector, body: store.Body{User: c.User.ID}, ingestion: ingestion, store: c.Expected, workouts: c.Expected,
		}
		err = w.write(ctx)
	}
	switch {
	case errors.As(err, &faulty):
		c.Faulty++
	case err != nil:
		return err
	default:
		c.Bodies++
		c.received[decoded.Order()] = true
	}
	if c.Progress != nil {
		c.Progress(c.Bodies + c.Faulty)
	}
	return nil
}

// comparison compares the expected data with what is stored.
type comparison struct {
	Verification
	Verified
	received map[health.Instant]bool // assemble.Collector.Order of the decoded bodies
	begun    health.Instant          // bodies with a greater order are left out
}

func (c *comparison) user() uuid.UUID { return c.User.ID }

// report counts a finding and passes it to Found. received is the order of the stored element, 0 if unknown.
func (c *comparison) report(f Finding, received health.Instant) {
	switch {
	case f.Kind == Missing:
		c.Missing++
	case received > c.begun:
		return
	case received == 0 && c.Absent+c.Pending+c.Unprovable > 0, received != 0 && !c.received[received]:
		f.Kind = Unprovable
		c.Unprovable++
	case f.Kind == Extra:
		c.Extra++
	default:
		c.Different++
	}
	if c.Found != nil {
		c.Found(f)
	}
}

// years calls do with each year in which there may be data, as a range.
func (c *comparison) years(do func(store.Range) error) error {
	for year := 1899; year <= c.begun.Time().Year()+1; year++ {
		if err := do(store.Range{From: yearBegins(year), To: yearBegins(year + 1)}); err != nil {
			return err
		}
	}
	return nil
}

// yearBegins returns the boundary between two years: a microsecond late, because 0, the beginning of 1970, would leave an
// end of the range open.
func yearBegins(year int) health.Instant {
	return health.InstantOf(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)) + 1
}
