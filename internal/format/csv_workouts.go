package format

import (
	"fmt"
	"math"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// quantityColumns has the names of quantities by the normalized names of their columns.
var quantityColumns = map[string]string{
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

// textColumns has the names that other columns have in the app's JSON, by their normalized names.
var textColumns = map[string]string{
	"location":          "location",
	"swim stroke style": "strokeStyle",
	"water salinity":    "salinity",
	"swolf score":       "swolfScore",
}

// decodeWorkouts emits one workout per row.
func (d *csvDecoder) decodeWorkouts(t *table) error {
	c := workoutColumns{
		name: findColumn(t.header, "workout type", "workout name"), start: findColumn(t.header, "start", "start date", "date"),
		end: findColumn(t.header, "end", "end date"), duration: findColumn(t.header, "duration"), source: findColumn(t.header, sourceColumns...),
	}
	return t.eachRow(func() error {
		at := health.Position{Type: "workout", Entry: d.workouts, Point: -1}
		d.workouts++
		return d.decodeWorkoutRow(t, c, at)
	})
}

// workoutColumns has the indexes of the columns of every workout, -1 for one that there is not.
type workoutColumns struct{ name, start, end, duration, source int }

func (c workoutColumns) has(column int) bool {
	return column == c.name || column == c.start || column == c.end || column == c.duration || column == c.source
}

func (d *csvDecoder) decodeWorkoutRow(t *table, c workoutColumns, at health.Position) error {
	w := newWorkout()
	w.Name, w.Source = strings.Clone(t.cell(c.name)), d.cachedSource(t.cell(c.source))
	if reason := unstorableText(w.Name); w.Name == "" || reason != "" || unstorableText(w.Source) != "" {
		return d.reject(at, "Workout Type", "The workout has no name that can be kept.", "Send the rows as the app wrote them.")
	}
	var ok bool
	if w.Start, w.Offset, ok = d.times.parse([]byte(t.cell(c.start))); !ok {
		return d.rejectTime(at, t, c.start)
	}
	if text := t.cell(c.end); text != "" {
		var offset int32
		if w.End, offset, ok = d.times.parse([]byte(text)); !ok {
			return d.rejectTime(at, t, c.end)
		}
		if w.End < w.Start {
			return d.reject(at, printable(t.header[c.end].text), "The end of the workout is before its start.", "Send an end that is not before the start, or none.")
		}
		w.OffsetChange = offset - w.Offset
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
		if field := d.decodeWorkoutCell(&w, attributes, h, text); field != "" {
			return d.reject(at, printable(field), fmt.Sprintf("The value of %q cannot be kept.", printable(field)), "Send figures as numbers with a decimal point, and texts that are not endless.")
		}
	}
	w.Attributes = mustCanonicalObject(attributes) // decodeWorkoutCell has checked the texts
	return d.emit(health.Record{Position: at, Workout: &w})
}

// decodeWorkoutCell adds the quantity or attribute in one cell; a quantity of 0 was not measured. It returns the header
// of a column whose value cannot be stored, "" where there is none.
func (d *csvDecoder) decodeWorkoutCell(w *health.Workout, attributes map[string]any, h columnHeader, text string) (invalid string) {
	v, isNumber := cellNumber(text)
	quantity, known := quantityColumns[h.normalizedName()]
	attribute, isText := textColumns[h.normalizedName()]
	switch {
	case known && !isNumber, unstorableText(text) != "", unstorableText(h.text) != "":
		return h.text
	case isNumber && v == 0:
		return ""
	case known:
	case isNumber && isText:
		attributes[attribute] = v
		return ""
	case isNumber && h.unit != "":
		quantity = metricName(h.name)
	default:
		if !isText {
			attribute = h.text
		}
		attributes[attribute] = text
		return ""
	}
	if !math.IsNaN(v) {
		w.Quantities[quantity] = health.Quantity{Value: v, Unit: h.unit}
	}
	return ""
}
