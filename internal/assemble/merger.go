package assemble

import (
	"iter"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// merger merges the ordered points of a partition that have one identity: the values of a cumulative metric are added up, of
// any other the later one is taken. A merged point refers to the first of its elements; the others are counted as merged.
type merger struct {
	collector *Collector
	grains    []health.Grain
	partition Partition

	// group holds the points with one series, key time and grain, merged where end and source are the same. Whether the source
	// is part of a summary's identity depends on whether the group has several single sources, so it is known when the group
	// is complete.
	group []mergedPoint
}

// mergedPoint is one or more points with the same identity.
type mergedPoint struct {
	point
	latest uint32 // sequence of the latest of them
	// components is the sum of the points that are components, and standalone of those that are not; absent where there are
	// none.
	components, standalone float64
}

func newMergedPoint(p *point) mergedPoint {
	entry := mergedPoint{point: *p, latest: p.sequence, components: health.Absent(), standalone: p.values[0]}
	if p.component() {
		entry.components, entry.standalone = entry.standalone, entry.components
	}
	return entry
}

// add adds the value of a point that is the same sample. A component of a group and the same record outside of the group
// count once, and so do two records of one interval with one value: a sensor does not count the same twice, while a person
// may well have eaten two of a thing at one time.
func (m *mergedPoint) add(p *point) {
	repeats := p.grain == health.GrainRaw && p.end > p.start && health.SameValue(p.values[0], m.values[0])
	switch {
	case repeats:
	case p.component():
		m.components = add(m.components, p.values[0])
	default:
		m.standalone = add(m.standalone, p.values[0])
	}
	m.values[0] = m.standalone
	if health.IsAbsent(m.standalone) || m.components > m.standalone {
		m.values[0] = m.components
	}
}

// points yields the merged points in the order of the sorter.
func (m *merger) points() iter.Seq2[mergedPoint, error] {
	return func(yield func(mergedPoint, error) bool) {
		for p, err := range m.collector.sorter.sorted(m.partition, m.grains) {
			if err != nil {
				yield(mergedPoint{}, err)
				return
			}
			p.grain = p.resolvedGrain(m.grains)
			if len(m.group) > 0 && !sameGroup(&m.group[0].point, p) && !m.flush(yield) {
				return
			}
			m.add(p)
		}
		m.flush(yield)
	}
}

func sameGroup(a, b *point) bool {
	return a.series == b.series && a.grain == b.grain && a.keyTime(a.grain) == b.keyTime(b.grain)
}

// add adds a point to the group. Points with the same end and source arrive one after the other.
func (m *merger) add(p *point) {
	if n := len(m.group); n > 0 {
		last := &m.group[n-1]
		if last.source == p.source && (p.grain != health.GrainRaw || last.end == p.end) {
			m.merge(last, p, p.sequence)
			return
		}
	}
	m.group = append(m.group, newMergedPoint(p))
}

// merge merges p, whose latest element has the given sequence, into entry.
func (m *merger) merge(entry *mergedPoint, p *point, latest uint32) {
	m.collector.countMerged(&p.elementRef)
	series := &m.collector.series[p.series]
	newer := latest > entry.latest
	switch {
	case series.cumulative:
		entry.add(p)
	case series.bloodPressure:
		for i := 3; i < 5; i++ {
			if v := p.values[i]; !health.IsAbsent(v) && (newer || health.IsAbsent(entry.values[i])) {
				entry.values[i] = v
			}
		}
	case newer:
		entry.values = p.values
	}
	if newer {
		entry.attributes = health.MergeAttributes(entry.attributes, p.attributes)
		entry.latest, entry.offset, entry.start, entry.source = latest, p.offset, p.start, p.source
	} else {
		entry.attributes = health.MergeAttributes(p.attributes, entry.attributes)
	}
}

func add(a, b float64) float64 {
	switch {
	case health.IsAbsent(a):
		return b
	case health.IsAbsent(b):
		return a
	}
	return a + b
}

// flush yields the group. It reports whether to go on.
func (m *merger) flush(yield func(mergedPoint, error) bool) bool {
	defer func() { m.group = m.group[:0] }()
	if len(m.group) > 1 && m.group[0].grain != health.GrainRaw {
		m.mergeSummaries()
	}
	for i := range m.group {
		if !yield(m.group[i], nil) {
			return false
		}
	}
	return true
}

// mergeSummaries merges the summaries of one time. Where several single sources have one, each of those is kept; in all other
// cases the source is not part of a summary's identity.
func (m *merger) mergeSummaries() {
	singles := 0
	for i := range m.group {
		if m.singleSource(&m.group[i]) {
			singles++
		}
	}
	kept := m.group[:0]
	merged := -1
	for _, entry := range m.group {
		switch {
		case singles > 1 && m.singleSource(&entry):
			kept = append(kept, entry)
		case merged < 0:
			merged = len(kept)
			kept = append(kept, entry)
		default:
			m.merge(&kept[merged], &entry.point, entry.latest)
		}
	}
	m.group = kept
}

// singleSource reports whether the entry names exactly one source.
func (m *merger) singleSource(entry *mergedPoint) bool {
	source := m.collector.sources[entry.source]
	return source != "" && !strings.Contains(source, "|")
}

// perSource reports whether the source is part of the identity of the group's entries, and of this one.
func (m *merger) perSource(entry *mergedPoint) bool {
	if entry.grain == health.GrainRaw || !m.singleSource(entry) {
		return false
	}
	singles := 0
	for i := range m.group {
		if m.singleSource(&m.group[i]) {
			singles++
		}
	}
	return singles > 1
}
