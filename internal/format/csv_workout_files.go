package format

import (
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// fileName is what the name of a file, or of a part of a multipart form, says about the table in it.
type fileName struct {
	name string
	// content is "Heart Rate" or "Route" for the files of one workout, which have its name and start in theirs: the
	// only place where the seconds of the start are.
	content, workout, start string
	// event is the kind of the events in the rows.
	event string
}

var workoutFileName = regexp.MustCompile(`^(.+)-(Heart Rate|Route)-(\p{Nd}{4})(\p{Nd}\p{Nd})(\p{Nd}\p{Nd})_(\p{Nd}\p{Nd})(\p{Nd}\p{Nd})(\p{Nd}\p{Nd})\.`)

// eventFiles are the prefixes of the names of files and parts with events, without spaces and in lower case.
var eventFiles = []struct{ name, kind string }{
	{"heartratenotifications", heartRateNotifications.kind},
	{"medications", medications.kind},
	{"cycletracking", cycleTracking.kind},
	{"symptoms", symptoms.kind},
	{"stateofmind", stateOfMind.kind},
	{"ecg", "ecg"},
}

// parseFileName parses the path of a file and the name of a part.
func parseFileName(file, part string) fileName {
	file = path.Base(strings.ReplaceAll(file, `\`, "/"))
	n := fileName{name: file}
	if file == "." || file == "/" {
		n.name = part
	}
	if m := workoutFileName.FindStringSubmatch(file); m != nil {
		n.workout, n.content = m[1], m[2]
		n.start = fmt.Sprintf("%s-%s-%s %s:%s:%s", m[3], m[4], m[5], m[6], m[7], m[8])
	}
	for _, text := range []string{part, file} {
		text = strings.ToLower(strings.ReplaceAll(text, " ", ""))
		for _, e := range eventFiles {
			if n.event == "" && strings.HasPrefix(text, e.name) {
				n.event = e.kind
			}
		}
	}
	return n
}

// maxReadings bounds the rows of the table of one workout: more than a day of one per second.
const maxReadings = 100_000

// unnamedPart is the reason to refuse a file of one workout whose name does not say of which.
const (
	unnamedPart   = "The file holds the readings or the route of one workout, and which one only its name says."
	sendUnderName = "Send the file under the name the app gave it, such as Outdoor Run-Heart Rate-20260401_073012.csv: in a form, in a zip, or with the header Content-Disposition."
)

// partOf returns the part of a workout that a file is. ok is false where its name does not say which workout that is.
func (d *csvDecoder) partOf(name fileName) (w health.Workout, at health.Position, ok bool) {
	at = health.Position{Type: "workout", Entry: d.workouts, Point: -1}
	d.workouts++
	w = newWorkout()
	w.Name, w.Part = name.workout, true
	w.Start, w.Offset, ok = d.times.parse([]byte(name.start))
	return w, at, ok && w.Name != "" && unstorableText(w.Name) == ""
}

// decodeReadings emits the heart rates in the table as a part of their workout.
func (d *csvDecoder) decodeReadings(t *table, name fileName) error {
	when := findColumn(t.header, timeColumns...)
	minimum, maximum, average := findColumn(t.header, "min"), findColumn(t.header, "max"), findColumn(t.header, "avg", "heart rate")
	source := findColumn(t.header, sourceColumns...)
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.SeriesPoint) {
		sortSeries(list)
		w.Series["heart_rate_data"] = list
	}, func() (p health.SeriesPoint, fault string) {
		p.Unit, p.Source = "count/min", d.cachedSource(t.cell(source))
		var timed bool
		p.Time, p.Offset, timed = d.times.parse([]byte(t.cell(when)))
		p.Value, p.Min, p.Max = t.number(average), t.number(minimum), t.number(maximum)
		switch {
		case !timed:
			return p, unreadableTime
		case unstorableText(p.Source) != "":
			return p, "its source cannot be kept"
		case health.IsAbsent(p.Value) && health.IsAbsent(p.Min) && health.IsAbsent(p.Max):
			return p, noValue
		case !health.InOrder(p.Min, p.Value, p.Max):
			return p, contradiction
		}
		return p, ""
	})
}

// decodeRoute emits the route in the table as a part of its workout.
func (d *csvDecoder) decodeRoute(t *table, name fileName) error {
	column := func(names ...string) int { return findColumn(t.header, names...) }
	when := column(timeColumns...)
	latitude, longitude, altitude := column("latitude"), column("longitude"), column("altitude", "elevation")
	speed, course := column("speed"), column("course", "direction")
	horizontal, vertical := column("horizontal accuracy"), column("vertical accuracy")
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.RoutePoint) {
		sortRoute(list)
		w.Route = list
	}, func() (p health.RoutePoint, fault string) {
		p = newRoutePoint()
		if text := t.cell(when); text != "" {
			var timed bool
			if p.Time, _, timed = d.times.parse([]byte(text)); !timed {
				return p, unreadableTime
			}
		}
		p.Latitude, p.Longitude, p.Altitude = t.number(latitude), t.number(longitude), t.number(altitude)
		p.Speed, p.Course = nonNegative(t.number(speed)), nonNegative(t.number(course))
		p.HorizontalAccuracy, p.VerticalAccuracy = t.number(horizontal), nonNegative(t.number(vertical))
		return p, routePointFault(&p)
	})
}

// decodeGPX emits the route in a GPX file as a part of its workout.
func (d *csvDecoder) decodeGPX(content io.Reader, name fileName) error {
	w, at, ok := d.partOf(name)
	if !ok || name.content != "Route" {
		return d.reject(at, "", unnamedPart, sendUnderName)
	}
	route, err := readGPX(content, maxReadings, d.times)
	if err != nil {
		return err
	}
	if len(route.points) == 0 {
		return d.reject(at, "", "No place in the file can be read.", "Send the file as the app wrote it.")
	}
	sortRoute(route.points)
	w.Route = route.points
	return d.emit(health.Record{Position: at, Workout: &w, Warnings: route.warnings(printable(name.name))})
}

// decodeWorkoutFile emits the part of a workout that the rows of a table are, which read reads and set adds to it. read
// returns why a row is to be dropped, "" where it is not.
func decodeWorkoutFile[T any](d *csvDecoder, t *table, name fileName, set func(*health.Workout, []T), read func() (T, string)) error {
	w, at, ok := d.partOf(name)
	if !ok {
		return d.reject(at, "", unnamedPart, sendUnderName)
	}
	var list []T
	var left droppedPoints
	for i := 0; ; i++ {
		_, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		point, fault := read()
		switch {
		case fault != "":
			left.drop(i, fault)
		case len(list) == maxReadings:
			return d.reject(at, "", fmt.Sprintf("The table has more than %d rows.", maxReadings), "Send it in several files.")
		default:
			list = append(list, point)
		}
	}
	switch {
	case len(list) == 0 && left.dropped == 0:
		return nil
	case len(list) == 0:
		return d.reject(at, "", "No row of the table can be read.", "Send the file as the app wrote it.")
	}
	set(&w, list)
	return d.emit(health.Record{Position: at, Workout: &w, Warnings: left.warnings(printable(name.name))})
}

// number returns the number in a column, absent where there is none.
func (t *table) number(column int) float64 {
	if v, ok := cellNumber(t.cell(column)); ok {
		return v
	}
	return health.Absent()
}
