package health

import (
	"strings"

	"github.com/google/uuid"
)

// Night is sleep as the app sums it: one period of sleep of one source, which may be a nap. Durations are hours; one
// that was not recorded is absent (NaN), never zero: the app writes 0 for "not recorded".
type Night struct {
	ID     uuid.UUID // given by the store
	Source string
	// Date is the local date of waking.
	Date Date
	// SleepStart and SleepEnd bound the sleep; InBedStart and InBedEnd the time in bed. Zero: not sent.
	SleepStart, SleepEnd, InBedStart, InBedEnd Instant
	// Offset is that of SleepEnd, or of whichever time was sent.
	Offset int32
	// Asleep is sleep of unknown stage; it must not be added to the stages. Total is all sleep.
	Total, Asleep, Core, Deep, REM, Awake, InBed float64
	Attributes                                   string // JSON object of what else was sent, as Sample.Attributes
	// Order is the place of the body, see Sample.Order.
	Order Instant
}

// NewNight returns a night with all its durations absent.
func NewNight() Night {
	a := Absent()
	return Night{Total: a, Asleep: a, Core: a, Deep: a, REM: a, Awake: a, InBed: a}
}

// Span returns the interval of the night: the sleep, else the time in bed. ok is false when neither was sent, or only
// one end.
func (n *Night) Span() (start, end Instant, ok bool) {
	if n.SleepStart != 0 && n.SleepEnd != 0 {
		return n.SleepStart, n.SleepEnd, true
	}
	if n.InBedStart != 0 && n.InBedEnd != 0 {
		return n.InBedStart, n.InBedEnd, true
	}
	return 0, 0, false
}

// SameNight reports whether two entries are of the same night: same source and date, and spans that overlap. One
// without a span matches any night of its date.
func (n *Night) SameNight(o *Night) bool {
	if n.Source != o.Source || n.Date != o.Date {
		return false
	}
	aStart, aEnd, aOK := n.Span()
	bStart, bEnd, bOK := o.Span()
	if !aOK || !bOK {
		return true
	}
	return aStart < bEnd && bStart < aEnd || aStart == bStart
}

// MergeFrom merges another entry for the same night into n, and reports whether n changed. The non-empty fields of the
// one received later win.
func (n *Night) MergeFrom(other *Night) bool {
	if other.Order < n.Order {
		base := *other
		base.merge(n)
		return n.merge(&base)
	}
	return n.merge(other)
}

func (n *Night) merge(later *Night) bool {
	var m merger
	m.instant(&n.SleepStart, later.SleepStart)
	m.instant(&n.SleepEnd, later.SleepEnd)
	m.instant(&n.InBedStart, later.InBedStart)
	m.instant(&n.InBedEnd, later.InBedEnd)
	m.value(&n.Total, later.Total)
	m.value(&n.Asleep, later.Asleep)
	m.value(&n.Core, later.Core)
	m.value(&n.Deep, later.Deep)
	m.value(&n.REM, later.REM)
	m.value(&n.Awake, later.Awake)
	m.value(&n.InBed, later.InBed)
	m.attributes(&n.Attributes, later.Attributes)
	return m.finish(&n.Offset, later.Offset, &n.Order, later.Order)
}

// Stage is a stage of sleep.
type Stage string

// The stages. StageAsleep is sleep whose stage is not known; StageInBed is not sleep.
const (
	StageInBed  Stage = "in_bed"
	StageAsleep Stage = "asleep"
	StageCore   Stage = "core"
	StageDeep   Stage = "deep"
	StageREM    Stage = "rem"
	StageAwake  Stage = "awake"
)

// ParseStage parses a stage in any spelling the app or HealthKit uses (Core, AsleepCore, "In Bed",
// HKCategoryValueSleepAnalysisAsleepREM, Unspecified …), without regard to case. ok is false for any other text, which
// phones in other languages may send; the text is then the stage.
func ParseStage(s string) (stage Stage, ok bool) {
	text := strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(s))
	text = strings.TrimPrefix(text, "hkcategoryvaluesleepanalysis")
	switch text {
	case "inbed", "0":
		return StageInBed, true
	case "asleep", "asleepunspecified", "unspecified", "1":
		return StageAsleep, true
	case "awake", "2":
		return StageAwake, true
	case "core", "asleepcore", "light", "3":
		return StageCore, true
	case "deep", "asleepdeep", "4":
		return StageDeep, true
	case "rem", "asleeprem", "5":
		return StageREM, true
	}
	return Stage(s), false
}

// Segment is an interval in one stage of sleep. Source, Start, End and Stage together are its identity.
type Segment struct {
	Source     string
	Start, End Instant
	Offset     int32
	Stage      Stage
	Attributes string // JSON object of what else was sent, as Sample.Attributes
	// Order is the place of the body, see Sample.Order. It is not stored: a segment has nothing to update.
	Order Instant
}
