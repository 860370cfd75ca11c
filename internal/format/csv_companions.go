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
	// companion is "Heart Rate" or "Route" for the files that go with one workout, whose name and start they have in
	// theirs: the only place where its seconds are written.
	companion, workout, start string
	// event is the kind of event that the rows are.
	event string
}

var companionFile = regexp.MustCompile(`^(.+)-(Heart Rate|Route)-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.`)

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
	if m := companionFile.FindStringSubmatch(file); m != nil {
		n.workout, n.companion = m[1], m[2]
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

// companion returns the workout that a table goes with.
func (d *tables) companion(name fileName) (w health.Workout, at health.Position, ok bool) {
	at = health.Position{Type: "workout", Entry: d.workouts, Point: -1}
	d.workouts++
	w = newWorkout()
	w.Name = name.workout
	w.Start, w.Offset, ok = parseTime([]byte(name.start), d.options.Location)
	return w, at, ok && keptText(w.Name) == ""
}

// readingsTable yields the workout whose heart rates the table has.
func (d *tables) readingsTable(t *table, name fileName) error {
	when := find(t.header, timeColumns...)
	lowest, highest, average := find(t.header, "min"), find(t.header, "max"), find(t.header, "avg", "heart rate")
	source := find(t.header, sourceColumns...)
	return companionOf(d, t, name, func(w *health.Workout, list []health.SeriesPoint) {
		sortByTime(list, func(p *health.SeriesPoint) health.Instant { return p.Time })
		w.Series["heart_rate_data"] = list
	}, func() (p health.SeriesPoint, ok bool) {
		p.Unit, p.Source = "count/min", d.source(t.cell(source))
		at, offset, timed := parseTime([]byte(t.cell(when)), d.options.Location)
		p.Time, p.Offset = at, offset
		p.Value, p.Min, p.Max = t.reading(average), t.reading(lowest), t.reading(highest)
		return p, timed && keptText(p.Source) == "" && !(health.IsAbsent(p.Value) && health.IsAbsent(p.Min) && health.IsAbsent(p.Max))
	})
}

// routeTable yields the workout whose places the table has.
func (d *tables) routeTable(t *table, name fileName) error {
	column := func(names ...string) int { return find(t.header, names...) }
	when := column(timeColumns...)
	latitude, longitude, altitude := column("latitude"), column("longitude"), column("altitude", "elevation")
	speed, course := column("speed"), column("course", "direction")
	horizontal, vertical := column("horizontal accuracy"), column("vertical accuracy")
	return companionOf(d, t, name, func(w *health.Workout, list []health.RoutePoint) {
		sortByTime(list, func(p *health.RoutePoint) health.Instant { return p.Time })
		w.Route = list
	}, func() (p health.RoutePoint, ok bool) {
		p.Time, _, _ = parseTime([]byte(t.cell(when)), d.options.Location)
		p.Latitude, p.Longitude, p.Altitude = t.reading(latitude), t.reading(longitude), t.reading(altitude)
		p.Speed, p.Course = t.notNegative(speed), t.notNegative(course)
		p.HorizontalAccuracy, p.VerticalAccuracy = t.notNegative(horizontal), t.notNegative(vertical)
		p.SpeedAccuracy, p.CourseAccuracy = health.Absent(), health.Absent()
		return p, p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
	})
}

// gpxRoute yields the workout whose places a GPX file has.
func (d *tables) gpxRoute(content io.Reader, name fileName) error {
	if name.companion != "Route" {
		return unknownTable()
	}
	w, at, ok := d.companion(name)
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

// companionOf collects the points of a table that goes with a workout, and yields the workout with them. Rows that cannot be
// read are left out with a warning.
func companionOf[T any](d *tables, t *table, name fileName, set func(*health.Workout, []T), read func() (T, bool)) error {
	w, at, ok := d.companion(name)
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

// reading returns the number in a column, absent where there is none.
func (t *table) reading(column int) float64 {
	if v, ok := cellNumber(t.cell(column)); ok {
		return v
	}
	return health.Absent()
}

// notNegative is reading for what is marked as unknown by a negative number.
func (t *table) notNegative(column int) float64 {
	if v := t.reading(column); v >= 0 {
		return v
	}
	return health.Absent()
}
