package health

import (
	"bytes"
	"cmp"
)

// MergedWorkout is a workout with all its entries. One workout may be stored more than once, because it was sent in
// several ways that share nothing but its times: the app sends its own id and a name in the phone's language, Apple's
// export has no id and names the activity differently, and the app's tables truncate times to the minute.
//
// All entries stay as they were sent. Queries return merged workouts.
type MergedWorkout struct {
	// Workout is the main entry: the one with an app id, else the one with a source. Complete adds what only the others
	// have.
	Workout
	// Also are the others.
	Also []Workout
}

// mergeTolerance is by how much the start and the end of a workout may differ between two ways: they round seconds.
const mergeTolerance = 3 * Second

// MergeSpread is how far apart two entries for one workout begin at most: one may be truncated to the minute.
const MergeSpread = minute

// sameActivity reports whether two entries of one user were sent in different ways and are the same workout: they begin
// and end at the same times. Names are in different languages and are not compared. Two entries of one way are two
// workouts, even if they are equal: two apps may have recorded one run, and the phone shows two.
func (w *Workout) sameActivity(o *Workout) bool {
	if w.channelRank() == o.channelRank() || w.End == 0 || o.End == 0 {
		return false
	}
	same := func(a, b Instant) bool {
		return max(a, b)-min(a, b) <= mergeTolerance || (w.maybeTruncated(a) || o.maybeTruncated(b)) && a.truncateToMinute() == b.truncateToMinute()
	}
	return same(w.Start, o.Start) && same(w.End, o.End)
}

// channelRank identifies the way an entry was sent, by the fields it has: the better one is greater.
func (w *Workout) channelRank() int {
	switch {
	case w.AppID != "":
		return 2
	case w.Source != "":
		return 1
	}
	return 0
}

// MergeWorkouts merges the entries of each workout. They may be in any order; the workouts are in the order of their
// main entries. The result for an entry depends only on those that begin within twice MergeSpread of it.
func MergeWorkouts(workouts []Workout) []MergedWorkout {
	parent := make([]int, len(workouts)) // the main entry, or an entry that leads to it
	for i := range workouts {
		parent[i] = closestEntry(workouts, i)
	}
	var merged []MergedWorkout
	indexOf := map[int]int{}
	for i := range workouts {
		if parent[i] == i {
			indexOf[i] = len(merged)
			merged = append(merged, MergedWorkout{Workout: workouts[i]})
		}
	}
	for i := range workouts {
		root := parent[i]
		for parent[root] != root { // each one is of a better way, so this ends
			root = parent[root]
		}
		if root != i {
			m := &merged[indexOf[root]]
			m.Also = append(m.Also, workouts[i])
		}
	}
	return merged
}

// closestEntry returns the entry of a better way that is the same workout as entry i, of several the one with the
// closest times; i where there is none.
func closestEntry(workouts []Workout, i int) (best int) {
	best = i
	w := &workouts[i]
	off := func(o *Workout) Instant {
		return max(w.Start, o.Start) - min(w.Start, o.Start) + max(w.End, o.End) - min(w.End, o.End)
	}
	for j := range workouts {
		o := &workouts[j]
		if o.channelRank() <= w.channelRank() || !w.sameActivity(o) {
			continue
		}
		if b := &workouts[best]; best == i ||
			cmp.Or(cmp.Compare(b.channelRank(), o.channelRank()), cmp.Compare(off(o), off(b)), bytes.Compare(o.ID[:], b.ID[:])) < 0 {
			best = j
		}
	}
	return best
}

// Complete adds to the main entry what only the others have: quantities, series, attributes, a time that it lacks or
// has truncated, and the route with the most points. Entries that were listed without series and routes are completed
// without them.
func (m *MergedWorkout) Complete() {
	if len(m.Also) == 0 {
		return
	}
	whole := Workout{Duration: Absent()}
	for i := len(m.Also) - 1; i >= 0; i-- {
		whole.complete(&m.Also[i])
	}
	whole.complete(&m.Workout)
	endOffset := whole.EndOffset()
	if m.End != 0 {
		endOffset = m.EndOffset()
	}
	whole.OffsetChange = endOffset - m.Offset
	whole.ID, whole.Offset, whole.Order = m.ID, m.Offset, m.Order
	m.Workout = whole
}

// complete merges o into w; the values of o win.
func (w *Workout) complete(o *Workout) {
	route := w.Route
	if len(o.Route) >= len(route) {
		route = o.Route
	}
	w.merge(o)
	w.Route = route
}
