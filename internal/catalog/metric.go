package catalog

import "time"

// Shape is which values a sample of a metric has, if it is a sample at all.
type Shape string

// The shapes.
const (
	ShapeQuantity      Shape = "quantity"       // one value
	ShapeRange         Shape = "min_avg_max"    // minimum, average and maximum, any of which may be missing; or one value
	ShapeBloodPressure Shape = "blood_pressure" // systolic and diastolic
	ShapeNamedCounts   Shape = "named_counts"   // several counts, each under a name of its own
	ShapeSleep         Shape = "sleep"          // nights and segments
	ShapeEvent         Shape = "event"          // something that happened; it has no value to sum or average
	ShapeCorrelation   Shape = "correlation"    // a group of records that are metrics of their own
)

// Aggregation is how the values of an interval become one.
type Aggregation string

// The aggregations.
const (
	AggregationSum     Aggregation = "sum"
	AggregationAverage Aggregation = "avg"
	AggregationLatest  Aggregation = "latest"
	AggregationSpecial Aggregation = "special" // sleep, which has its own rules
)

// Record is which day of a metric is its personal record.
type Record string

// The records.
const (
	RecordHighestDay Record = "highest_day" // the day with the greatest value
	RecordHighest    Record = "highest"     // the day with the greatest single value
	RecordLowest     Record = "lowest"      // the day with the smallest single value
)

// Ring is one of the rings of Apple's Activity app.
type Ring string

// The rings.
const (
	RingMove     Ring = "move"
	RingExercise Ring = "exercise"
	RingStand    Ring = "stand"
)

// Metric is one line of the catalogue. It is shared: callers must not change it.
type Metric struct {
	Name string
	// HealthKitID is Apple's identifier of the type; "" where Apple has none.
	HealthKitID string
	Category    string
	Shape       Shape
	// Unit is the canonical unit, in which values are stored; "" for what has no value.
	Unit string
	// AcceptedUnits are the units from which an exact conversion to Unit exists, Unit among them, each in the spelling
	// of the unit table. Convert also accepts their other spellings.
	AcceptedUnits []string
	Aggregation   Aggregation
	// Style is how HealthKit makes one value of several.
	Style Style
	// Hold is how long a value without a length is valid at most, until the next one of its source, where the mean is
	// weighted by time. HealthKit's figures for heart rates are met best with 40 s.
	Hold time.Duration
	// SettlingDay and SettlingShorter are how long after the end of a day, and of a shorter bucket, a watch may still
	// deliver what belongs to it. A summary that was made later than that is final.
	SettlingDay, SettlingShorter time.Duration
	// Min and Max bound the values that are possible, in Unit; a value outside is refused. NaN: no bound.
	//
	// Where Aggregation is AggregationSum they hold for one day and everything shorter. For a summary of n days the
	// caller compares with n times Max.
	Min, Max float64
	// SuspiciousMin and SuspiciousMax bound the values that are likely; one outside is stored with a warning. They
	// lie within Min and Max and scale as those do. NaN: no bound.
	SuspiciousMin, SuspiciousMax float64
	// Aliases are other names of the metric.
	Aliases []string
	Notes   string
	// UCUM is the code of Unit in the Unified Code for Units of Measure; "" where there is no unit.
	UCUM string
	// LOINC are the codes of the measurement in clinical systems, the one that the vital signs of FHIR require first;
	// none where no code means exactly this.
	LOINC []string
	// FHIRCategory is the code of Category in FHIR's observation categories; "" where none fits.
	FHIRCategory string
	// Record is the metric's personal record; "" where it has none.
	Record Record
	// Ring is the ring that the metric fills, and Goal the metric of the same unit that has the ring's goal of a day.
	// Ring is "" and Goal nil where the metric fills none.
	Ring Ring
	Goal *Metric

	// UserEntered is set where each value is one entry of a person or one measurement: a meal, a dose, a weighing, a blood
	// pressure. The app does not make summaries of them unless it is told to, so such a value is a reading wherever the
	// sender does not say otherwise.
	UserEntered bool

	recordOrder float64
	units       *unitTable
	conversions map[*unit]Conversion
}

// Cumulative reports whether the values of an interval are added up, as steps are and heart rates are not.
func (m *Metric) Cumulative() bool { return m.Aggregation == AggregationSum }

// HasDailyValue reports whether a day of the metric has a single value, which trends and comparisons use.
func (m *Metric) HasDailyValue() bool {
	return m.Shape == ShapeQuantity || m.Shape == ShapeRange || m.Shape == ShapeSleep
}

// Convert returns the conversion from a unit as it was sent to m.Unit. ok is false for a unit that is not among the
// accepted ones of this metric, whatever else it may be: such a value is to be kept as it was sent, never guessed at.
//
// Blanks around the unit are ignored, and so is its case except where case tells units apart (Cal and cal, S and s,
// mg and Mg). A metric that is never in another unit needs none: a heart rate is in count/min. That is not so for
// percentages, which some write as parts of one.
func (m *Metric) Convert(unit string) (conversion Conversion, ok bool) {
	if m.units == nil {
		return Conversion{}, false
	}
	if unit == "" && len(m.AcceptedUnits) == 1 && m.Unit != "%" {
		unit = m.Unit
	}
	sent, ok := m.units.find(unit)
	if !ok {
		return Conversion{}, false
	}
	conversion, ok = m.conversions[sent]
	return conversion, ok
}
