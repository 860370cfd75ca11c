package health

// Margins of a workout's time within which the readings of its files may lie: clocks of devices differ, and a heart rate
// is measured until it has recovered.
const (
	partBefore = minute
	partAfter  = 10 * minute
)

// WholeOf returns which of the workouts a part belongs to: the one of its name that begins when its file says, or else
// the only one that begins then. reason says why there is none.
func (w *Workout) WholeOf(workouts []Workout) (whole *Workout, reason string) {
	var others []*Workout
	for i := range workouts {
		c := &workouts[i]
		switch {
		case w.SameWorkout(c) && (whole == nil || c.Start == w.Start):
			whole = c
		case c.Start == w.Start, c.truncates(c.Start, w.Start):
			others = append(others, c)
		}
	}
	switch {
	case whole == nil && len(others) == 1:
		whole = others[0]
	case whole == nil && len(others) == 0:
		return nil, "No workout begins at the time in the name of the file."
	case whole == nil:
		return nil, "Several workouts begin at the time in the name of the file, and none of them has its name."
	}
	if !whole.spans(w) {
		return nil, "The points of the file are not from the time of the workout that its name says."
	}
	return whole, ""
}

// spans reports whether at least half of the points of a part that have a time are from that of the workout.
func (w *Workout) spans(part *Workout) bool {
	from, to := w.Start-partBefore, MaxInstant
	switch {
	case w.End != 0:
		to = w.End + partAfter
	case w.Duration > 0:
		to = w.Start + Instant(w.Duration*float64(Second)) + partAfter
	}
	timed, within := 0, 0
	count := func(t Instant) {
		if t == 0 {
			return
		}
		timed++
		if t >= from && t <= to {
			within++
		}
	}
	for i := range part.Route {
		count(part.Route[i].Time)
	}
	for _, points := range part.Series {
		for i := range points {
			count(points[i].Time)
		}
	}
	return 2*within >= timed
}

// Join makes a part an entry of the workout it belongs to, to be merged with it.
func (w *Workout) Join(whole *Workout) {
	w.Part, w.Name, w.AppID, w.Start, w.End = false, whole.Name, whole.AppID, w.startWithin(whole), whole.End
}

// startWithin returns the start of a part, in whose file's name are the seconds, unless the workout has another one.
func (w *Workout) startWithin(whole *Workout) Instant {
	if whole.truncates(whole.Start, w.Start) {
		return w.Start
	}
	return whole.Start
}
