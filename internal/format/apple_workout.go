package format

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// hkWorkout is the prefix of HealthKit's names of activities.
const hkWorkout = "HKWorkoutActivityType"

// workoutTotals are the attributes for quantities that since iOS 16 are in WorkoutStatistics only.
var workoutTotals = []struct{ attr, unitAttr, name string }{
	{"totalEnergyBurned", "totalEnergyBurnedUnit", "active_energy"},
	{"totalDistance", "totalDistanceUnit", "distance"},
	{"totalSwimmingStrokeCount", "totalSwimmingStrokeCountUnit", "swimming_stroke_count"},
	{"totalFlightsClimbed", "totalFlightsClimbedUnit", "flights_climbed"},
}

// workoutMetadata are the metadata entries that are quantities, written with their unit: "6575 cm".
var workoutMetadata = []struct{ key, name string }{
	{"HKElevationAscended", "elevation_up"},
	{"HKElevationDescended", "elevation_down"},
	{"HKWeatherTemperature", "temperature"},
	{"HKAverageMETs", "intensity"},
	{"HKLapLength", "lap_length"},
	{"HKAverageSpeed", "avg_speed"},
	{"HKMaximumSpeed", "max_speed"},
}

// workoutStatistics are the names of statistics in Workout.Quantities, by their HealthKit quantity. Others are named
// after the quantity.
var workoutStatistics = map[string]struct{ sum, average, minimum, maximum string }{
	"ActiveEnergyBurned":  {sum: "active_energy"},
	"BasalEnergyBurned":   {sum: "basal_energy"},
	"StepCount":           {sum: "step_count"},
	"FlightsClimbed":      {sum: "flights_climbed"},
	"SwimmingStrokeCount": {sum: "swimming_stroke_count"},
	"HeartRate":           {average: "avg_heart_rate", minimum: "min_heart_rate", maximum: "max_heart_rate"},
	"RunningSpeed":        {average: "avg_speed", maximum: "max_speed"},
	"WalkingSpeed":        {average: "avg_speed", maximum: "max_speed"},
	"CyclingSpeed":        {average: "avg_speed", maximum: "max_speed"},
}

// emitWorkout emits a workout with its statistics and routes. Its activities, whose statistics are parts of its own,
// and its events become attributes.
func (a *appleDecoder) emitWorkout(n *node) error {
	at := a.nextPosition(n.name, "workout")
	w := newWorkout()
	w.Name = strings.TrimPrefix(n.attr("workoutActivityType"), hkWorkout)
	w.Source = n.attr("sourceName")
	if w.Name == "" || unstorableText(w.Name)+unstorableText(w.Source) != "" {
		return a.reject(at, n.name, "workoutActivityType", "The workout does not say what it was.", exportAgain)
	}
	var ok bool
	if w.Start, _, ok = a.times.parse([]byte(n.attr("startDate"))); !ok {
		return a.emitRejection(health.Record{Type: n.name}, a.times.reject(at, "startDate", []byte(n.attr("startDate"))))
	}
	if end := n.attr("endDate"); end != "" {
		if w.End, _, ok = a.times.parse([]byte(end)); !ok || w.End < w.Start {
			return a.reject(at, n.name, "endDate", `The field "endDate" is not a time after the start.`, timeSuggestion)
		}
	}
	zone := []byte(n.metadata("HKTimeZone"))
	w.Offset = a.zones.offset(w.Start, zone)
	if w.End != 0 {
		w.OffsetChange = a.zones.offset(w.End, zone) - w.Offset
	}
	w.Duration = durationSeconds(n.attr("duration"), n.attr("durationUnit"))
	for statistics := range n.all("WorkoutStatistics") {
		addStatistics(&w, statistics)
	}
	addTotals(&w, n)
	warnings := addHumidity(&w, n)
	for route := range n.all("WorkoutRoute") {
		warnings = append(warnings, a.addRoute(&w, route)...)
	}
	a.addPauses(&w, n)
	sortRoute(w.Route)
	w.Attributes = mustCanonicalObject(n.object(
		"workoutActivityType", "sourceName", "startDate", "endDate", "duration", "durationUnit", "WorkoutStatistics", "WorkoutRoute"))
	return a.emit(health.Record{Position: at, Type: n.name, Workout: &w, Warnings: warnings})
}

// durationSeconds returns a duration in seconds, absent where it cannot be read. Without a known unit it is in minutes.
func durationSeconds(text, unit string) float64 {
	v, ok := xmlNumber([]byte(text))
	if !ok {
		return health.Absent()
	}
	switch unit {
	case "s", "sec":
		return v
	case "hr", "h":
		return v * 3600
	}
	return v * 60
}

