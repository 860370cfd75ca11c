// Package query answers questions about what is stored: samples, series, days, sleep, workouts and events. It decides
// which grain and source answer (by the rules in package health) and in which unit; it knows neither HTTP nor databases.
//
// The types it returns are the answers of the API: their JSON tags are its contract. Times are RFC 3339 in the offset
// they were recorded with, and what was not sent is null or left out, never zero.
package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// Config is what a Service reads from.
type Config struct {
	Samples  store.SampleReader
	Sleep    store.SleepReader
	Workouts store.WorkoutReader
	Events   store.EventReader
	// Summaries answers for whole local days. Without it, samples do, and sources are in their standard order.
	Summaries store.SummaryReader
	Catalog   *catalog.Catalog
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service answers questions. It keeps nothing between them and is safe for concurrent use.
//
// A request that cannot be answered is a *problem.Error of kind Invalid whose Field is the parameter at fault, or of
// kind NotFound; other errors are the store's.
type Service struct {
	Config
}

// New returns a service that reads from what config names.
func New(config Config) *Service {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{config}
}

// selector is how the samples of one metric are read: those stored in one unit, shown in another.
type selector struct {
	metric string
	// known is the catalogue's entry; nil where it has none.
	known      *catalog.Metric
	storedUnit string
	unit       string
	conversion catalog.Conversion
}

// identity leaves values as they are.
var identity = catalog.Conversion{Factor: 1}

// selector finds out what is meant by a metric's name and a unit, "" being the one the metric is stored in.
func (s *Service) selector(ctx context.Context, user uuid.UUID, name, unit string) (selector, error) {
	r := selector{metric: name, conversion: identity}
	known, ok := s.lookup(name)
	if ok {
		r.metric, r.known, r.storedUnit = known.Name, known, known.Unit
	} else {
		units, err := s.storedUnits(ctx, user, name)
		if err != nil {
			return selector{}, err
		}
		if len(units) == 0 {
			return selector{}, s.unknownMetric(name)
		}
		r.storedUnit = units[0]
	}
	r.unit = r.storedUnit
	if unit == "" || unit == r.storedUnit {
		return r, nil
	}
	conversion, ok := s.conversionTo(r, unit)
	if ok {
		r.unit, r.conversion = unit, conversion
		return r, nil
	}
	units, err := s.storedUnits(ctx, user, r.metric)
	if err != nil {
		return selector{}, err
	}
	if slices.Contains(units, unit) {
		r.storedUnit, r.unit = unit, unit
		return r, nil
	}
	return selector{}, unitError(r, units)
}

// lookup returns the catalogue's entry under which the samples of a metric are kept.
func (s *Service) lookup(name string) (*catalog.Metric, bool) {
	known, ok := s.Catalog.Lookup(name)
	if ok && strings.HasPrefix(known.Name, "blood_pressure_") {
		return s.Catalog.Lookup("blood_pressure") // its halves are kept there, also when they are sent alone
	}
	return known, ok
}

// conversionTo converts from the unit that r is stored in. The metric's own conversions come first: some units mean
// something only there, as the hours of stand hours do.
func (s *Service) conversionTo(r selector, unit string) (catalog.Conversion, bool) {
	if r.known != nil && r.storedUnit == r.known.Unit {
		if c, ok := r.known.Convert(unit); ok && c.Factor != 0 {
			return catalog.Conversion{Factor: 1 / c.Factor, Offset: -c.Offset / c.Factor}, true
		}
	}
	return s.Catalog.Conversion(r.storedUnit, unit)
}

func unitError(r selector, stored []string) error {
	allowed := slices.Clone(stored)
	if r.known != nil {
		allowed = append(allowed, r.known.AcceptedUnits...)
	}
	slices.Sort(allowed)
	allowed = slices.DeleteFunc(slices.Compact(allowed), func(unit string) bool { return unit == "" })
	return problem.New(problem.Invalid, "invalid_unit",
		"This metric cannot be shown in that unit. It can be in: "+strings.Join(allowed, ", ")+".").In("unit").Allowing(allowed...)
}

// storedUnits returns the units in which the user has samples of a metric, the one with the most samples first.
func (s *Service) storedUnits(ctx context.Context, user uuid.UUID, metric string) ([]string, error) {
	infos, err := s.Config.Samples.Metrics(ctx, user)
	if err != nil {
		return nil, err
	}
	infos = slices.DeleteFunc(infos, func(info store.MetricInfo) bool { return info.Metric != metric })
	slices.SortFunc(infos, func(a, b store.MetricInfo) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Unit, b.Unit))
	})
	units := make([]string, len(infos))
	for i, info := range infos {
		units[i] = info.Unit
	}
	return units, nil
}

// sourceOrder returns the order of sources that the user has set.
func (s *Service) sourceOrder(ctx context.Context, user uuid.UUID) (aggregate.SourceOrder, error) {
	if s.Summaries == nil {
		return aggregate.SourceOrder{}, nil
	}
	return s.Summaries.SourceOrder(ctx, user)
}

// convert changes the values of a sample to another unit.
func convert(s *health.Sample, c catalog.Conversion) {
	if c == identity {
		return
	}
	for _, v := range []*float64{&s.Value, &s.Min, &s.Max, &s.Systolic, &s.Diastolic} {
		*v = c.Apply(*v)
	}
}

// value returns v for JSON: nil where it is absent.
func value(v float64) *float64 {
	if health.IsAbsent(v) {
		return nil
	}
	return &v
}

// moment returns i for JSON: nil where it is 0, which stands for a time that was not sent.
func moment(i health.Instant, offset int32) *time.Time {
	if i == 0 {
		return nil
	}
	t := i.In(offset)
	return &t
}

// list returns a slice that is [] in JSON where it is nil.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// object returns a JSON object as it was stored; nil for "".
func object(text string) Object {
	if text == "" {
		return nil
	}
	return Object(text)
}

// rangeOf returns the range between two times, a zero time leaving that end open.
func rangeOf(start, end time.Time) (store.Range, error) {
	var r store.Range
	if !start.IsZero() {
		r.From = closedEnd(start)
	}
	if !end.IsZero() {
		r.To = closedEnd(end)
	}
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return r, problem.New(problem.Invalid, "invalid_range", "The end of the range must be after its start.").In("end")
	}
	return r, nil
}

// closedEnd returns t as an end of a range: a microsecond before the instant 0, which would stand for an open end.
func closedEnd(t time.Time) health.Instant {
	if i := instantOf(t); i != 0 {
		return i
	}
	return -1
}

// instantOf returns t, or where t is beyond what data can have, the nearest instant that is not.
func instantOf(t time.Time) health.Instant {
	switch {
	case t.Before(health.MinInstant.Time()):
		return health.MinInstant
	case t.After(health.MaxInstant.Time()):
		return health.MaxInstant
	}
	return health.InstantOf(t)
}

// pageLimit returns how many entries a page may have: what was asked for, or standard where that is 0.
func pageLimit(asked, standard, most int) (int, error) {
	if asked < 0 || asked > most {
		return 0, problem.New(problem.Invalid, "invalid_limit",
			fmt.Sprintf("The limit must be from 1 to %d; without one it is %d.", most, standard)).In("limit")
	}
	return cmp.Or(asked, standard), nil
}

// MetricName returns the canonical name of a metric of the catalogue that was named by any of its names.
func (s *Service) MetricName(name string) (canonical string, known bool) {
	metric, known := s.lookup(name)
	if !known {
		return "", false
	}
	return metric.Name, true
}
