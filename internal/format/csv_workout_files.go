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

// workoutOf returns the workout that a file belongs to.
func (d *csvDecoder) workoutOf(name fileName) (w health.Workout, at health.Position, ok bool) {
	at = health.Position{Type: "workout", Entry: d.workouts, Point: -1}
	d.workouts++
	w = newWorkout()
	w.Name = name.workout
	w.Start, w.Offset, ok = d.times.parse([]byte(name.start))
	return w, at, ok && unstorableText(w.Name) == ""
}

// decodeReadings emits the workout with the heart rates of the table.
func (d *csvDecoder) decodeReadings(t *table, name fileName) error {
	when := findColumn(t.header, timeColumns...)
	minimum, maximum, average := findColumn(t.header, "min"), findColumn(t.header, "max"), findColumn(t.header, "avg", "heart rate")
	source := findColumn(t.header, sourceColumns...)
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.SeriesPoint) {
		sortSeries(list)
		w.Series["heart_rate_data"] = list
	}, func() (p health.SeriesPoint, ok bool) {
		p.Unit, p.Source = "count/min", d.cachedSource(t.cell(source))
		at, offset, timed := d.times.parse([]byte(t.cell(when)))
		p.Time, p.Offset = at, offset
		p.Value, p.Min, p.Max = t.number(average), t.number(minimum), t.number(maximum)
		return p, timed && unstorableText(p.Source) == "" && !(health.IsAbsent(p.Value) && health.IsAbsent(p.Min) && health.IsAbsent(p.Max))
	})
}

// decodeRoute emits the workout with the route in the table.
func (d *csvDecoder) decodeRoute(t *table, name fileName) error {
	column := func(names ...string) int { return findColumn(t.header, names...) }
	when := column(timeColumns...)
	latitude, longitude, altitude := column("latitude"), column("longitude"), column("altitude", "elevation")
	speed, course := column("speed"), column("course", "direction")
	horizontal, vertical := column("horizontal accuracy"), column("vertical accuracy")
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.RoutePoint) {
		sortRoute(list)
		w.Route = list
	}, func() (p health.RoutePoint, ok bool) {
		p = newRoutePoint()
		p.Time, _, _ = d.times.parse([]byte(t.cell(when)))
		p.Latitude, p.Longitude, p.Altitude = t.number(latitude), t.number(longitude), t.number(altitude)
		p.Speed, p.Course = nonNegative(t.number(speed)), nonNegative(t.number(course))
		p.HorizontalAccuracy, p.VerticalAccuracy = nonNegative(t.number(horizontal)), nonNegative(t.number(vertical))
		return p, hasValidPosition(&p)
	})
}

// decodeGPX emits the workout with the route in a GPX file.
func (d *csvDecoder) decodeGPX(content io.Reader, name fileName) error {
	if name.content != "Route" {
		return unknownTable()
	}
	w, at, ok := d.workoutOf(name)
	if !ok {
		return d.reject(at, "", "The name of the file does not say which workout it belongs to.", "Send the file under the name the app gave it.")
	}
	route, err := readGPX(content, maxReadings, d.times)
	if err != nil {
		return err
	}
	if len(route) == 0 {
		return d.reject(at, "", "The file has no places.", "Send the file as the app wrote it.")
	}
	sortRoute(route)
	w.Route = route
	return d.emit(health.Record{Position: at, Workout: &w})
}

// decodeWorkoutFile emits the workout of a table with the points in its rows, which read reads and set adds to the
// workout. Rows that cannot be read are dropped with a warning.
func decodeWorkoutFile[T any](d *csvDecoder, t *table, name fileName, set func(*health.Workout, []T), read func() (T, bool)) error {
	w, at, ok := d.workoutOf(name)
	var list []T
	dropped := 0
	for {
		_, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		point, readable := read()
		switch {
		case !readable:
			dropped++
		case len(list) == maxReadings:
			return d.reject(at, "", fmt.Sprintf("The table has more than %d rows.", maxReadings), "Send it in several files.")
		default:
			list = append(list, point)
		}
	}
	switch {
	case !ok:
		return d.reject(at, "", "The name of the file does not say which workout it belongs to.", "Send the file under the name the app gave it.")
	case len(list) == 0 && dropped == 0:
		return nil
	case len(list) == 0:
		return d.reject(at, "", "No row of the table can be read.", "Send the file as the app wrote it.")
	}
	set(&w, list)
	record := health.Record{Position: at, Workout: &w}
	if dropped > 0 {
		record.Warnings = []health.Warning{{
			Code: health.DroppedPoint, Message: fmt.Sprintf("Rows of the table could not be read and were left out: %d.", dropped),
			Details: map[string]any{"count": dropped},
		}}
	}
	return d.emit(record)
}

// number returns the number in a column, absent where there is none.
func (t *table) number(column int) float64 {
	if v, ok := cellNumber(t.cell(column)); ok {
		return v
	}
	return health.Absent()
}
