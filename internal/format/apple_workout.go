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

// workoutMetadata are the metadata entries that are quantities, written with their unit: "6575 cm". factor corrects
// those whose percent are hundredths of a percent.
var workoutMetadata = []struct {
	key, name string
	factor    float64
}{
	{"HKElevationAscended", "elevation_up", 1},
	{"HKElevationDescended", "elevation_down", 1},
	{"HKWeatherTemperature", "temperature", 1},
	{"HKWeatherHumidity", "humidity", 0.01},
	{"HKAverageMETs", "intensity", 1},
	{"HKLapLength", "lap_length", 1},
	{"HKAverageSpeed", "avg_speed", 1},
	{"HKMaximumSpeed", "max_speed", 1},
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
	if w.Start, _, ok = parseTime([]byte(n.attr("startDate")), a.zones.home.location); !ok {
		return a.reject(at, n.name, "startDate", `The field "startDate" is not a time that can be read.`, timeSuggestion)
	}
	if end := n.attr("endDate"); end != "" {
		if w.End, _, ok = parseTime([]byte(end), a.zones.home.location); !ok || w.End < w.Start {
			return a.reject(at, n.name, "endDate", `The field "endDate" is not a time after the start.`, timeSuggestion)
		}
	}
	w.Offset = a.zones.offset(w.Start, []byte(n.metadata("HKTimeZone")))
	w.Duration = durationSeconds(n.attr("duration"), n.attr("durationUnit"))
	for statistics := range n.all("WorkoutStatistics") {
		addStatistics(&w, statistics)
	}
	addTotals(&w, n)
	var warnings []health.Warning
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
		addQuantity(w, cmp.Or(statistic.name, statistic.fallback), n.attr(statistic.attr), unit, 1)
	}
}

// addTotals adds the quantities in attributes and metadata.
func addTotals(w *health.Workout, n *node) {
	for _, total := range workoutTotals {
		addQuantity(w, total.name, n.attr(total.attr), n.attr(total.unitAttr), 1)
	}
	for _, entry := range workoutMetadata {
		number, unit, _ := strings.Cut(n.metadata(entry.key), " ")
		addQuantity(w, entry.name, number, unit, entry.factor)
	}
}

// addQuantity adds a quantity unless there is one of that name.
func addQuantity(w *health.Workout, name, text, unit string, factor float64) {
	v, ok := xmlNumber([]byte(text))
	if _, taken := w.Quantities[name]; taken || !ok || len(name)+len(unit) > maxText {
		return
	}
	w.Quantities[name] = health.Quantity{Value: v * factor, Unit: unit}
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
	return readGPX(content, limit)
}

// routePoint reads a Location within the export.
func (a *appleDecoder) routePoint(n *node) gpxPoint {
	p := gpxPoint{RoutePoint: newRoutePoint()}
	if date := n.attr("date"); date != "" {
		var ok bool
		if p.Time, _, ok = parseTime([]byte(date), a.zones.home.location); !ok {
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
