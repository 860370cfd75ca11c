package format

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
)

// ecgOf returns a recording as long as a watch makes it when voltages is 15,379.
func ecgOf(voltages int) []byte {
	var b strings.Builder
	b.WriteString(`{"start":"2026-05-19 07:30:00 -0700","end":"2026-05-19 07:30:30 -0700","classification":"Sinus Rhythm","voltageMeasurements":[`)
	for i := range voltages {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"date":%.6f,"voltage":%g,"units":"mcV"}`, 800893800+float64(i)/512, math.Round(1e6*200*math.Sin(float64(i)/40))/1e6)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkECG(b *testing.B) {
	raw := ecgOf(15_379)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeECG(raw, health.Position{}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	type point map[string]any
	var route []point
	for i := range 3000 {
		route = append(route, point{
			"latitude": 48.137 + float64(i)/1e5, "longitude": 11.575 + float64(i)/7e5, "altitude": 520.123456 + float64(i%17),
			"course": 271.5, "courseAccuracy": 12.25, "horizontalAccuracy": 4.7, "verticalAccuracy": 3.1,
			"timestamp": health.Instant(1_780_000_000_000_000 + int64(i)*1e6).Time().Format("2006-01-02 15:04:05 -0700"),
			"speed":     2.7182818, "speedAccuracy": 0.3,
		})
	}
	raw, err := json.Marshal(map[string]any{"name": "Run", "start": "2026-05-19 07:30:00 -0700", "route": route})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeWorkout(raw, health.Position{}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
