package health

import (
	"cmp"
	"math"
)

// Grain is the length in seconds of what a sample summarises. GrainRaw is a reading as the sensor or the person made
// it.
type Grain int32

// The grains that have names. Months and years are nominal (30 and 365 days): the value identifies them, it is not
// used for arithmetic.
const (
	GrainUnknown Grain = -1 // as decoded: to be derived from the header or the times of the other points
	GrainRaw     Grain = 0
	GrainMinute  Grain = 60
	GrainHour    Grain = 3600
	GrainDay     Grain = 86_400
	GrainWeek    Grain = 604_800
	GrainMonth   Grain = 2_592_000
	GrainYear    Grain = 31_536_000
)

// Sample is one value of a metric.
//
// A decoder leaves Metric and Unit as they were sent (or empty, where Record.Entry has them) and Grain at GrainUnknown
// unless the format defines it. After ingest has normalised the sample, Metric is the catalogue's name (or the name as
// sent, where it is not in the catalogue) and Unit the metric's canonical unit (or the unit as sent, where it cannot be
// converted).
//
// Which values are set depends on the shape of the metric: a quantity has Value; a minimum/average/maximum summary has
// Min, Value (the average) and Max, any of which may be missing; a blood pressure has Systolic and Diastolic. A value
// that is not set is NaN, see Absent.
type Sample struct {
	Metric string
	Unit   string
	// Source is the device or app as sent, several joined by "|" where HealthKit merged them.
	Source string
	// Start and End bound what the sample measures. End equals Start for an instantaneous sample and for summaries,
	// whose length is their Grain.
	Start, End Instant
	// Offset is the offset from UTC, in seconds, that the times were sent with: the local day is Start + Offset.
	Offset int32
	Grain  Grain
	// PerSource is set for a summary of one source among several that one body had for the same metric and time. Only
	// then is the source part of a summary's identity.
	PerSource bool
	// Inferred is set for a reading that came without any sign of what it is: it may be a summary, of which the body had too
	// few to tell. A summary of the same metric, start and value replaces it, see Restates.
	Inferred bool
	// Component is set for a sample inside a group of samples that the body usually also has in its list of all
	// samples. The two are one, also where the values of a metric add up.
	Component bool
	// Order is the place of the sample's body among the person's bodies: microseconds, near the time of receipt, and
	// increasing also where the server's clock steps back. It is stored: a body that is processed again, or late, never
	// replaces the values of one with a greater Order.
	Order Instant
	// AsOf is when the body was made, as far as is known: when its first byte arrived by the server's clock, or earlier
	// where the body says so. It decides which buckets had ended, and never which body wins.
	AsOf Instant
	// ZoneAssumed is set where the times came without an offset of the person's own (in UTC, or without any), so that
	// Offset is that of the user's zone.
	ZoneAssumed bool

	Value, Min, Max     float64
	Systolic, Diastolic float64

	// Attributes is a JSON object of everything else that came with the sample (context, mealTime, metadata …), under
	// the names it was sent with; "" where there was nothing. It is in the form of CanonicalJSON.
	Attributes string
}

// Absent is a value that was not sent: NaN.
func Absent() float64 { return math.NaN() }

// IsAbsent reports whether v is a value that was not sent.
func IsAbsent(v float64) bool { return v != v }

// NewSample returns a sample with all its values absent and its grain unknown.
func NewSample() Sample {
	nan := math.NaN()
	return Sample{Grain: GrainUnknown, Value: nan, Min: nan, Max: nan, Systolic: nan, Diastolic: nan}
}

// HasValue reports whether the sample has any value. One without was sent in a form that is not known: its parts are in
// Attributes, and no figure is made of it.
func (s *Sample) HasValue() bool {
	return !(IsAbsent(s.Value) && IsAbsent(s.Min) && IsAbsent(s.Max) && IsAbsent(s.Systolic) && IsAbsent(s.Diastolic))
}

// Complete reports whether the sample is a summary of a day or more that was received after its last day had ended, so
// that it cannot grow any more. An hour is added for the day on which clocks go back.
func (s *Sample) Complete() bool {
	if s.Grain < GrainDay {
		return false
	}
	end := s.LocalDate().After(s.Grain).Midnight(s.Offset) + 3600*Second
	return s.Order >= end
}

// LocalDate returns the local day on which the sample began.
func (s *Sample) LocalDate() Date { return s.Start.Date(s.Offset) }

// SampleKey is the identity of a sample within one user's data: two samples with the same key are the same sample,
// and the later one replaces the earlier. Stores use its fields as their primary key.
type SampleKey struct {
	Metric string
	Unit   string
	Grain  Grain
	// Time is the start; for a summary of a day or more it is midnight UTC of the local date, so that a summary sent
	// again with another offset, after travel, has the same key.
	Time Instant
	// End and Source are set for raw samples; Source also for summaries that are PerSource. The source text of a merged
	// summary changes between bodies, so it is not part of the key.
	End    Instant
	Source string
	// PerSource distinguishes a summary of one source from the merged summary.
	PerSource bool
}

