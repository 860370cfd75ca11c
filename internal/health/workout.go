package health

import (
	"maps"

	"github.com/google/uuid"
)

// Workout is a training session. Its identity is AppID where the app sent one, else name, start and end.
type Workout struct {
	ID    uuid.UUID // given by the store
	AppID string    // the app's own id; "" where it sent none
	// Name is the activity as sent, in the phone's language.
	Name       string
	Start, End Instant // End is 0 where it was not sent
	// Offset is that of the start, OffsetChange by how much that of the end is more.
	Offset, OffsetChange int32
	Source               string
	// Duration is the active time in seconds, pauses left out; absent (NaN) where it was not sent.
	Duration float64
	// Quantities are single values of the workout by name (active_energy, distance, avg_heart_rate …), in canonical
	// units.
	Quantities map[string]Quantity
	// Series are the readings during it, by name (heart_rate_data, step_count …), each in order of time.
	Series map[string][]SeriesPoint
	Route  []RoutePoint
	// Attributes is a JSON object of what else was sent (location, isIndoor, metadata …), as Sample.Attributes.
	Attributes string
	// Order is the place of the body, see Sample.Order.
	Order Instant
	// Part is set where this is not a workout but what a file has of one, its readings or its route. It is stored with the
	// workout it belongs to, see WholeOf, or not at all.
	Part bool
}

// Quantity is a value with its unit.
type Quantity struct {
	Value float64 `json:"qty"`
	Unit  string  `json:"unit"`
}

// SeriesPoint is one reading of a workout's series. A value that is not there is absent (NaN).
type SeriesPoint struct {
	Time            Instant // 0 where the point was sent without one
	Offset          int32
	Value, Min, Max float64
	Unit            string
	Source          string
}

// RoutePoint is one position of a route. Latitude and longitude are degrees in WGS 84, altitude and accuracies metres,
// speed m/s, course degrees; a value that was not sent, or that Core Location marks as unknown by a negative number, is
// absent (NaN). A negative horizontal accuracy is kept: it says that the position is not valid, see Outliers.
type RoutePoint struct {
	Time                                 Instant // 0 where the point was sent without one
	Latitude, Longitude, Altitude        float64
	Speed, Course                        float64
	HorizontalAccuracy, VerticalAccuracy float64
	SpeedAccuracy, CourseAccuracy        float64
}

// SameWorkout reports whether two elements are the same workout: the same app id; or, where one of them has none, the
// same name, start and end. An end that was not sent matches any, and times truncated to the minute match exact ones.
func (w *Workout) SameWorkout(o *Workout) bool {
	if w.AppID != "" && o.AppID != "" {
		return w.AppID == o.AppID
	}
	return w.Name == o.Name && w.sameTimes(o)
}

// MergeFrom merges another entry for the same workout into w, and reports whether w changed. Field by field, the one
// received later wins; what it lacks or has empty (a quantity, a series, the route) stays.
func (w *Workout) MergeFrom(other *Workout) bool {
	if other.Order < w.Order {
		base := *other
		base.Quantities, base.Series = maps.Clone(other.Quantities), maps.Clone(other.Series)
		base.merge(w)
		return w.merge(&base)
	}
	return w.merge(other)
}

func (w *Workout) merge(later *Workout) bool {
	var m merger
	m.text(&w.AppID, later.AppID)
	m.text(&w.Name, later.Name)
	m.text(&w.Source, later.Source)
	if !later.truncates(later.Start, w.Start) {
		m.instant(&w.Start, later.Start)
	}
	if w.End == 0 || !later.truncates(later.End, w.End) {
		m.instant(&w.End, later.End)
	}
	endOffset := w.EndOffset()
	if later.End != 0 {
		endOffset = later.EndOffset()
	}
	m.value(&w.Duration, later.Duration)
	for name, sent := range later.Quantities {
		have, ok := w.Quantities[name]
		if IsAbsent(sent.Value) || ok && have.Unit == sent.Unit && SameValue(have.Value, sent.Value) {
			continue
		}
		if w.Quantities == nil {
			w.Quantities = map[string]Quantity{}
		}
		w.Quantities[name], m.changed = sent, true
	}
	for name, sent := range later.Series {
		if len(sent) == 0 || sameSeries(w.Series[name], sent) {
			continue
		}
		if w.Series == nil {
			w.Series = map[string][]SeriesPoint{}
		}
		w.Series[name], m.changed = sent, true
	}
	if len(later.Route) > 0 && !sameRoute(w.Route, later.Route) {
		w.Route, m.changed = later.Route, true
	}
	m.attributes(&w.Attributes, later.Attributes)
	if m.changed {
		w.OffsetChange = endOffset - later.Offset
	}
	return m.finish(&w.Offset, later.Offset, &w.Order, later.Order)
}

// EndOffset returns the offset from UTC at which the workout ended.
func (w *Workout) EndOffset() int32 { return w.Offset + w.OffsetChange }

func sameSeries(a, b []SeriesPoint) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		p, q := &a[i], &b[i]
		if p.Time != q.Time || p.Unit != q.Unit || p.Source != q.Source ||
			!SameValue(p.Value, q.Value) || !SameValue(p.Min, q.Min) || !SameValue(p.Max, q.Max) {
			return false
		}
	}
	return true
}

func sameRoute(a, b []RoutePoint) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		p, q := &a[i], &b[i]
		if p.Time != q.Time || !SameValue(p.Latitude, q.Latitude) || !SameValue(p.Longitude, q.Longitude) ||
			!SameValue(p.Altitude, q.Altitude) || !SameValue(p.Speed, q.Speed) || !SameValue(p.Course, q.Course) ||
			!SameValue(p.HorizontalAccuracy, q.HorizontalAccuracy) || !SameValue(p.VerticalAccuracy, q.VerticalAccuracy) ||
			!SameValue(p.SpeedAccuracy, q.SpeedAccuracy) || !SameValue(p.CourseAccuracy, q.CourseAccuracy) {
			return false
		}
	}
	return true
}

// minute is the precision of the times in the app's tables of workouts.
const minute = 60 * Second

// StartMinute returns the minute in which the workout began: all entries for a workout have the same.
func (w *Workout) StartMinute() Instant { return w.Start.truncateToMinute() }

func (i Instant) truncateToMinute() Instant {
	return Instant(floorDiv(int64(i), int64(minute))) * minute
}

// maybeTruncated reports whether a time of the workout may be truncated to the minute, as the app does in CSV, where it
// sends neither an id nor a source. A workout that begins or ends exactly on a minute does no harm.
func (w *Workout) maybeTruncated(t Instant) bool {
	return w.AppID == "" && w.Source == "" && t%minute == 0
}

// sameTimes reports whether two entries of one name have the same times, as precisely as both of them are. An end that
// was not sent matches any.
func (w *Workout) sameTimes(o *Workout) bool {
	same := func(a, b Instant) bool {
		return a == b || (w.maybeTruncated(a) || o.maybeTruncated(b)) && a.truncateToMinute() == b.truncateToMinute()
	}
	return same(w.Start, o.Start) && (w.End == 0 || o.End == 0 || same(w.End, o.End))
}

// truncates reports whether t, a time of w, is the known time truncated to the minute.
func (w *Workout) truncates(t, known Instant) bool {
	return w.maybeTruncated(t) && t == known.truncateToMinute()
}
