package assemble

import (
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// otherElements holds the elements of a body that are not samples.
type otherElements struct {
	nights   *elementBuffer[health.Night]
	segments *elementBuffer[health.Segment]
	workouts *elementBuffer[health.Workout]
	parts    *elementBuffer[health.Workout]
	events   *elementBuffer[health.Event]
	ecgs     *elementBuffer[health.ECG]
}

func newOtherElements(dir string, report *health.Report) otherElements {
	workouts := func(refusal func(health.Position, string) *health.Rejection) *elementBuffer[health.Workout] {
		return &elementBuffer[health.Workout]{
			dir: dir, report: report, refusal: refusal,
			keys:  workoutKeys,
			same:  (*health.Workout).SameWorkout,
			merge: func(w, later *health.Workout) { w.MergeFrom(later) },
			size:  workoutSize,
		}
	}
	return otherElements{
		nights: &elementBuffer[health.Night]{
			dir: dir, report: report,
			keys:  func(n *health.Night) []string { return []string{n.Date.String() + "|" + n.Source} },
			same:  (*health.Night).SameNight,
			merge: func(n, later *health.Night) { n.MergeFrom(later) },
			size:  func(n *health.Night) int { return 250 + len(n.Attributes) },
		},
		segments: &elementBuffer[health.Segment]{
			dir: dir, report: report,
			keys: func(s *health.Segment) []string {
				return []string{fmt.Sprintf("%d|%d|%s|%s", s.Start, s.End, s.Stage, s.Source)}
			},
			same: func(a, b *health.Segment) bool { return true },
			merge: func(s, later *health.Segment) {
				s.Attributes = health.MergeAttributes(s.Attributes, later.Attributes)
			},
			size: func(s *health.Segment) int { return 250 + len(s.Attributes) },
		},
		workouts: workouts(databaseRefused),
		parts:    workouts(withoutWorkout),
		events: &elementBuffer[health.Event]{
			dir: dir, report: report,
			keys:  func(e *health.Event) []string { return []string{fmt.Sprintf("%q", e.Key())} },
			same:  func(first, later *health.Event) bool { return later.Repeats(first) },
			merge: func(e, later *health.Event) { e.MergeFrom(later) },
			size:  func(e *health.Event) int { return 300 + len(e.Attributes) },
		},
		ecgs: &elementBuffer[health.ECG]{
			dir: dir, report: report,
			keys:  func(e *health.ECG) []string { return []string{fmt.Sprint(e.Start)} },
			same:  func(a, b *health.ECG) bool { return true },
			merge: func(e, later *health.ECG) { e.MergeFrom(later) },
			size:  func(e *health.ECG) int { return 300 + 16*len(e.Voltages) + len(e.Attributes) },
		},
	}
}

// workoutKeys returns the keys of a workout: its id, and its name with the minute of its start.
func workoutKeys(w *health.Workout) []string {
	keys := []string{fmt.Sprintf("at %d %s", w.StartMinute(), w.Name)}
	if w.AppID != "" {
		keys = append(keys, "id "+w.AppID)
	}
	return keys
}

func workoutSize(w *health.Workout) int {
	size := 1000 + len(w.Attributes) + 80*len(w.Route)
	for _, points := range w.Series {
		size += 80 * len(points)
	}
	return size
}

func (o *otherElements) close() {
	o.nights.close()
	o.segments.close()
	o.workouts.close()
	o.parts.close()
	o.events.close()
	o.ecgs.close()
}

// addOther takes a record that is not a sample: it checks its times, converts its units, and buffers it.
func (c *Collector) addOther(r *health.Record) error {
	at := &r.Position
	c.placeOther(r)
	var rejection *health.Rejection
	switch {
	case r.Night != nil:
		n := r.Night
		if rejection = c.checkTimes(at, n.SleepStart, n.SleepEnd, n.InBedStart, n.InBedEnd, n.Date.Midnight(n.Offset)); rejection == nil {
			rejection = c.checkNight(n, at)
		}
		if rejection == nil {
			n.Order = c.order
			return c.others.nights.add(r, n)
		}
	case r.Segment != nil:
		s := r.Segment
		if rejection = c.checkTimes(at, s.Start, s.End); rejection == nil && s.End < s.Start {
			rejection = refuse(at, "endDate", "The segment ends before it starts.", "Check the clock of the device that recorded it.")
		}
		if rejection == nil && !health.PossibleNight(s.Start, s.End) {
			rejection = refuse(at, "endDate", "The segment is longer than a day, which no sleep is.", "Check the start and the end.")
		}
		if rejection == nil {
			return c.others.segments.add(r, s)
		}
	case r.Workout != nil:
		w := r.Workout
		if rejection = c.checkTimes(at, w.Start, w.End); rejection == nil {
			w.Order = c.order
			c.resolver.convertWorkout(w)
			c.checkWorkout(w, at)
			if w.Part {
				return c.others.parts.add(r, w)
			}
			return c.others.workouts.add(r, w)
		}
	case r.Event != nil:
		e := r.Event
		if rejection = c.checkTimes(at, e.Start, e.End); rejection == nil {
			e.Order = c.order
			return c.others.events.add(r, e)
		}
	case r.ECG != nil:
		e := r.ECG
		if rejection = c.checkTimes(at, e.Start, e.End); rejection == nil {
			e.Order = c.order
			return c.others.ecgs.add(r, e)
		}
	}
	c.Reject(r.Kind(), r.Type, rejection)
	return nil
}

// checkTimes refuses an element with an impossible time; times that were not sent are 0.
func (c *Collector) checkTimes(at *health.Position, times ...health.Instant) *health.Rejection {
	for _, t := range times {
		if t == 0 {
			continue
		}
		if rejection := c.checkTime(at, "date", t); rejection != nil {
			return rejection
		}
	}
	return nil
}
