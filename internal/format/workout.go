package format

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// WorkoutUnits has the canonical unit of every quantity of a workout whose unit is known, and of every series, by its
// name in Workout.Quantities or Workout.Series. Decoders leave quantities in the unit they were sent in; normalising a
// workout converts them with this table. It must not be written to.
var WorkoutUnits = map[string]string{
	"active_energy":                "kcal",
	"walking_and_running_distance": "km",
	"cycling_distance":             "km",
	"cycling_speed":                "km/hr",
	"cycling_power":                "W",
	"cycling_cadence":              "count/min",
	"swim_distance":                "m",
	"swim_stroke":                  "count",
	"heart_rate_data":              "count/min",
	"heart_rate_recovery":          "count/min",
	"basal_energy":                 "kcal",
	"total_energy":                 "kcal",
	"intensity":                    "kcal/hr·kg",
	"distance":                     "km",
	"lap_length":                   "m",
	"speed":                        "km/hr",
	"avg_speed":                    "km/hr",
	"max_speed":                    "km/hr",
	"elevation_up":                 "m",
	"elevation_down":               "m",
	"temperature":                  "degC",
	"humidity":                     "%",
	"avg_heart_rate":               "count/min",
	"max_heart_rate":               "count/min",
	"min_heart_rate":               "count/min",
	"step_cadence":                 "count/min",
	"swim_cadence":                 "count/min",
	"step_count":                   "count",
	"flights_climbed":              "count",
	"swimming_stroke_count":        "count",
}

// workoutQuantity is a field that holds a single quantity of a workout.
type workoutQuantity struct {
	field, name string
	// unit is that of a bare number, where the name of the field says it.
	unit string
	// heartRate is true for the typed form's heart rates, whose range is part of its contract.
	heartRate bool
}

// workoutQuantities are the fields whose quantities are not simply named after the field, or may be bare numbers. Where
// two of them have the same name, the first that was sent is taken.
var workoutQuantities = []workoutQuantity{
	{field: "activeEnergyBurned", name: "active_energy"},
	{field: "activeEnergy", name: "active_energy"},
	{field: "active_energy_kcal", name: "active_energy", unit: "kcal"},
	{field: "total_energy_kcal", name: "total_energy", unit: "kcal"},
	{field: "totalEnergy", name: "total_energy"},
	{field: "intensity", name: "intensity"},
	{field: "intesity", name: "intensity"},
	{field: "distance", name: "distance"},
	{field: "distance_meters", name: "distance", unit: "m"},
	{field: "lapLength", name: "lap_length"},
	{field: "speed", name: "speed"},
	{field: "avgSpeed", name: "avg_speed"},
	{field: "maxSpeed", name: "max_speed"},
	{field: "elevationUp", name: "elevation_up"},
	{field: "elevationDown", name: "elevation_down"},
	{field: "temperature", name: "temperature"},
	{field: "humidity", name: "humidity"},
	{field: "avgHeartRate", name: "avg_heart_rate"},
	{field: "maxHeartRate", name: "max_heart_rate"},
	{field: "minHeartRate", name: "min_heart_rate"},
	{field: "avg_heart_rate", name: "avg_heart_rate", unit: "count/min", heartRate: true},
	{field: "max_heart_rate", name: "max_heart_rate", unit: "count/min", heartRate: true},
	{field: "min_heart_rate", name: "min_heart_rate", unit: "count/min", heartRate: true},
	{field: "stepCadence", name: "step_cadence"},
	{field: "swimCadence", name: "swim_cadence"},
	{field: "stepCount", name: "step_count"},
	{field: "step_count", name: "step_count", unit: "count"},
	{field: "flightsClimbed", name: "flights_climbed"},
	{field: "totalSwimmingStrokeCount", name: "swimming_stroke_count"},
}

// workoutSeries are the fields that hold series. Any other array is a series too if it holds nothing but readings.
var workoutSeries = map[string]bool{
	"activeEnergy": true, "basalEnergy": true, "stepCount": true, "walkingAndRunningDistance": true,
	"cyclingCadence": true, "cyclingDistance": true, "cyclingPower": true, "cyclingSpeed": true,
	"swimDistance": true, "swimStroke": true, "heartRateData": true, "heartRateRecovery": true,
}

// decodeWorkout decodes a workout in any form: version 1 or 2 of the app's, those of similar apps, and the typed form.
func decodeWorkout(raw []byte, at health.Position, o Options) (health.Record, error) {
	e := readElement(raw, at, o)
	if e.find("workout_type") != nil || familyName(e.peekText("type")) == "workout" {
		return e.typedWorkout()
	}
	w := newWorkout()
	w.AppID = e.id("id", "uuid")
	w.Name = e.requireText("name", "workoutActivityType")
	e.workoutFields(&w)
	w.Attributes = e.attributes()
	return e.finish(health.Record{Workout: &w})
}

func newWorkout() health.Workout {
	return health.Workout{
		Duration:   health.Absent(),
		Quantities: map[string]health.Quantity{},
		Series:     map[string][]health.SeriesPoint{},
	}
}

