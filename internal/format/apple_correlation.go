package format

import (
	"cmp"

	"github.com/health-export/health-export/internal/health"
)

// emitCorrelation emits the records of a group, those of one blood pressure or of one food. They are usually in the
// file once more, beside the group. A group other than a blood pressure is also an event, such as the food.
func (a *appleDecoder) emitCorrelation(n *node, typ string) error {
	for child := range n.all("Record") {
		r := &a.record
		a.reset(r)
		for _, attr := range child.attrs {
			if !isIgnoredAttribute([]byte(attr.name)) {
				a.setAttribute(r, []byte(attr.name), []byte(attr.value))
			}
		}
		for entry := range child.all("MetadataEntry") {
			key, value := entry.attr("key"), entry.attr("value")
			if key == "HKTimeZone" {
				r.zone = append(r.zone[:0], value...)
			}
			r.metadata = appendPair(r.metadata, []byte(key), []byte(value))
		}
		if len(r.zone) == 0 {
			r.zone = append(r.zone, n.metadata("HKTimeZone")...)
		}
		if err := a.emitRecord(r, a.nextPosition("Record", "metric"), true); err != nil {
			return err
		}
	}
	if typ == "HKCorrelationTypeIdentifierBloodPressure" {
		return a.emit(health.Record{Position: a.nextPosition(n.name, "correlation"), Type: typ, Merged: true})
	}
	kind := "Correlation"
	if typ == "HKCorrelationTypeIdentifierFood" {
		kind = "Food"
	}
	group := *n
	group.name = kind
	return a.emitEvent(&group, typ, cmp.Or(n.metadata("HKFoodType"), typ), group.object(append([]string{"Record"}, eventAttributes...)...))
}
