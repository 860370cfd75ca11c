package health

import (
	"maps"
	"math"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Night is sleep as the app sums it: one period of sleep of one source, which may be a nap or a part of a night. Durations
// are hours; one that was not recorded is absent (NaN), never zero: the app writes 0 for "not recorded".
type Night struct {
	ID     uuid.UUID // given by the store
	Source string
	// Date is the local date of waking: DateOfSleep where there is a span, else as it was sent.
	Date Date
	// SleepStart and SleepEnd bound the sleep; InBedStart and InBedEnd the time in bed. Zero: not sent.
	SleepStart, SleepEnd, InBedStart, InBedEnd Instant
	// Offset is that of the ends, or of whichever time was sent. OffsetChange is by how much it is more than that of the
	// starts: 3600 where clocks were put forward in the night.
	Offset, OffsetChange int32
	// Asleep is sleep of unknown stage; it must not be added to the stages. Total is all sleep as it was sent: what was
	// slept is TotalSleep.
	Total, Asleep, Core, Deep, REM, Awake, InBed float64
	Attributes                                   string // JSON object of what else was sent, as Sample.Attributes
	// Order is the place of the latest body that had this night, see Sample.Order.
	Order Instant
	// FieldOrders has the places of the bodies of those fields that did not come with that one, as a JSON object; "" where
	// there are none. It makes the order in which bodies are processed indifferent. UnknownOrders is that of a night which a
	// release stored that did not keep it, and which may have fields of another span.
	FieldOrders string
}

// UnknownOrders is the FieldOrders of a night that the first entry of its span takes the place of, whole.
const UnknownOrders = "unknown"

// NewNight returns a night with all its durations absent.
func NewNight() Night {
	a := Absent()
	return Night{Total: a, Asleep: a, Core: a, Deep: a, REM: a, Awake: a, InBed: a}
}

// TotalSleep returns the hours of sleep: the total that was sent; without one, the sum of the stages; without those, the
// sleep of unknown stage. Absent (NaN) where no sleep was recorded. It is the one figure that answers how long somebody
// slept.
func (n *Night) TotalSleep() float64 {
	if !IsAbsent(n.Total) {
		return n.Total
	}
	stages := Absent()
	for _, hours := range []float64{n.Core, n.Deep, n.REM} {
		stages = AddHours(stages, hours)
	}
	if !IsAbsent(stages) {
		return stages
	}
	return n.Asleep
}

// AddHours adds two durations of which either may be absent. The sum is free of the noise of binary fractions.
func AddHours(a, b float64) float64 {
	switch {
	case IsAbsent(a):
		return b
	case IsAbsent(b):
		return a
	}
	const precision = 1e9
	return math.Round((a+b)*precision) / precision
}

// Span returns the interval of the night: the sleep, else the time in bed. ok is false when neither was sent, or only
// one end.
func (n *Night) Span() (start, end Instant, ok bool) {
	if n.hasSleepSpan() {
		return n.SleepStart, n.SleepEnd, true
	}
	if n.InBedStart != 0 && n.InBedEnd != 0 {
		return n.InBedStart, n.InBedEnd, true
	}
	return 0, 0, false
}

func (n *Night) hasSleepSpan() bool { return n.SleepStart != 0 && n.SleepEnd != 0 }

// StartOffset returns the offset from UTC at which the night began.
func (n *Night) StartOffset() int32 { return n.Offset - n.OffsetChange }

// evening is how long before midnight sleep begins the night of the next day.
const evening = 6 * 3600 * Second

// DateOfSleep returns the day that sleep belongs to: the local day of waking, by the offset at the end. Sleep that began
// at 18:00 or later and ended before midnight is the beginning of a night, and belongs to the next day; a nap that began
// in the afternoon belongs to its own day, whenever it ended.
func DateOfSleep(start, end Instant, offset int32) Date {
	return max(end.Date(offset), (start + evening).Date(offset))
}

// SetDate sets Date where the night has a span. A date that was sent beside it may be that of the evening.
func (n *Night) SetDate() {
	if start, end, ok := n.Span(); ok {
		n.Date = DateOfSleep(start, end, n.Offset)
	}
}

// sameSpan is by how much the ends of two entries of one span may differ: senders round seconds.
const sameSpan = 3 * Second

// comparableSpans reports whether two entries of a source have spans of one kind: of sleep, or in bed.
func (n *Night) comparableSpans(o *Night) bool {
	_, _, a := n.Span()
	_, _, b := o.Span()
	return n.Source == o.Source && a && b && n.hasSleepSpan() == o.hasSleepSpan()
}

// SameNight reports whether two entries are of the same sleep, so that their fields are merged: the same source, and the
// same span; or, where neither has a span, the same date.
func (n *Night) SameNight(o *Night) bool {
	if n.comparableSpans(o) {
		start, end, _ := n.Span()
		otherStart, otherEnd, _ := o.Span()
		return max(start, otherStart)-min(start, otherStart) <= sameSpan && max(end, otherEnd)-min(end, otherEnd) <= sameSpan
	}
	_, _, a := n.Span()
	_, _, b := o.Span()
	return n.Source == o.Source && n.Date == o.Date && !a && !b
}

// Holds reports whether the night says all that o can say: the span of o, of the same source, lies in that of the night
// and is shorter. A night without figures holds nothing.
func (n *Night) Holds(o *Night) bool {
	if !n.comparableSpans(o) || n.SameNight(o) || IsAbsent(n.TotalSleep()) && (n.hasSleepSpan() || IsAbsent(n.InBed)) {
		return false
	}
	start, end, _ := n.Span()
	otherStart, otherEnd, _ := o.Span()
	return start-sameSpan <= otherStart && otherEnd <= end+sameSpan
}

// AddedNight is what a new entry makes of the nights that are stored.
type AddedNight struct {
	Outcome Outcome
	// Night is what to store, where Write is set; an ID of zeros is to be replaced. Removed are the stored nights that it
	// holds, or that it is stored in place of. The night may have the ID of one of them.
	Night   Night
	Write   bool
	Removed []Night
}

// AddNight adds an entry to the stored nights of its source that are near it. Entries of the same span are merged. An
// entry that lies in a longer one changes nothing, and a longer one takes the place of all that lie in it, whole: figures
// of two spans are never mixed. Whatever the order in which entries are added, the same nights are stored in the end.
func AddNight(stored []Night, sent *Night) (added AddedNight) {
	added.Night, added.Outcome, added.Write = *sent, Inserted, true
	added.Night.SetDate()
	night := &added.Night
	for i := range stored {
		known := &stored[i]
		switch {
		case known.Holds(sent):
			return AddedNight{Outcome: Unchanged}
		case known.SameNight(sent):
			added.Night, added.Outcome = *known, Unchanged
			if known.FieldOrders == UnknownOrders {
				added.Night = *sent
				added.Night.ID = known.ID
				night.SetDate()
			}
			if night.MergeFrom(sent) || !night.SameFigures(known) {
				added.Outcome = Updated
			}
			added.Write = added.Outcome == Updated || night.Order != known.Order || night.FieldOrders != known.FieldOrders
			if night.Date != known.Date {
				added.Removed = append(added.Removed, *known)
			}
		}
	}
	for i := range stored {
		known := &stored[i]
		if known.ID == night.ID || !night.Holds(known) {
			continue
		}
		if night.ID == uuid.Nil {
			night.ID = known.ID
		}
		added.Removed, added.Outcome, added.Write = append(added.Removed, *known), Updated, true
	}
	return added
}

// nightField is a field of a night that is merged by itself.
type nightField struct {
	name  string
	empty func(n *Night) bool
	// take sets the field of n to that of o, and reports whether it was another.
	take func(n, o *Night) bool
}

func hoursField(name string, of func(*Night) *float64) nightField {
	return nightField{
		name, func(n *Night) bool { return IsAbsent(*of(n)) },
		func(n, o *Night) bool {
			var m merger
			m.value(of(n), *of(o))
			return m.changed
		},
	}
}

func instantField(name string, of func(*Night) *Instant) nightField {
	return nightField{
		name, func(n *Night) bool { return *of(n) == 0 },
		func(n, o *Night) bool {
			var m merger
			m.instant(of(n), *of(o))
			return m.changed
		},
	}
}

var nightFields = []nightField{
	instantField("sleep_start", func(n *Night) *Instant { return &n.SleepStart }),
	instantField("sleep_end", func(n *Night) *Instant { return &n.SleepEnd }),
	instantField("in_bed_start", func(n *Night) *Instant { return &n.InBedStart }),
	instantField("in_bed_end", func(n *Night) *Instant { return &n.InBedEnd }),
	hoursField("total", func(n *Night) *float64 { return &n.Total }),
	hoursField("asleep", func(n *Night) *float64 { return &n.Asleep }),
	hoursField("core", func(n *Night) *float64 { return &n.Core }),
	hoursField("deep", func(n *Night) *float64 { return &n.Deep }),
	hoursField("rem", func(n *Night) *float64 { return &n.REM }),
	hoursField("awake", func(n *Night) *float64 { return &n.Awake }),
	hoursField("in_bed", func(n *Night) *float64 { return &n.InBed }),
}

// offsetField is the name of the offset in FieldOrders. It is the only field of which the entry received first wins: the
// phone was then where the person slept, and re-sends old nights with the offset of where it is now.
const offsetField = "offset"

// MergeFrom merges another entry for the same sleep into n, and reports whether n has other values than before. Of each
// field the entry received later wins; an empty field never does.
func (n *Night) MergeFrom(other *Night) (changed bool) {
	orders, theirs := n.orders(), other.orders()
	for _, f := range nightFields {
		if f.empty(other) {
			continue
		}
		if f.empty(n) || theirs[f.name] >= orders[f.name] {
			changed = f.take(n, other) || changed
			orders[f.name] = theirs[f.name]
		}
	}
	changed = n.mergeAttributes(other) || changed
	if theirs[offsetField] < orders[offsetField] {
		changed = changed || n.Offset != other.Offset || n.OffsetChange != other.OffsetChange
		n.Offset, n.OffsetChange, orders[offsetField] = other.Offset, other.OffsetChange, theirs[offsetField]
	}
	n.Order = max(n.Order, other.Order)
	n.setOrders(orders)
	n.SetDate()
	return changed
}

// mergeAttributes merges what else was sent, member by member.
func (n *Night) mergeAttributes(other *Night) (changed bool) {
	earlier, later := n.Attributes, other.Attributes
	if other.Order < n.Order {
		earlier, later = later, earlier
	}
	merged := MergeAttributes(earlier, later)
	changed, n.Attributes = merged != n.Attributes, merged
	return changed
}

// SameFigures reports whether two nights have the same figures and times.
func (n *Night) SameFigures(o *Night) bool {
	a, b := *n, *o
	a.Order, a.FieldOrders = b.Order, b.FieldOrders
	changed := a
	if changed.MergeFrom(&b) {
		return false
	}
	changed = b
	return !changed.MergeFrom(&a)
}

// orders returns the places of the bodies that the fields came with, for those that are not empty.
func (n *Night) orders() map[string]Instant {
	orders := map[string]Instant{offsetField: n.Order}
	for _, f := range nightFields {
		if !f.empty(n) {
			orders[f.name] = n.Order
		}
	}
	if n.FieldOrders != "" && n.FieldOrders != UnknownOrders {
		// The text is ours. If it is damaged, the fields came with the latest body.
		_ = json.Unmarshal([]byte(n.FieldOrders), &orders)
	}
	return orders
}

func (n *Night) setOrders(orders map[string]Instant) {
	maps.DeleteFunc(orders, func(_ string, order Instant) bool { return order == n.Order })
	n.FieldOrders = ""
	if len(orders) > 0 {
		text, _ := json.Marshal(orders, json.Deterministic(true)) // a map of numbers
		n.FieldOrders = string(text)
	}
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
	// Offset is that of the start, OffsetChange by how much that of the end is more.
	Offset, OffsetChange int32
	Stage                Stage
	Attributes           string // JSON object of what else was sent, as Sample.Attributes
}

// EndOffset returns the offset from UTC at which the segment ended.
func (s *Segment) EndOffset() int32 { return s.Offset + s.OffsetChange }
