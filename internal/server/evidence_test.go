package server

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// bodyOf is a body with the points of one metric, each "time value source", on 2026-03-10 in Berlin.
func bodyOf(metric, unit string, points ...string) string {
	var list []string
	for _, p := range points {
		field := strings.Fields(p)
		list = append(list, fmt.Sprintf(`{"date":"2026-03-10 %s +0100","qty":%s,"source":%q}`, field[0], field[1], field[2]))
	}
	return fmt.Sprintf(`{"data":{"metrics":[{"name":%q,"units":%q,"data":[%s]}]}}`, metric, unit, strings.Join(list, ","))
}

// What people enter, and what is measured once, counts each time, in however many bodies it comes.
func TestReadingsCountEachTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bodies  []string
		header  string // automation-aggregation
		field   []string
		want    float64
		samples int
	}{
		"water in a body each": {
			[]string{
				bodyOf("dietary_water", "mL", "09:00:00 300 App"), bodyOf("dietary_water", "mL", "11:10:00 200 App"),
				bodyOf("dietary_water", "mL", "12:21:31 150 App"),
			},
			"Default",
			[]string{"nutrition", "dietary_water", "value"},
			650, 3,
		},
		"insulin at midnight, and everything again": {
			[]string{
				bodyOf("insulin_delivery", "IU", "00:00:00 2 Pump"), bodyOf("insulin_delivery", "IU", "13:01:12 5 Pump"),
				bodyOf("insulin_delivery", "IU", "00:00:00 2 Pump", "13:01:12 5 Pump"),
			},
			"Default",
			[]string{"vitals", "insulin_delivery", "value"},
			7, 2,
		},
		"mindful minutes": {
			[]string{bodyOf("mindful_minutes", "min", "07:00:00 10 App"), bodyOf("mindful_minutes", "min", "20:31:00 12 App")},
			"",
			[]string{"mindfulness", "mindful_minutes", "value"},
			22, 2,
		},
		"the lowest glucose": {
			[]string{bodyOf("blood_glucose", "mg/dL", "08:00:00 61 Meter"), bodyOf("blood_glucose", "mg/dL", "13:07:31 160 Meter")},
			"Default",
			[]string{"vitals", "blood_glucose", "min"},
			61, 2,
		},
		"the last weight": {
			[]string{bodyOf("weight_body_mass", "kg", "07:01:10 82 Scale"), bodyOf("weight_body_mass", "kg", "21:05:00 81.5 Scale")},
			"Default",
			[]string{"body", "weight_body_mass", "value"},
			81.5, 2,
		},
		"two scales at one time": {
			[]string{bodyOf("weight_body_mass", "kg", "07:00:00 80 Scale"), bodyOf("weight_body_mass", "kg", "07:00:00 81 Hand")},
			"",
			[]string{"body", "weight_body_mass", "max"},
			81, 2,
		},
		"two scales at one time in one body": {
			[]string{bodyOf("weight_body_mass", "kg", "07:00:00 80 Scale", "07:00:00 81 Hand")},
			"",
			[]string{"body", "weight_body_mass", "max"},
			81, 2,
		},
		"steps in a body each": {
			[]string{bodyOf("step_count", "count", "08:00:00 300 Phone"), bodyOf("step_count", "count", "08:20:00 200 Phone")},
			"Default",
			[]string{"activity", "step_count", "value"},
			500, 2,
		},
		"hours of water, says the header": {
			[]string{bodyOf("dietary_water", "mL", "09:00:00 300 App"), bodyOf("dietary_water", "mL", "09:00:00 500 Other")},
			"Hours",
			[]string{"nutrition", "dietary_water", "value"},
			500, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			ada := a.ada()
			for _, body := range c.bodies {
				a.send(ada.key, body, "automation-aggregation", c.header)
			}
			var day struct {
				Metrics map[string]map[string]map[string]any `json:"metrics"`
			}
			a.get("/v1/summary?date=2026-03-10", ada.key).wants(http.StatusOK).into(&day)
			if got, ok := day.Metrics[c.field[0]][c.field[1]][c.field[2]].(float64); !ok || math.Abs(got-c.want) > 1e-9 {
				text, _ := json.Marshal(day.Metrics[c.field[0]])
				t.Errorf("%s is %v, want %v: %s", c.field[2], got, c.want, text)
			}
			var page struct {
				Samples []any `json:"samples"`
			}
			a.get("/v1/metrics/"+c.field[1]+"/samples?start=2026-03-10&end=2026-03-11", ada.key).wants(http.StatusOK).into(&page)
			if len(page.Samples) != c.samples {
				t.Errorf("%d samples, want %d", len(page.Samples), c.samples)
			}
		})
	}
}