// Key returns the identity of a normalised sample.
func (s *Sample) Key() SampleKey {
	key := SampleKey{Metric: s.Metric, Unit: s.Unit, Grain: s.Grain, Time: s.KeyTime()}
	switch {
	case s.Grain == GrainRaw:
		key.End, key.Source = s.End, s.Source
	case s.PerSource:
		key.Source, key.PerSource = s.Source, true
	}
	return key
}

// Compare is the order in which the samples of one metric are read: negative where k comes before o.
func (k SampleKey) Compare(o SampleKey) int {
	perSourceRank := func(k SampleKey) int {
		if k.PerSource {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(k.Time, o.Time),
		cmp.Compare(k.Grain, o.Grain),
		cmp.Compare(k.End, o.End),
		cmp.Compare(k.Source, o.Source),
		cmp.Compare(perSourceRank(k), perSourceRank(o)),
		cmp.Compare(k.Unit, o.Unit),
	)
}

// LaterThan reports whether s is a later value than o: the later start, of one start the finer grain. Any value is later
// than a sample without one.
func (s *Sample) LaterThan(o *Sample) bool {
	if has := s.HasValue(); has != o.HasValue() {
		return has
	}
	return s.Start > o.Start || s.Start == o.Start && s.Grain < o.Grain
}

// KeyTime is the time part of the sample's identity, see SampleKey.
func (s *Sample) KeyTime() Instant {
	if s.Grain >= GrainDay {
		return Instant(s.LocalDate()) * Day
	}
	return s.Start
}

// SameValue reports whether two values are the same reading: whether they differ by less than 1e-9 of their size. The
// app's arithmetic produces such noise between bodies.
func SameValue(a, b float64) bool {
	if a == b {
		return true
	}
	if IsAbsent(a) || IsAbsent(b) {
		return IsAbsent(a) && IsAbsent(b)
	}
	return math.Abs(a-b) < 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

// SameReading reports whether two samples with the same key have the same values and attributes. The source text and
// the offset of a summary, and when it was received, may differ.
func (s *Sample) SameReading(o *Sample) bool {
	return SameValue(s.Value, o.Value) && SameValue(s.Min, o.Min) && SameValue(s.Max, o.Max) &&
		SameValue(s.Systolic, o.Systolic) && SameValue(s.Diastolic, o.Diastolic) && s.Attributes == o.Attributes
}

// fillFrom sets the blood-pressure values that s lacks from o: systolic and diastolic may arrive as two elements, or in
// two bodies, and make one sample. A sample without any value takes those of o. It reports whether any was set.
func (s *Sample) fillFrom(o *Sample) bool {
	filled := !s.HasValue() && o.HasValue()
	if filled {
		s.Value, s.Min, s.Max = o.Value, o.Min, o.Max
	}
	if IsAbsent(s.Systolic) && !IsAbsent(o.Systolic) {
		s.Systolic, filled = o.Systolic, true
	}
	if IsAbsent(s.Diastolic) && !IsAbsent(o.Diastolic) {
		s.Diastolic, filled = o.Diastolic, true
	}
	return filled
}

// Replaces returns the outcome of storing s over old, a sample with the same key: Unchanged when old stays as it is,
// Updated when values or attributes change. s is first completed with what old has and s lacks (see fillFrom;
// attributes are never erased by their absence). Where old comes from a later body it wins, and s only adds what old
// lacks.
//
// After the call s is what has to be in the store; rewrite is true when that differs from what is stored: on every
// update, when a summary that was partial is now complete, and when a reading was Inferred that is no more.
func (s *Sample) Replaces(old *Sample) (outcome Outcome, rewrite bool) {
	inferred := s.Inferred && old.Inferred
	if s.Order < old.Order {
		late := *s
		*s = *old
		s.fillFrom(&late)
		s.Attributes = MergeAttributes(late.Attributes, old.Attributes)
	} else {
		s.fillFrom(old)
		s.Attributes = MergeAttributes(old.Attributes, s.Attributes)
	}
	s.Inferred = inferred
	if s.SameReading(old) {
		return Unchanged, s.Complete() && !old.Complete() || old.Inferred && !inferred
	}
	return Updated, true
}

// Span returns the interval of a sample, from included, to not. That of a summary ends with its minute, hour, local
// day, week, calendar month or year; a raw sample's is as sent, and may have no length.
func (s *Sample) Span() (from, to Instant) {
	switch {
	case s.Grain >= GrainDay:
		return s.LocalDate().Midnight(s.Offset), (s.LastDate() + 1).Midnight(s.Offset)
	case s.Grain > GrainRaw:
		return s.Start, s.Start + Instant(s.Grain)*Second
	default:
		return s.Start, max(s.Start, s.End)
	}
}

// LastDate returns the last local day of a summary of a day or more.
func (s *Sample) LastDate() Date {
	first := s.LocalDate()
	switch s.Grain {
	case GrainMonth:
		return DateOf(first.Time().AddDate(0, 1, 0)) - 1
	case GrainYear:
		return DateOf(first.Time().AddDate(1, 0, 0)) - 1
	default:
		return first + Date(s.Grain/GrainDay) - 1
	}
}
