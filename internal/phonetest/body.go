package phonetest

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// How the app and Apple's export write a time, and the app on a phone with a clock of twelve hours.
const (
	timeLayout       = "2006-01-02 15:04:05 -0700"
	twelveHourLayout = "2006-01-02 3:04:05\u202fPM -0700"
)

// otherUnits are units that people choose in place of those of Metrics, and what one of these is in them.
var otherUnits = map[string]struct {
	unit   string
	factor float64
}{
	"kcal": {"kJ", 4.184},
	"km":   {"mi", 1 / 1.609344},
	"kg":   {"lb", 1 / 0.45359237},
}

// point is a data point of the app's JSON.
type point struct {
	at     time.Time
	Date   string   `json:"date"`
	Qty    *float64 `json:"qty,omitempty"`
	Min    *float64 `json:"Min,omitempty"`
	Avg    *float64 `json:"Avg,omitempty"`
	Max    *float64 `json:"Max,omitempty"`
	Source string   `json:"source,omitempty"`
}

// series is a metric of the app's JSON.
type series struct {
	Name   string  `json:"name"`
	Units  string  `json:"units"`
	Points []point `json:"data"`
}

// export is State.export with the settings of the person's phone.
func (p *Person) export(s State, metric Metric, grouping Grouping, from, to time.Time, random *rand.Rand) series {
	out := s.export(metric, grouping, p.ZoneAt(s.at), from, to, random)
	other, ok := otherUnits[metric.Unit]
	if ok && p.otherUnits {
		out.Units = other.unit
	}
	for i := range out.Points {
		point := &out.Points[i]
		if ok && p.otherUnits {
			value := *point.Qty * other.factor
			point.Qty = &value
		}
		if p.twelveHours {
			point.Date = point.at.In(p.ZoneAt(s.at)).Format(twelveHourLayout)
		}
	}
	return out
}

// export returns what the app sends at a time, in the zone the phone is in, of [from, to).
func (s State) export(metric Metric, grouping Grouping, zone *time.Location, from, to time.Time, random *rand.Rand) series {
	out := series{Name: metric.Name, Units: metric.Unit, Points: []point{}}
	grain, summarised := grouping.grain(metric)
	if !summarised {
		for _, sample := range s.touching(metric.Name, from, to) {
			value := Statistic{Start: sample.Start, Sum: sample.Value, Min: sample.Value, Avg: sample.Value, Max: sample.Value}
			out.Points = append(out.Points, metric.point(value, zone, sample.Source.Name))
		}
		return out
	}
	for _, statistic := range s.Statistics(metric, grain, zone, from, to) {
		names := slices.Clone(statistic.Sources)
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		out.Points = append(out.Points, metric.point(statistic, zone, strings.Join(names, "|")))
	}
	return out
}

func (m Metric) point(s Statistic, zone *time.Location, source string) point {
	p := point{at: s.Start, Date: s.Start.In(zone).Format(timeLayout), Source: source}
	switch m.Style {
	case TimeWeighted:
		p.Min, p.Avg, p.Max = &s.Min, &s.Avg, &s.Max
	case Arithmetic:
		p.Qty = &s.Avg
	default:
		p.Qty = &s.Sum
	}
	return p
}

// batches divides what a run sends into the contents of its requests.
func batches(all []series, batch Batch, from, to time.Time) [][]series {
	switch batch {
	case ByMetric:
		parts := make([][]series, len(all))
		for i, one := range all {
			parts[i] = []series{one}
		}
		return parts
	case ByTime:
		var parts [][]series
		for start := from; start.Before(to); start = start.Add(partHours * time.Hour) {
			end := start.Add(partHours * time.Hour)
			var part []series
			for _, one := range all {
				points := slices.DeleteFunc(slices.Clone(one.Points), func(p point) bool {
					return p.at.Before(start) && start.After(from) || !p.at.Before(end)
				})
				if len(points) > 0 {
					part = append(part, series{one.Name, one.Units, points})
				}
			}
			if len(part) > 0 {
				parts = append(parts, part)
			}
		}
		return parts
	default:
		return [][]series{all}
	}
}

// encode returns the app's JSON.
func encode(metrics []series) []byte {
	var body struct {
		Data struct {
			Metrics []series `json:"metrics"`
		} `json:"data"`
	}
	body.Data.Metrics = metrics
	out, err := json.Marshal(body)
	if err != nil {
		panic(err) // a sample has a value that is not finite
	}
	return out
}
