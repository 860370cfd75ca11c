package catalog

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

var metricColumns = []string{
	"name", "healthkit_identifier", "category", "shape", "unit", "accepted_units", "aggregation",
	"min", "max", "suspicious_min", "suspicious_max", "aliases", "notes", "ucum", "loinc",
	"record", "record_order", "ring", "goal", "user_entered", "style", "hold", "settling",
}

// Parse builds a catalogue from the texts of its three tables and checks them: no text names two metrics, every
// accepted unit converts, ranges are in order, no two metrics fill one ring. An error names the line at fault.
func Parse(metrics, categories, units string) (*Catalog, error) {
	table, err := parseUnits(units)
	if err != nil {
		return nil, err
	}
	fhirCategories, err := parseCategories(categories)
	if err != nil {
		return nil, err
	}
	c := &Catalog{names: map[string]*Metric{}, units: table}
	var withGoal []row
	for r, err := range rows("metrics.tsv", metrics, metricColumns) {
		if err != nil {
			return nil, err
		}
		if err := c.add(r, fhirCategories); err != nil {
			return nil, r.errorf("%w", err)
		}
		if r.value("goal") != "" {
			withGoal = append(withGoal, r)
		}
	}
	for _, r := range withGoal { // a goal may be a later line
		if err := c.setGoal(r); err != nil {
			return nil, r.errorf("%w", err)
		}
	}
	slices.SortFunc(c.metrics, func(a, b *Metric) int { return cmp.Compare(a.Name, b.Name) })
	return c, nil
}

func (c *Catalog) add(r row, fhirCategories map[string]string) error {
	m, err := c.metric(r)
	if err != nil {
		return err
	}
	var ok bool
	if m.FHIRCategory, ok = fhirCategories[m.Category]; !ok {
		return fmt.Errorf("%s: the category %q is not in categories.tsv", m.Name, m.Category)
	}
	for _, other := range c.metrics {
		if m.Record != "" && other.recordOrder == m.recordOrder {
			return fmt.Errorf("%s: %s has the record_order %g already", m.Name, other.Name, m.recordOrder)
		}
		if m.Ring != "" && other.Ring == m.Ring {
			return fmt.Errorf("%s: the ring %s is that of %s already", m.Name, m.Ring, other.Name)
		}
	}
	c.metrics = append(c.metrics, m)
	names := append([]string{m.Name}, m.Aliases...)
	if m.HealthKitID != "" {
		names = append(names, m.HealthKitID)
	}
	for _, name := range names {
		if name == "" {
			return fmt.Errorf("an alias is empty")
		}
		if other, ok := c.names[normalName(name)]; ok {
			return fmt.Errorf("%q names both %s and %s", name, other.Name, m.Name)
		}
		c.names[normalName(name)] = m
		c.names[name] = m
	}
	return nil
}

// metric parses and checks one line by itself.
func (c *Catalog) metric(r row) (*Metric, error) {
	var err error
	m := &Metric{
		Name:        r.value("name"),
		HealthKitID: r.value("healthkit_identifier"),
		Category:    r.value("category"),
		Shape:       Shape(r.value("shape")),
		Unit:        r.value("unit"),
		Aggregation: Aggregation(r.value("aggregation")),
		Aliases:     r.list("aliases"),
		Notes:       r.value("notes"),
		UCUM:        r.value("ucum"),
		LOINC:       r.list("loinc"),
		Record:      Record(r.value("record")),
		Ring:        Ring(r.value("ring")),
		units:       c.units,
	}
	if m.Name == "" || m.Name != normalName(m.Name) {
		return nil, fmt.Errorf("the name %q must be in lower case and not empty", m.Name)
	}
	if m.Category == "" {
		return nil, fmt.Errorf("%s has no category", m.Name)
	}
	if !slices.Contains(shapes, m.Shape) {
		return nil, fmt.Errorf("%s: the shape %q is unknown", m.Name, m.Shape)
	}
	if !slices.Contains(aggregations, m.Aggregation) {
		return nil, fmt.Errorf("%s: the aggregation %q is unknown", m.Name, m.Aggregation)
	}
	if err := m.acceptUnits(r.list("accepted_units")); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if err := m.setStyle(r); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if err := m.setRanges(r); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if err := m.setRecord(r); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if m.Ring != "" && !slices.Contains(rings, m.Ring) {
		return nil, fmt.Errorf("%s: the ring %q is unknown", m.Name, m.Ring)
	}
	if (m.Ring == "") != (r.value("goal") == "") {
		return nil, fmt.Errorf("%s: a metric has a goal when it has a ring, and only then", m.Name)
	}
	if m.UserEntered, err = r.flag("user_entered"); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if m.UserEntered && (m.Shape == ShapeEvent || m.Shape == ShapeCorrelation) {
		return nil, fmt.Errorf("%s: what has the shape %s has no values that somebody enters", m.Name, m.Shape)
	}
	if (m.UCUM == "") != (m.Unit == "") {
		return nil, fmt.Errorf("%s: a metric has a UCUM code when it has a unit, and only then", m.Name)
	}
	for _, code := range m.LOINC {
		if !validLOINC(code) {
			return nil, fmt.Errorf("%s: %q is not a LOINC code: its check digit does not fit", m.Name, code)
		}
	}
	return m, nil
}

