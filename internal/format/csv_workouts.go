package format

import (
	"fmt"
	"math"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// workoutColumns are the figures of a workout by the names of their columns, without dots and in lower case.
var workoutColumns = map[string]string{
	"active energy":         "active_energy",
	"resting energy":        "basal_energy",
	"total energy":          "total_energy",
	"intensity":             "intensity",
	"max heart rate":        "max_heart_rate",
	"avg heart rate":        "avg_heart_rate",
	"min heart rate":        "min_heart_rate",
	"distance":              "distance",
	"max speed":             "max_speed",
	"avg speed":             "avg_speed",
	"flights climbed":       "flights_climbed",
	"elevation ascended":    "elevation_up",
	"elevation descended":   "elevation_down",
	"step count":            "step_count",
	"step cadence":          "step_cadence",
	"swimming stroke count": "swimming_stroke_count",
	"swim cadence":          "swim_cadence",
	"lap length":            "lap_length",
	"temperature":           "temperature",
	"humidity":              "humidity",
}

// workoutTexts are the columns that say something else, with the names the app has for them in JSON.
var workoutTexts = map[string]string{
	"location":          "location",
	"swim stroke style": "strokeStyle",
	"water salinity":    "salinity",
	"swolf score":       "swolfScore",
}

// workoutsTable yields one workout for each row.
func (d *tables) workoutsTable(t *table) error {
	c := workoutHeader{
		name: find(t.header, "workout type", "workout name"), start: find(t.header, "start", "start date", "date"),
		end: find(t.header, "end", "end date"), duration: find(t.header, "duration"), source: find(t.header, sourceColumns...),
	}
	return t.eachRow(func() error {
		at := health.Position{Type: "workout", Entry: d.workouts, Point: -1}
		d.workouts++
		return d.workoutRow(t, c, at)
	})
}

// workoutHeader has the columns that every workout has, -1 for one that is not there.
type workoutHeader struct{ name, start, end, duration, source int }

func (c workoutHeader) has(column int) bool {
	return column == c.name || column == c.start || column == c.end || column == c.duration || column == c.source
}

func (d *tables) workoutRow(t *table, c workoutHeader, at health.Position) error {
	w := newWorkout()
	w.Name, w.Source = strings.Clone(t.cell(c.name)), d.source(t.cell(c.source))
	if reason := keptText(w.Name); w.Name == "" || reason != "" || keptText(w.Source) != "" {
		return d.reject(at, "Workout Type", "The workout has no name that can be kept.", "Send the rows as the app wrote them.")
	}
	var ok bool
	if w.Start, w.Offset, ok = parseTime([]byte(t.cell(c.start)), d.options.Location); !ok {
		return d.reject(at, t.header[c.start].text, "The start of the workout cannot be read.", "Send a time such as 2026-04-01 07:30, from 1900 on.")
	}
	if text := t.cell(c.end); text != "" {
		if w.End, _, ok = parseTime([]byte(text), d.options.Location); !ok || w.End < w.Start {
			return d.reject(at, t.header[c.end].text, "The end of the workout cannot be read, or is before its start.", "Send a time such as 2026-04-01 08:15.")
		}
	}
	if text := t.cell(c.duration); text != "" {
		if w.Duration, ok = cellDuration(text); !ok {
			return d.reject(at, t.header[c.duration].text, "The duration cannot be read.", "Send hours, minutes and seconds, such as 00:45:10.")
		}
	}
	attributes := map[string]any{}
	for i, h := range t.header {
		text := t.cell(i)
		if text == "" || c.has(i) || h.name == "" {
			continue
		}
		if field := d.workoutCell(&w, attributes, h, text); field != "" {
			return d.reject(at, shown([]byte(field)), fmt.Sprintf("The value of %q cannot be kept.", shown([]byte(field))), "Send figures as numbers with a decimal point, and texts that are not endless.")
		}
	}
	w.Attributes = textAttributes(attributes)
	return d.emit(health.Record{Position: at, Workout: &w})
}

// workoutCell takes one cell. A figure of 0 was not measured. It returns the column whose value cannot be kept, or "".
func (d *tables) workoutCell(w *health.Workout, attributes map[string]any, h heading, text string) (refused string) {
	v, isNumber := cellNumber(text)
	figure, known := workoutColumns[h.plain()]
	attribute, isText := workoutTexts[h.plain()]
	switch {
	case known && !isNumber, keptText(text) != "", keptText(h.text) != "":
		return h.text
	case isNumber && v == 0:
		return ""
	case known:
	case isNumber && isText:
		attributes[attribute] = v
		return ""
	case isNumber && h.unit != "":
		figure = metricName(h.name)
	default:
		if !isText {
			attribute = h.text
		}
		attributes[attribute] = text
		return ""
	}
	if !math.IsNaN(v) {
		w.Quantities[figure] = health.Quantity{Value: v, Unit: h.unit}
	}
	return ""
}
