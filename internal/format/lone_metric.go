package format

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// loneMetric is a body, or its "data", that is one entry of the metrics array by itself: {"name":…, "units":…,
// "data":[…]}, its members in any order. Its points have no name of their own.
type loneMetric struct {
	entry *metricEntry // nil until the name, or a first point without one, has come
	// listed is set when "data" was a list: name and units beside it are those of its points.
	listed bool
	// index is that of the element of the list that is being decoded.
	index int
}

// decodeDataList decodes a member "data" that is a list: of metrics, of flat points, or of the points of a lone metric.
// unknown has the members before it.
func (d *jsonDecoder) decodeDataList(unknown *deferredMembers) error {
	d.recognised, d.lone.listed = true, true
	d.nameLone(unknown)
	err := d.eachElement(func(index int) error {
		d.lone.index = index
		return d.decodeEntry(index)
	})
	d.lone.index = -1
	return err
}

// nameLone takes the name and the units of a lone metric out of members.
func (d *jsonDecoder) nameLone(members *deferredMembers) {
	if !d.lone.listed {
		return
	}
	for _, member := range []string{"name", "units"} {
		if raw := members.take(member); raw != nil {
			if d.lone.entry == nil {
				d.lone.entry = &metricEntry{MetricEntry: &health.MetricEntry{}}
			}
			d.lone.entry.setMember(member, raw)
		}
	}
}

// endLone completes a lone metric with what members, the last ones, say of it.
func (d *jsonDecoder) endLone(members *deferredMembers) error {
	d.nameLone(members)
	if d.lone.entry == nil {
		return nil
	}
	return d.emitNights(d.lone.entry)
}

// decodeBarePoint decodes a point without a name of its own as one of the lone metric. ok is false where there is none:
// where the point is not in a list "data", or neither a name nor a point without one came first.
func (d *jsonDecoder) decodeBarePoint(p *metricPoint) (ok bool, err error) {
	if d.lone.index < 0 {
		return false, nil
	}
	if d.lone.entry == nil && d.lone.index == 0 {
		d.lone.entry = &metricEntry{MetricEntry: &health.MetricEntry{}}
	}
	entry := d.lone.entry
	if entry == nil {
		return false, nil
	}
	p.flat, p.entry, p.at = false, entry.MetricEntry, entry.position(d.lone.index)
	if entry.invalid != nil {
		return true, d.reject(entry.MetricEntry, entry.rejection(p.at))
	}
	return true, d.decodePoint(p, entry)
}

// take removes a member that is a single value, and returns it; nil where there is none.
func (m *deferredMembers) take(name string) jsontext.Value {
	for i := range m.names {
		if m.names[i] == name && isScalar(m.values[i][0]) {
			value := m.values[i]
			m.names = append(m.names[:i], m.names[i+1:]...)
			m.values = append(m.values[:i], m.values[i+1:]...)
			return value
		}
	}
	return nil
}

// isScalar reports whether a value that begins with c is a single one: no object, and no list.
func isScalar(c byte) bool { return c != '{' && c != '[' }