// workoutFields reads the fields that the forms of a workout have in common; the others become attributes.
func (e *elementReader) workoutFields(w *health.Workout) {
	w.Start, w.Offset = e.requireInstant("start", "start_time", "started_at", "startDate")
	if end, offset, sent := e.instant("end", "end_time", "ended_at", "endDate"); sent {
		w.End, w.OffsetChange = end, offset-w.Offset
	}
	e.checkSpan("end", w.Start, w.End)
	w.Source = e.source()
	w.Duration = e.workoutDuration()
	e.addQuantities(w)
	if m := e.find("route"); m != nil && m.value.Kind() == '[' {
		route, points := e.route("route", m.value)
		w.Route, m.used = route, true
		points.warn(e, "route")
	}
	for field := range workoutSeries {
		e.find(field) // marks a null one as used, so that it does not become an attribute
	}
	e.addByShape(w)
	if holdsRecovery(w) {
		e.warn(health.RecoveryAsSeries,
			"The heart rate series begins when the workout ends: it holds the recovery, and average and maximum are wrong too. "+
				"This is a known fault of some versions of the app; exporting the workout again may cure it.",
			map[string]any{"field": "heartRateData"})
	}
}

// workoutDuration returns the active time in seconds. One in an unknown unit becomes an attribute.
func (e *elementReader) workoutDuration() float64 {
	for _, d := range []struct {
		field   string
		seconds float64
	}{{"duration", 1}, {"duration_seconds", 1}, {"duration_minutes", 60}} {
		m := e.find(d.field)
		if m == nil {
			continue
		}
		q, ok := e.quantity(m)
		if !ok {
			continue
		}
		switch q.Unit {
		case "", "s", "sec", "seconds":
			return q.Value * d.seconds
		case "min", "minutes":
			return q.Value * 60
		case "hr", "h", "hours":
			return q.Value * 3600
		}
		m.used = false
	}
	return health.Absent()
}

// addQuantities adds the quantities of known fields, among them those that hold several.
func (e *elementReader) addQuantities(w *health.Workout) {
	for _, f := range workoutQuantities {
		if m := e.find(f.field); m != nil {
			q := e.addQuantity(w, f.name, f.unit, m)
			if f.heartRate {
				e.checkRange(f.field, q, heartRateRange)
			}
		}
	}
	if m := e.find("heartRate"); m != nil {
		e.addQuantitiesOf(w, m, map[string]string{
			"avg": "avg_heart_rate", "Avg": "avg_heart_rate", "min": "min_heart_rate", "Min": "min_heart_rate",
			"max": "max_heart_rate", "Max": "max_heart_rate",
		})
	}
	if m := e.find("elevation"); m != nil {
		e.addQuantitiesOf(w, m, map[string]string{"ascent": "elevation_up", "descent": "elevation_down"})
	}
}

// addQuantity adds the quantity of m under name, and returns its value. A second one under the same name becomes an
// attribute, unless it is equal.
func (e *elementReader) addQuantity(w *health.Workout, name, unit string, m *member) float64 {
	q, ok := e.quantity(m)
	if !ok {
		return health.Absent()
	}
	q.Unit = cmp.Or(q.Unit, unit)
	if have, taken := w.Quantities[name]; taken && have != q {
		m.used = false
		return q.Value
	}
	w.Quantities[name] = q
	return q.Value
}

// addQuantitiesOf adds the quantities in an object; names has the name of the quantity for each member. Their unit is
// their own, or one for all of them. An object with other members becomes an attribute as well.
func (e *elementReader) addQuantitiesOf(w *health.Workout, m *member, names map[string]string) {
	var o object
	if o.read(m.value) != nil {
		return
	}
	unit := ""
	if u := o.find("units", "unit"); u != nil {
		unit, _ = e.internText(u)
	}
	for i := range o.members {
		inner := &o.members[i]
		if name, ok := names[string(inner.name)]; ok && o.find(string(inner.name)) != nil {
			e.addQuantity(w, name, unit, inner)
		}
	}
	m.used = true
	for range o.unused() {
		m.used = false
	}
}

// addByShape adds the unused fields that have the shape of a quantity or a series: the app adds new ones every few
// months.
func (e *elementReader) addByShape(w *health.Workout) {
	var others []*member
	for m := range e.unused() {
		others = append(others, m)
	}
	slices.SortFunc(others, func(a, b *member) int { return cmp.Compare(string(a.name), string(b.name)) })
	for _, m := range others {
		field := string(m.name)
		name := snakeCase(field)
		switch m.value.Kind() {
		case '{':
			if q, ok := e.objectQuantity(m); ok && m.used && q.Unit != "" {
				e.addQuantity(w, name, "", m)
			} else {
				m.used = false
			}
		case '[':
			if _, taken := w.Series[name]; !taken {
				e.addSeries(w, name, m)
			}
		}
	}
}

func (e *elementReader) addSeries(w *health.Workout, name string, m *member) {
	list, points := e.series(printable(m.name), m.value)
	if !workoutSeries[string(m.name)] && (len(list) == 0 || points.dropped > 0 || len(points.unknown) > 0) {
		return
	}
	m.used = true
	if len(list) > 0 {
		w.Series[name] = list
	}
	points.warn(e, printable(m.name))
}

// holdsRecovery reports whether the heart rate series holds the recovery, which is a fault of some versions of the app:
// single readings, the first of them after the end of the workout.
func holdsRecovery(w *health.Workout) bool {
	series := w.Series["heart_rate_data"]
	if len(series) == 0 || len(w.Series["heart_rate_recovery"]) > 0 || w.End == 0 || series[0].Time < w.End {
		return false
	}
	for _, p := range series {
		if spread := p.Max - p.Min; spread != 0 && !health.IsAbsent(spread) {
			return false
		}
	}
	return true
}
