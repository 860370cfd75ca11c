package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// selector selects the samples of one metric: those stored in storedUnit, shown in unit.
type selector struct {
	metric string
	// known is the metric in the catalogue; nil where it is not there.
	known      *catalog.Metric
	storedUnit string
	unit       string
	conversion catalog.Conversion
}

// identity is the conversion that changes nothing.
var identity = catalog.Conversion{Factor: 1}

// selector resolves the name of a metric and a unit; "" is the unit the metric is stored in.
func (s *Service) selector(ctx context.Context, user uuid.UUID, name, unit string) (selector, error) {
	sel := selector{metric: name, conversion: identity}
	known, ok := s.Catalog.LookupStored(name)
	if ok {
		sel.metric, sel.known, sel.storedUnit = known.Name, known, known.Unit
	} else {
		units, err := s.storedUnits(ctx, user, name)
		if err != nil {
			return selector{}, err
		}
		if len(units) == 0 {
			return selector{}, s.unknownMetric(name)
		}
		sel.storedUnit = units[0]
	}
	sel.unit = sel.storedUnit
	if unit == "" || unit == sel.storedUnit {
		return sel, nil
	}
	conversion, ok := s.conversionTo(sel, unit)
	if ok {
		sel.unit, sel.conversion = unit, conversion
		return sel, nil
	}
	units, err := s.storedUnits(ctx, user, sel.metric)
	if err != nil {
		return selector{}, err
	}
	if slices.Contains(units, unit) {
		sel.storedUnit, sel.unit = unit, unit
		return sel, nil
	}
	return selector{}, unitError(sel, units)
}

// conversionTo returns the conversion from the unit that sel is stored in. The metric's own conversions come first:
// some units have a meaning only there, as hours have for apple_stand_hour.
func (s *Service) conversionTo(sel selector, unit string) (catalog.Conversion, bool) {
	if sel.known != nil && sel.storedUnit == sel.known.Unit {
		if c, ok := sel.known.Convert(unit); ok && c.Factor != 0 {
			return catalog.Conversion{Factor: 1 / c.Factor, Offset: -c.Offset / c.Factor}, true
		}
	}
	return s.Catalog.Conversion(sel.storedUnit, unit)
}

func unitError(sel selector, stored []string) error {
	allowed := slices.Clone(stored)
	if sel.known != nil {
		allowed = append(allowed, sel.known.AcceptedUnits...)
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

// convert changes the values of a sample to another unit.
func convert(s *health.Sample, c catalog.Conversion) {
	if c == identity {
		return
	}
	for _, v := range []*float64{&s.Value, &s.Min, &s.Max, &s.Systolic, &s.Diastolic} {
		*v = c.Apply(*v)
	}
}