var (
	shapes = []Shape{
		ShapeQuantity, ShapeRange, ShapeBloodPressure, ShapeNamedCounts, ShapeSleep, ShapeEvent, ShapeCorrelation,
	}
	aggregations = []Aggregation{AggregationSum, AggregationAverage, AggregationLatest, AggregationSpecial}
	records      = []Record{RecordHighestDay, RecordHighest, RecordLowest}
	rings        = []Ring{RingMove, RingExercise, RingStand}
)

// setRecord reads the place of the metric's record among all records.
func (m *Metric) setRecord(r row) (err error) {
	if m.Record != "" && !slices.Contains(records, m.Record) {
		return fmt.Errorf("the record %q is unknown", m.Record)
	}
	if m.Record != "" && !m.HasDailyValue() {
		return fmt.Errorf("a metric of the shape %s has no record, since it has no value of a day", m.Shape)
	}
	if (m.Record == "") != (r.value("record_order") == "") {
		return fmt.Errorf("a metric has a record_order when it has a record, and only then")
	}
	m.recordOrder, err = r.number("record_order")
	return err
}

// setGoal finds the metric in the column goal.
func (c *Catalog) setGoal(r row) error {
	m, name := c.names[r.value("name")], r.value("goal")
	goal, ok := c.names[name]
	if !ok || goal.Name != name {
		return fmt.Errorf("%s: the goal %q is not the name of a metric", m.Name, name)
	}
	if goal.Unit != m.Unit {
		return fmt.Errorf("%s: the goal %s is in %s, not in %s", m.Name, name, goal.Unit, m.Unit)
	}
	m.Goal = goal
	return nil
}

// acceptUnits sets the conversions to m.Unit. An entry is a unit of the dimension of m.Unit, or "unit=other" where for
// this metric alone a unit of another dimension means the same as other: hours stood are a count of hours.
func (m *Metric) acceptUnits(entries []string) error {
	if m.Unit == "" {
		if len(entries) > 0 || m.Shape != ShapeEvent && m.Shape != ShapeCorrelation {
			return fmt.Errorf("there is no canonical unit")
		}
		return nil
	}
	canonical, ok := m.units.find(m.Unit)
	if !ok || canonical.name != m.Unit {
		return fmt.Errorf("the canonical unit %q is not in the unit table", m.Unit)
	}
	m.conversions = map[*unit]Conversion{}
	for _, entry := range entries {
		name, equivalent, equal := strings.Cut(entry, "=")
		if !equal {
			equivalent = name
		}
		accepted, ok := m.units.find(name)
		if !ok || accepted.name != name {
			return fmt.Errorf("the accepted unit %q is not in the unit table", name)
		}
		same, ok := m.units.find(equivalent)
		if !ok {
			return fmt.Errorf("the accepted unit %q means %q, which is not in the unit table", name, equivalent)
		}
		conversion, ok := same.conversions[canonical]
		if !ok {
			return fmt.Errorf("the accepted unit %q does not convert to %s", name, m.Unit)
		}
		if _, twice := m.conversions[accepted]; twice {
			return fmt.Errorf("the unit %q is accepted twice", name)
		}
		m.conversions[accepted] = conversion
		m.AcceptedUnits = append(m.AcceptedUnits, name)
	}
	if !slices.Contains(m.AcceptedUnits, m.Unit) {
		return fmt.Errorf("the canonical unit %q is not among the accepted units", m.Unit)
	}
	return nil
}

// validLOINC reports whether code has the form of a LOINC code, a number and its check digit (modulus 10, as that of
// credit cards): a mistyped code would name another measurement.
func validLOINC(code string) bool {
	number, check, ok := strings.Cut(code, "-")
	if !ok || number == "" || len(check) != 1 {
		return false
	}
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i] - '0')
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 0 {
			digit *= 2
		}
		sum += digit/10 + digit%10
	}
	return (10-sum%10)%10 == int(check[0]-'0')
}

func (m *Metric) setRanges(r row) error {
	for _, bound := range []struct {
		column string
		value  *float64
	}{
		{"min", &m.Min}, {"max", &m.Max}, {"suspicious_min", &m.SuspiciousMin}, {"suspicious_max", &m.SuspiciousMax},
	} {
		var err error
		if *bound.value, err = r.number(bound.column); err != nil {
			return err
		}
	}
	bounds := slices.DeleteFunc([]float64{m.Min, m.SuspiciousMin, m.SuspiciousMax, m.Max}, math.IsNaN)
	for i := 1; i < len(bounds); i++ {
		if bounds[i-1] >= bounds[i] {
			return fmt.Errorf("the ranges must be ordered min < suspicious_min < suspicious_max < max")
		}
	}
	return nil
}
