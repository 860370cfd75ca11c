package query

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// ExtractRequest filters an extract. Zero values do not filter.
type ExtractRequest struct {
	// Metrics are names, aliases or HealthKit identifiers.
	Metrics []string
	// Start and End bound samples, workouts, events and electrocardiograms by their start, and sleep by its end.
	Start, End time.Time
}

// Extract reads everything of one user, or a part of it, as it is stored: all grains and sources side by side. It reads
// in pages, each in a transaction of its own, so that writers never wait for it; data that arrives meanwhile may be in
// it or not.
type Extract struct {
	service *Service
	user    uuid.UUID
	metrics []string
	within  store.Range
}

// Extract prepares an extract. NotFound: there is no such metric.
func (s *Service) Extract(ctx context.Context, user account.User, request ExtractRequest) (*Extract, error) {
	within, err := rangeOf(request.Start, request.End)
	if err != nil {
		return nil, err
	}
	e := &Extract{service: s, user: user.ID, within: within}
	if len(request.Metrics) == 0 {
		infos, err := s.Config.Samples.Metrics(ctx, user.ID)
		for _, info := range infos {
			e.metrics = append(e.metrics, info.Metric)
		}
		e.metrics = slices.Compact(e.metrics) // ordered by name; one may be there in several units
		return e, err
	}
	for _, name := range request.Metrics {
		sel, err := s.selector(ctx, user.ID, name, "")
		if known, ok := errors.AsType[*problem.Error](err); ok {
			return nil, known.In("metrics")
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(e.metrics, sel.metric) {
			e.metrics = append(e.metrics, sel.metric)
		}
	}
	slices.Sort(e.metrics)
	return e, nil
}

// Samples yields samples metric by metric, in order of the metrics' names; those of a metric in the order of
// store.SampleReader.
func (e *Extract) Samples(ctx context.Context) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		for _, metric := range e.metrics {
			query := store.SampleQuery{Metric: metric, Range: e.within}
			for sample, err := range e.service.Config.Samples.Samples(ctx, e.user, query) {
				if !yield(sample, err) || err != nil {
					return
				}
			}
		}
	}
}

// Nights yields the nights that end in the range, in order of their dates.
func (e *Extract) Nights(ctx context.Context) iter.Seq2[health.Night, error] {
	return func(yield func(health.Night, error) bool) {
		for years := range e.years() {
			// A date is that of the place, which may be a day away from that of the range.
			first, last := years.From.Date(0)-1, years.To.Date(0)+1
			nights, err := e.service.Config.Sleep.Nights(ctx, e.user, first, last)
			if err != nil {
				yield(health.Night{}, err)
				return
			}
			for _, night := range nights {
				if at := endOf(&night); at >= years.From && at < years.To && !yield(night, nil) {
					return
				}
			}
		}
	}
}

// endOf returns when a night ended: at the end of its date where it has no times.
func endOf(n *health.Night) health.Instant {
	if _, end, ok := n.Span(); ok {
		return end
	}
	return (n.Date + 1).Midnight(n.Offset) - 1
}

// Segments yields the segments that end in the range.
func (e *Extract) Segments(ctx context.Context) iter.Seq2[health.Segment, error] {
	return func(yield func(health.Segment, error) bool) {
		for years := range e.years() {
			segments, err := e.service.Config.Sleep.Segments(ctx, e.user, years)
			if err != nil {
				yield(health.Segment{}, err)
				return
			}
			for _, segment := range segments {
				if !yield(segment, nil) {
					return
				}
			}
		}
	}
}

// yearLength is the range of sleep that is read at once: some ten thousand segments. It is not a whole number of days,
// so that no range ends at the instant 0, which would leave it open.
const yearLength = 365*health.Day + 1

// years splits the range into years. An open end is that of what a store can hold: nothing is older than 1900 or more
// than two days in the future.
func (e *Extract) years() iter.Seq[store.Range] {
	from, to := e.within.From, e.within.To
	if from == 0 {
		from = health.MinInstant - health.Day
	}
	if to == 0 {
		to = health.InstantOf(e.service.Now()) + 7*health.Day
	}
	return func(yield func(store.Range) bool) {
		for begin := from; begin < to; begin += yearLength {
			if !yield(store.Range{From: begin, To: min(begin+yearLength, to)}) {
				return
			}
		}
	}
}

// Workouts yields workouts with their series and routes, newest first.
func (e *Extract) Workouts(ctx context.Context) iter.Seq2[health.Workout, error] {
	return func(yield func(health.Workout, error) bool) {
		query := store.WorkoutQuery{Range: e.within, Limit: workoutsOnPage}
		for listed, err := range store.AllWorkouts(ctx, e.service.Config.Workouts, e.user, query) {
			if err != nil {
				yield(health.Workout{}, err)
				return
			}
			whole, err := e.service.Config.Workouts.Workout(ctx, e.user, listed.ID)
			if errors.Is(err, problem.NotFound) { // deleted since the listing
				continue
			}
			if !yield(whole, err) || err != nil {
				return
			}
		}
	}
}

// Events yields events in order of time; where the range is open at its start, those without a time come first.
func (e *Extract) Events(ctx context.Context) iter.Seq2[health.Event, error] {
	return store.AllEvents(ctx, e.service.Config.Events, e.user, store.EventQuery{Range: e.within, Limit: eventsOnPage})
}

// ECGs yields electrocardiograms with their voltages, in order of time.
func (e *Extract) ECGs(ctx context.Context) iter.Seq2[health.ECG, error] {
	return func(yield func(health.ECG, error) bool) {
		listed, err := e.service.Config.Events.ECGs(ctx, e.user, e.within, false)
		if err != nil {
			yield(health.ECG{}, err)
			return
		}
		for _, one := range listed {
			// At most one electrocardiogram of a user starts at an instant.
			whole, err := e.service.Config.Events.ECGs(ctx, e.user, store.Range{From: one.Start, To: one.Start + 1}, true)
			if err != nil {
				yield(health.ECG{}, err)
				return
			}
			for _, ecg := range whole {
				if !yield(ecg, nil) {
					return
				}
			}
		}
	}
}
