package format

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// maxListedNames bounds the field names that a warning lists.
const maxListedNames = 20

// pointArray is an array of small objects within an element: the readings of a series, the points of a route, the
// voltages of an ECG. Points that cannot be read are dropped and counted, and warn reports them.
type pointArray struct {
	droppedPoints
	unknown []string // names of unused fields, up to maxListedNames
}

// droppedPoints counts the points of an element that cannot be read, and says why the first of them was left out.
type droppedPoints struct {
	dropped, firstDropped int
	reason                string
}

// drop counts the point with index i as dropped.
func (d *droppedPoints) drop(i int, reason string) {
	if d.dropped == 0 {
		d.firstDropped, d.reason = i, reason
	}
	d.dropped++
}

// warnings returns the warning about the dropped points of a field or file, none where there are none.
func (d *droppedPoints) warnings(field string) []health.Warning {
	if d.dropped == 0 {
		return nil
	}
	return []health.Warning{{
		Code:    health.DroppedPoint,
		Message: fmt.Sprintf("%d of the points in %q cannot be read and were left out. The first: %s.", d.dropped, field, d.reason),
		Details: map[string]any{"field": field, "dropped": d.dropped, "first_index": d.firstDropped, "reason": d.reason},
	}}
}

// maxPoints bounds the points of one element, in all its arrays together: nearly three days at one a second. A decoded
// point takes many times the memory of the few bytes it may be written in.
const maxPoints = 250_000

// countPoint counts a point of the element and reports whether it is within maxPoints. Otherwise the element is
// rejected.
func (e *elementReader) countPoint(field string) bool {
	if e.pointCount == maxPoints {
		e.reject(field, fmt.Sprintf("The element has too many points: more than %d.", maxPoints),
			"Send it in parts, for example with its readings by the minute instead of by the second.")
		return false
	}
	e.pointCount++
	return true
}

// capacity returns an upper bound of the points that array adds to the element: its opening braces.
func (e *elementReader) capacity(array jsontext.Value) int {
	return min(bytes.Count(array, []byte("{")), maxPoints-e.pointCount)
}

// each yields the elements of array in order, a nil object for one that is not a readable object, until the element has
// too many points. The object is valid until the next one is yielded.
func (p *pointArray) each(e *elementReader, field string, array jsontext.Value) iter.Seq2[int, *object] {
	return func(yield func(int, *object) bool) {
		var o object
		next := skipSpace(array, 1)
		for i := 0; next < len(array) && array[next] != ']'; i++ {
			point, end, ok := pointAt(&o, array, next)
			if !ok || point != nil && !e.countPoint(field) || !yield(i, point) {
				return
			}
			next = skipSpace(array, end)
			if next < len(array) && array[next] == ',' {
				next = skipSpace(array, next+1)
			}
		}
	}
}

// pointAt reads the element of array at start into o, and returns where it ends. point is nil where it is not a
// readable object, ok is false where it is not JSON.
func pointAt(o *object, array []byte, start int) (point *object, end int, ok bool) {
	if array[start] == '{' {
		length, err := o.scan(array[start:])
		if err == nil {
			return o, start + length, true
		}
		if length > 0 {
			return nil, start + length, true
		}
	}
	var other memberSpan
	end, err := other.scanValue(array, start, 0)
	return nil, end, err == nil
}

// noteUnknown collects the names of the unused fields of a point.
func (p *pointArray) noteUnknown(o *object) {
	for m := range o.unused() {
		if len(p.unknown) < maxListedNames && !slices.Contains(p.unknown, printable(m.name)) {
			p.unknown = append(p.unknown, printable(m.name))
		}
	}
}

// warn adds warnings to e about dropped points and unknown fields of the array field.
func (p *pointArray) warn(e *elementReader, field string) {
	e.warnings = append(e.warnings, p.warnings(field)...)
	if len(p.unknown) > 0 {
		slices.Sort(p.unknown)
		e.warn(health.UnknownField,
			fmt.Sprintf("The points in %q have fields that are not known; they are kept in the archive only.", field),
			map[string]any{"field": field, "fields": p.unknown})
	}
}

// readPoints reads the points of an array with read, and sorts them by time. read returns why a point is to be dropped, ""
// where it is not.
func readPoints[P any](
	e *elementReader, field string, array jsontext.Value, read func(*object) (P, string), sort func([]P),
) ([]P, *pointArray) {
	list := slices.Grow([]P(nil), e.capacity(array))
	var points pointArray
	for i, o := range points.each(e, field, array) {
		if o == nil {
			points.drop(i, unreadablePoint)
			continue
		}
		point, fault := read(o)
		if fault != "" {
			points.drop(i, fault)
			continue
		}
		points.noteUnknown(o)
		list = append(list, point)
	}
	sort(list)
	return list, &points
}

// Why a point is dropped.
const (
	unreadablePoint = "it is no object that can be read"
	unreadableTime  = "its time cannot be read"
	noValue         = "it has no number"
	contradiction   = "its minimum, average and maximum contradict each other"
	numberTooLarge  = "one of its numbers is too large"
)

func sortSeries(series []health.SeriesPoint) {
	sortByTime(series, func(p *health.SeriesPoint) health.Instant { return p.Time })
}

func sortRoute(route []health.RoutePoint) {
	sortByTime(route, func(p *health.RoutePoint) health.Instant { return p.Time })
}

// sortByTime sorts points by their time, unless one of them has none.
func sortByTime[P any](list []P, at func(*P) health.Instant) {
	for i := range list {
		if at(&list[i]) == 0 {
			return
		}
	}
	slices.SortStableFunc(list, func(a, b P) int { return cmp.Compare(at(&a), at(&b)) })
}
