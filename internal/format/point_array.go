package format

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// maxListedNames is how many field names a warning lists.
const maxListedNames = 20

// pointArray are the small objects of one array within an element: the readings of a series, the places of a route, the
// voltages of an ECG. One that cannot be read does not sink the element: it is left out, and a warning says so.
type pointArray struct {
	dropped, firstDropped int
	unknown               []string // names of fields that nobody has used, a few of them
}

// maxPoints is how many points one element may have, all its arrays together: nearly three days at one a second.
// What is kept of a point is many times as long as the few bytes it may be written in.
const maxPoints = 250_000

// countPoint counts a point of the element, and reports whether it may have it. One too many refuses the element.
func (e *elementReader) countPoint(field string) bool {
	if e.pointCount == maxPoints {
		e.reject(field, fmt.Sprintf("The element has too many points: more than %d.", maxPoints),
			"Send it in parts, for example with its readings by the minute instead of by the second.")
		return false
	}
	e.pointCount++
	return true
}

// capacity returns how many points array may add to the element at most: it has no more objects than opening braces.
func (e *elementReader) capacity(array jsontext.Value) int {
	return min(bytes.Count(array, []byte("{")), maxPoints-e.pointCount)
}

// each yields the elements of array in order, a nil object for what is no readable object, until the element has too
// many of them. The object is valid until the next one.
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

// pointAt reads the element of array that begins at start, into o, and returns where it ends. ok is false where it is
// not JSON.
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

// drop notes that the point with index i is left out.
func (p *pointArray) drop(i int) {
	if p.dropped == 0 {
		p.firstDropped = i
	}
	p.dropped++
}

// noteUnknown remembers which fields of a point were not used.
func (p *pointArray) noteUnknown(o *object) {
	for m := range o.unused() {
		if len(p.unknown) < maxListedNames && !slices.Contains(p.unknown, printable(m.name)) {
			p.unknown = append(p.unknown, printable(m.name))
		}
	}
}

// warn adds to e what became of the points of field.
func (p *pointArray) warn(e *elementReader, field string) {
	if p.dropped > 0 {
		e.warn(health.DroppedPoint,
			fmt.Sprintf("%d of the points in %q cannot be read and were left out.", p.dropped, field),
			map[string]any{"field": field, "dropped": p.dropped, "first_index": p.firstDropped})
	}
	if len(p.unknown) > 0 {
		slices.Sort(p.unknown)
		e.warn(health.UnknownField,
			fmt.Sprintf("The points in %q have fields that are not known; they are kept in the archive only.", field),
			map[string]any{"field": field, "fields": p.unknown})
	}
}

// sortByTime puts points in order of their time, unless one has none.
func sortByTime[P any](list []P, at func(*P) health.Instant) {
	for i := range list {
		if at(&list[i]) == 0 {
			return
		}
	}
	slices.SortStableFunc(list, func(a, b P) int {
		x, y := at(&a), at(&b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
