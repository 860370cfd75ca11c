package assemble

import (
	"iter"

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
	// inferred: of all of them, see settledGrain.
	inferred bool
	// components is the sum of the points that are components, and standalone of those that are not; absent where there are
	// none.
	components, standalone float64
}

func newMergedPoint(p *point) mergedPoint {
	merged := mergedPoint{point: *p, latest: p.sequence, components: health.Absent(), standalone: p.values[0]}
	if p.component() {
		merged.components, merged.standalone = merged.standalone, merged.components
	}
	return merged
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
			inferred := p.grain < health.GrainRaw && m.collector.settled[-1-p.grain].inferred
			p.grain = p.resolvedGrain(m.grains)
			if len(m.group) > 0 && !sameGroup(&m.group[0].point, p) && !m.flush(yield) {
				return
			}
			m.add(p, inferred)
		}
		m.flush(yield)
	}
}

func sameGroup(a, b *point) bool {
	return a.series == b.series && a.grain == b.grain && a.keyTime(a.grain) == b.keyTime(b.grain)
}

// add adds a point to the group. Points with the same end and source arrive one after the other.
func (m *merger) add(p *point, inferred bool) {
	if n := len(m.group); n > 0 {
		last := &m.group[n-1]
		if last.source == p.source && (p.grain != health.GrainRaw || last.end == p.end) {
			m.merge(last, p, p.sequence)
			last.inferred = last.inferred && inferred
			return
		}
	}
	m.group = append(m.group, newMergedPoint(p))
	m.group[len(m.group)-1].inferred = inferred
}

// merge merges p, whose latest element has the given sequence, into a merged point.
func (m *merger) merge(merged *mergedPoint, p *point, latest uint32) {
	m.collector.countMerged(&p.elementRef)
	series := &m.collector.series[p.series]
	newer := latest > merged.latest
	switch {
	case series.cumulative:
		merged.add(p)
	case series.bloodPressure:
		for i := 3; i < 5; i++ {
			if v := p.values[i]; !health.IsAbsent(v) && (newer || health.IsAbsent(merged.values[i])) {
				merged.values[i] = v
			}
		}
	case newer && p.hasValue():
		merged.values = p.values
	}
	if newer {
		merged.attributes = health.MergeAttributes(merged.attributes, p.attributes)
		merged.latest, merged.start, merged.source = latest, p.start, p.source
		merged.offset, merged.assumed = p.offset, p.assumed
	} else {
		merged.attributes = health.MergeAttributes(p.attributes, merged.attributes)
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
	several := m.severalSources()
	kept := m.group[:0]
	first := -1
	for _, merged := range m.group {
		switch {
		case several && m.singleSource(&merged):
			kept = append(kept, merged)
		case first < 0:
			first = len(kept)
			kept = append(kept, merged)
		default:
			m.merge(&kept[first], &merged.point, merged.latest)
		}
	}
	m.group = kept
}

// singleSource reports whether a point names exactly one source.
func (m *merger) singleSource(merged *mergedPoint) bool {
	return m.collector.isSingle(merged.source)
}

// severalSources reports whether more than one point of the group names exactly one source.
func (m *merger) severalSources() bool {
	singles := 0
	for i := range m.group {
		if m.singleSource(&m.group[i]) {
			singles++
		}
	}
	return singles > 1
}

// perSource reports whether the source is part of the identity of a point of the group.
func (m *merger) perSource(merged *mergedPoint) bool {
	return merged.grain != health.GrainRaw && m.singleSource(merged) && m.severalSources()
}