func addStatistics(w *health.Workout, n *node) {
	quantity := strings.TrimPrefix(n.attr("type"), hkQuantity)
	unit := n.attr("unit")
	named := workoutStatistics[quantity]
	name := snakeCase(quantity)
	if strings.HasPrefix(quantity, "Distance") {
		if _, taken := w.Quantities["distance"]; !taken {
			named.sum = "distance"
		}
	}
	for _, statistic := range []struct{ attr, name, fallback string }{
		{"sum", named.sum, name},
		{"average", named.average, name + "_avg"},
		{"minimum", named.minimum, name + "_min"},
		{"maximum", named.maximum, name + "_max"},
	} {
		addQuantity(w, cmp.Or(statistic.name, statistic.fallback), n.attr(statistic.attr), unit)
	}
}

// addTotals adds the quantities in attributes and metadata.
func addTotals(w *health.Workout, n *node) {
	for _, total := range workoutTotals {
		addQuantity(w, total.name, n.attr(total.attr), n.attr(total.unitAttr))
	}
	for _, entry := range workoutMetadata {
		number, unit, _ := strings.Cut(n.metadata(entry.key), " ")
		addQuantity(w, entry.name, number, unit)
	}
}

// addHumidity adds the humidity, which exports of old phones have in percent, "96 %", and newer ones in hundredths of a
// percent, "6400 %". Which it is follows from the range: no air is above 100 %, and air below 1 % is nowhere. Where
// neither makes a humidity, the value is left among the metadata, with a warning.
func addHumidity(w *health.Workout, n *node) (warnings []health.Warning) {
	text, unit, _ := strings.Cut(n.metadata("HKWeatherHumidity"), " ")
	v, ok := xmlNumber([]byte(text))
	switch {
	case !ok || unit != "%" && unit != "":
		return nil
	case v > 100:
		v /= 100
	}
	if v != 0 && v < 1 || v < 0 || v > 100 {
		return []health.Warning{{
			Code:    health.SuspiciousValue,
			Message: "The humidity is neither in percent nor in hundredths of a percent. It is kept among the attributes only.",
			Details: map[string]any{"field": "HKWeatherHumidity"},
		}}
	}
	w.Quantities["humidity"] = health.Quantity{Value: v, Unit: "%"}
	return nil
}

// addQuantity adds a quantity unless there is one of that name.
func addQuantity(w *health.Workout, name, text, unit string) {
	v, ok := xmlNumber([]byte(text))
	if _, taken := w.Quantities[name]; taken || !ok || len(name)+len(unit) > maxText {
		return
	}
	w.Quantities[name] = health.Quantity{Value: v, Unit: unit}
}

// addRoute adds the points of a route: those of the file it refers to, or those within it, as iOS 12 wrote them.
func (a *appleDecoder) addRoute(w *health.Workout, n *node) (warnings []health.Warning) {
	within := gpxRoute{points: w.Route}
	i := 0
	for location := range n.all("Location") {
		p := a.routePoint(location)
		within.add(i, &p, maxPoints)
		i++
	}
	w.Route = within.points
	warnings = within.droppedPoints.warnings("Location")
	for reference := range n.all("FileReference") {
		file := reference.attr("path")
		route, err := a.readRoute(file, maxPoints-len(w.Route))
		w.Route = append(w.Route, route.points...)
		switch {
		case err == nil && !(route.broken && len(route.points) == 0):
			warnings = append(warnings, route.warnings(printable(path.Base(file)))...)
		default:
			warnings = append(warnings, health.Warning{
				Code:    health.MissingFile,
				Message: fmt.Sprintf("The route of this workout, %q, is not in the archive or cannot be read. The workout is kept without it.", printable(file)),
			})
		}
	}
	return warnings
}

func (a *appleDecoder) readRoute(file string, limit int) (gpxRoute, error) {
	if a.archive == nil {
		return gpxRoute{}, problem.New(problem.NotFound, "no_such_file", "The XML was sent without the files it refers to.")
	}
	content, err := a.archive.Open(a.resolvePath(file))
	if err != nil {
		return gpxRoute{}, err
	}
	defer content.Close()
	return readGPX(content, limit, a.times)
}

// routePoint reads a Location within the export.
func (a *appleDecoder) routePoint(n *node) gpxPoint {
	p := gpxPoint{RoutePoint: newRoutePoint()}
	if date := n.attr("date"); date != "" {
		var ok bool
		if p.Time, _, ok = a.times.parse([]byte(date)); !ok {
			p.fault = unreadableTime
		}
	}
	number := func(name string) float64 {
		v, ok := xmlNumber([]byte(n.attr(name)))
		if !ok {
			return health.Absent()
		}
		return v
	}
	p.Latitude, p.Longitude, p.Altitude = number("latitude"), number("longitude"), number("altitude")
	p.Speed, p.Course = nonNegative(number("speed")), nonNegative(number("course"))
	p.HorizontalAccuracy, p.VerticalAccuracy = number("horizontalAccuracy"), nonNegative(number("verticalAccuracy"))
	return p
}
