package ingest

import (
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
)

// addOther takes a record that is not a sample: it checks its times, converts its units, and holds it.
func (c *Collector) addOther(r *health.Record) error {
	at := &r.Position
	var rejection *health.Rejection
	switch {
	case r.Night != nil:
		n := r.Night
		if rejection = c.checkTimes(at, n.SleepStart, n.SleepEnd, n.InBedStart, n.InBedEnd, n.Date.Midnight(n.Offset)); rejection == nil {
			n.Received = c.asOf
			return c.others.nights.add(r, n)
		}
	case r.Segment != nil:
		s := r.Segment
		if rejection = c.checkTimes(at, s.Start, s.End); rejection == nil && s.End < s.Start {
			rejection = refuse(at, "endDate", "The segment ends before it starts.", "Check the clock of the device that recorded it.")
		}
		if rejection == nil {
			s.Received = c.asOf
			return c.others.segments.add(r, s)
		}
	case r.Workout != nil:
		w := r.Workout
		if rejection = c.checkTimes(at, w.Start, w.End); rejection == nil {
			w.Received = c.asOf
			c.resolver.convertWorkout(w)
			return c.others.workouts.add(r, w)
		}
	case r.Event != nil:
		e := r.Event
		if rejection = c.checkTimes(at, e.Start, e.End); rejection == nil {
			e.Received = c.asOf
			return c.others.events.add(r, e)
		}
	case r.ECG != nil:
		e := r.ECG
		if rejection = c.checkTimes(at, e.Start, e.End); rejection == nil {
			e.Received = c.asOf
			return c.others.ecgs.add(r, e)
		}
	}
	c.Reject(r.Kind(), r.Type, rejection)
	return nil
}

// checkTimes refuses an element with a time that cannot be; times that were not sent are 0.
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

// convertWorkout converts the figures and series of a workout to the units they are stored in. One in a unit that
// cannot be converted stays as it was sent, with its unit.
func (v *Resolver) convertWorkout(w *health.Workout) {
	for name, q := range w.Quantities {
		if conversion, ok := v.catalog.Conversion(q.Unit, format.WorkoutUnits[name]); ok {
			w.Quantities[name] = health.Quantity{Value: conversion.Apply(q.Value), Unit: format.WorkoutUnits[name]}
		}
	}
	for name, points := range w.Series {
		unit, known := format.WorkoutUnits[name]
		for i := range points {
			p := &points[i]
			conversion, ok := v.catalog.Conversion(p.Unit, unit)
			if !known || !ok {
				continue
			}
			p.Value, p.Min, p.Max, p.Unit = conversion.Apply(p.Value), conversion.Apply(p.Min), conversion.Apply(p.Max), unit
		}
	}
}
