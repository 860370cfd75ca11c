package format

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// BenchmarkCSV decodes a table of minutes with the usual columns.
func BenchmarkCSV(b *testing.B) {
	var body bytes.Buffer
	body.WriteString("Date/Time,Step Count (count),Heart Rate [Min] (count/min),Heart Rate [Max] (count/min),Heart Rate [Avg] (count/min),Active Energy (kcal)\n")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		fmt.Fprintf(&body, "%s,%d,%d,%d,%d.5,%d.25\n", begin.Add(time.Duration(i)*time.Minute).Format(time.DateTime), i%120, 50+i%30, 90+i%50, 70+i%20, i%9)
	}
	zone := fixtureZone(b)
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range decodeCSV(bytes.NewReader(body.Bytes()), Options{Location: zone}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
