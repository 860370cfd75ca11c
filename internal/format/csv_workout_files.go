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

// fileName is what the name of a file, or of a part of a form, says about the table in it.
type fileName struct {
	name string
	// content is "Heart Rate" or "Route" for the files that go with one workout, whose name and start they have in
	// theirs: the only place where its seconds are written.
	content, workout, start string
	// event is the kind of event that the rows are.
	event string
}

var workoutFileName = regexp.MustCompile(`^(.+)-(Heart Rate|Route)-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.`)

// eventFiles are the beginnings of the names of files and parts whose rows are events, without blanks.
var eventFiles = []struct{ name, kind string }{
	{"heartratenotifications", heartRateNotifications.kind},
	{"medications", medications.kind},
	{"cycletracking", cycleTracking.kind},
	{"symptoms", symptoms.kind},
	{"stateofmind", stateOfMind.kind},
	{"ecg", "ecg"},
}

// parseFileName reads the name of a file, which may be a whole path, or where that says nothing the name of the part.
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

// maxReadings is how many readings or places the table of one workout may have: a day of one every second.
const maxReadings = 100_000

// workoutOf returns the workout that a table goes with.
func (d *csvDecoder) workoutOf(name fileName) (w health.Workout, at health.Position, ok bool) {
	at = health.Position{Type: "workout", Entry: d.workouts, Point: -1}
	d.workouts++
	w = newWorkout()
	w.Name = name.workout
	w.Start, w.Offset, ok = parseTime([]byte(name.start), d.options.Location)
	return w, at, ok && unstorableText(w.Name) == ""
}

// decodeReadings yields the workout whose heart rates the table has.
func (d *csvDecoder) decodeReadings(t *table, name fileName) error {
	when := findColumn(t.header, timeColumns...)
	lowest, highest, average := findColumn(t.header, "min"), findColumn(t.header, "max"), findColumn(t.header, "avg", "heart rate")
	source := findColumn(t.header, sourceColumns...)
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.SeriesPoint) {
		sortByTime(list, func(p *health.SeriesPoint) health.Instant { return p.Time })
		w.Series["heart_rate_data"] = list
	}, func() (p health.SeriesPoint, ok bool) {
		p.Unit, p.Source = "count/min", d.cachedSource(t.cell(source))
		at, offset, timed := parseTime([]byte(t.cell(when)), d.options.Location)
		p.Time, p.Offset = at, offset
		p.Value, p.Min, p.Max = t.number(average), t.number(lowest), t.number(highest)
		return p, timed && unstorableText(p.Source) == "" && !(health.IsAbsent(p.Value) && health.IsAbsent(p.Min) && health.IsAbsent(p.Max))
	})
}

// decodeRoute yields the workout whose places the table has.
func (d *csvDecoder) decodeRoute(t *table, name fileName) error {
	column := func(names ...string) int { return findColumn(t.header, names...) }
	when := column(timeColumns...)
	latitude, longitude, altitude := column("latitude"), column("longitude"), column("altitude", "elevation")
	speed, course := column("speed"), column("course", "direction")
	horizontal, vertical := column("horizontal accuracy"), column("vertical accuracy")
	return decodeWorkoutFile(d, t, name, func(w *health.Workout, list []health.RoutePoint) {
		sortByTime(list, func(p *health.RoutePoint) health.Instant { return p.Time })
		w.Route = list
	}, func() (p health.RoutePoint, ok bool) {
		p.Time, _, _ = parseTime([]byte(t.cell(when)), d.options.Location)
		p.Latitude, p.Longitude, p.Altitude = t.number(latitude), t.number(longitude), t.number(altitude)
		p.Speed, p.Course = t.nonNegative(speed), t.nonNegative(course)
		p.HorizontalAccuracy, p.VerticalAccuracy = t.nonNegative(horizontal), t.nonNegative(vertical)
		p.SpeedAccuracy, p.CourseAccuracy = health.Absent(), health.Absent()
		return p, p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
	})
}

// decodeGPX yields the workout whose places a GPX file has.
func (d *csvDecoder) decodeGPX(content io.Reader, name fileName) error {
	if name.content != "Route" {
		return unknownTable()
	}
	w, at, ok := d.workoutOf(name)
	if !ok {
		return d.reject(at, "", "The name of the file does not say which workout it belongs to.", "Send the file under the name the app gave it.")
	}
	route, err := readGPX(content, maxReadings)
	if err != nil {
		return err
	}
	if len(route) == 0 {
		return d.reject(at, "", "The file has no places.", "Send the file as the app wrote it.")
	}
	sortByTime(route, func(p *health.RoutePoint) health.Instant { return p.Time })
	w.Route = route
	return d.emit(health.Record{Position: at, Workout: &w})
}

// decodeWorkoutFile collects the points of a table that goes with a workout, and yields the workout with them. Rows that cannot be
// read are left out with a warning.
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
			Position: at, Code: health.DroppedPoint, Message: fmt.Sprintf("Rows of the table could not be read and were left out: %d.", dropped),
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

// nonNegative is reading for what is marked as unknown by a negative number.
func (t *table) nonNegative(column int) float64 {
	if v := t.number(column); v >= 0 {
		return v
	}
	return health.Absent()
}
