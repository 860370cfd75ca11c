package health

import (
	"bytes"
	"cmp"
)

// MergedWorkout is a workout as the person did it. The same one may have been stored more than once, because it was sent in
// several ways that have nothing in common but its times: the app sends its own id and a name in the phone's language,
// Apple's export has no id and names the activity its own way, and the app's tables cut times off at the minute.
//
// All entries stay as they were sent. ResponseCache for people are about trainings.
type MergedWorkout struct {
	// Workout is the entry that answers: the one with an app id, else the one that says its source. See Complete for what
	// only the others know.
	Workout
	// Also are the others.
	Also []Workout
}

// mergeTolerance is by how much two ways may differ in when a training began and ended: they round seconds.
const mergeTolerance = 3 * Second

// MergeSpread is how far apart two entries for one training begin at most: one may be cut off at the minute.
const MergeSpread = minute

// sameActivity reports whether two entries for workouts of one person were sent in different ways and are the same
// training: they begin and end at the same times. Names do not count, since they are in different languages. Two entries
// of one way are two workouts, even if they are alike: two apps may have recorded one run, and the phone shows two.
func (w *Workout) sameActivity(o *Workout) bool {
	if w.channelRank() == o.channelRank() || w.End == 0 || o.End == 0 {
		return false
	}
	same := func(a, b Instant) bool {
		return max(a, b)-min(a, b) <= mergeTolerance || (w.maybeTruncated(a) || o.maybeTruncated(b)) && a.truncateToMinute() == b.truncateToMinute()
	}
	return same(w.Start, o.Start) && same(w.End, o.End)
}

// channelRank tells how an entry was sent, by what it knows: the better ones are higher.
func (w *Workout) channelRank() int {
	switch {
	case w.AppID != "":
		return 2
	case w.Source != "":
		return 1
	}
	return 0
}

// MergeWorkouts brings the entries together that are one training. They may be in any order; the trainings are in the order of
// the entries that answer for them. What becomes of an entry depends only on those that begin within twice
// TrainingSpread of it.
func MergeWorkouts(workouts []Workout) []MergedWorkout {
	parent := make([]int, len(workouts)) // the entry that answers for it, or one that leads there
	for i := range workouts {
		parent[i] = closestEntry(workouts, i)
	}
	var merged []MergedWorkout
	at := map[int]int{}
	for i := range workouts {
		if parent[i] == i {
			at[i] = len(merged)
			merged = append(merged, MergedWorkout{Workout: workouts[i]})
		}
	}
	for i := range workouts {
		root := parent[i]
		for parent[root] != root { // each one is of a better way, so this ends
			root = parent[root]
		}
		if root != i {
			t := &merged[at[root]]
			t.Also = append(t.Also, workouts[i])
		}
	}
	return merged
}

// closestEntry returns which entry of a better way is the same training as an entry, of several the one whose times are the
// closest; the entry itself where there is none.
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

// Complete adds to the entry that answers what only the others know: figures, series, attributes, a time that it has cut
// off at the minute or left out, and the route that has the most points. Entries that were listed without their series
// and routes are completed without them.
func (t *MergedWorkout) Complete() {
	if len(t.Also) == 0 {
		return
	}
	whole := Workout{Duration: Absent()}
	for i := len(t.Also) - 1; i >= 0; i-- {
		whole.complete(&t.Also[i])
	}
	whole.complete(&t.Workout)
	whole.ID, whole.Offset, whole.Received = t.ID, t.Offset, t.Received
	t.Workout = whole
}

// complete lets what o says go before what w says.
func (w *Workout) complete(o *Workout) {
	route := w.Route
	if len(o.Route) >= len(route) {
		route = o.Route
	}
	w.merge(o)
	w.Route = route
}
