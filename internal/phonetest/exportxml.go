package phonetest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
)

// ExportXML returns the export.xml that the Health app makes at a time in a zone: all samples that the phone has then, each
// source's for itself, and every time with the offset that the zone has at the moment of the export. With rings it also has
// the active energy of each local day since first, as the rings show it.
func (k *HealthKit) ExportXML(t time.Time, zone *time.Location, rings bool, first time.Time) []byte {
	var out bytes.Buffer
	_, offset := t.In(zone).Zone()
	fixed := time.FixedZone("", offset)
	date := func(t time.Time) string { return t.In(fixed).Format(timeLayout) }
	fmt.Fprintf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HealthData locale=\"en_GB\">\n <ExportDate value=%q/>\n", date(t))
	for _, name := range k.Metrics() {
		metric, _ := MetricNamed(name)
		for _, s := range k.At(t).Samples(name, time.Time{}, t) {
			attribute := func(name, value string) {
				out.WriteString(" " + name + `="`)
				xml.EscapeText(&out, []byte(value))
				out.WriteString(`"`)
			}
			out.WriteString(" <Record")
			attribute("type", metric.Type)
			attribute("sourceName", s.Source.Name)
			if s.Source.Model != "" {
				attribute("device", fmt.Sprintf("<<HKDevice: 0x1>, name:%s, manufacturer:Apple Inc., model:%s, hardware:%s>",
					s.Source.Name, s.Source.Model, s.Source.Hardware))
			}
			if !metric.Category {
				attribute("unit", metric.Unit)
			}
			attribute("creationDate", date(s.End))
			attribute("startDate", date(s.Start))
			attribute("endDate", date(s.End))
			if metric.Category {
				attribute("value", "HKCategoryValueNotApplicable")
			} else {
				attribute("value", strconv.FormatFloat(s.Value, 'g', -1, 64))
			}
			out.WriteString("/>\n")
		}
	}
	if rings {
		k.writeRings(&out, t, zone, first)
	}
	out.WriteString("</HealthData>\n")
	return out.Bytes()
}

// writeRings writes what the rings show of each day.
func (k *HealthKit) writeRings(out *bytes.Buffer, t time.Time, zone *time.Location, first time.Time) {
	energy, _ := MetricNamed("active_energy")
	for _, day := range k.At(t).Statistics(energy, Day, zone, first, t) {
		fmt.Fprintf(out, " <ActivitySummary dateComponents=%q activeEnergyBurned=\"%.6f\" activeEnergyBurnedGoal=\"500\""+
			" activeEnergyBurnedUnit=\"kcal\"/>\n", day.Start.In(zone).Format(time.DateOnly), day.Sum)
	}
}
