package ingest

import (
	"iter"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// merger turns the ordered points of a stretch of series into samples of which no two are the same: elements with one identity become
// one sample, the values of a cumulative metric added up and of any other the later one taken. Each sample stands for
// the first of its elements; the others are counted as merged.
type merger struct {
	collector *Collector
	grains    []health.Grain
	partition partition

	// group holds the points with one series, key time and grain, folded by identity as far as it is sure: by end and
	// source. A summary's source counts only if several single sources have one, which shows when the group is whole.
	group []mergedPoint
}

// mergedPoint is one or more points with the same identity.
type mergedPoint struct {
	point
	latest uint32 // sequence of the latest of them
	// components is what the components among the points add up to, and single what the others do, as far as there are both;
	// absent until then.
	components, standalone float64
}

func newMergedPoint(p *point) mergedPoint {
	entry := mergedPoint{point: *p, latest: p.sequence, components: health.Absent(), standalone: p.values[0]}
	if p.component() {
		entry.components, entry.standalone = entry.standalone, entry.components
	}
	return entry
}

// add adds the value of a point that is the same sample. A component and its twin beside the group count once, and so do
// two records of one stretch of time that agree: a sensor does not count the same twice, while a person may well have
// eaten two of a thing at one moment.
func (f *mergedPoint) add(p *point) {
	repeats := p.grain == health.GrainRaw && p.end > p.start && health.SameValue(p.values[0], f.values[0])
	switch {
	case repeats:
	case p.component():
		f.components = add(f.components, p.values[0])
	default:
		f.standalone = add(f.standalone, p.values[0])
	}
	f.values[0] = f.standalone
	if health.IsAbsent(f.standalone) || f.components > f.standalone {
		f.values[0] = f.components
	}
}

// samples yields the samples in the order of the points.
func (f *merger) samples() iter.Seq2[mergedPoint, error] {
	return func(yield func(mergedPoint, error) bool) {
		for p, err := range f.collector.sorter.sorted(f.partition, f.grains) {
			if err != nil {
				yield(mergedPoint{}, err)
				return
			}
			p.grain = p.resolvedGrain(f.grains)
			if len(f.group) > 0 && !sameGroup(&f.group[0].point, p) && !f.flush(yield) {
				return
			}
			f.add(p)
		}
		f.flush(yield)
	}
}

func sameGroup(a, b *point) bool {
	return a.series == b.series && a.grain == b.grain && a.keyTime(a.grain) == b.keyTime(b.grain)
}

// add adds a point to the group. Points with the same end and source arrive one after the other.
func (f *merger) add(p *point) {
	if n := len(f.group); n > 0 {
		last := &f.group[n-1]
		if last.source == p.source && (p.grain != health.GrainRaw || last.end == p.end) {
			f.merge(last, p, p.sequence)
			return
		}
	}
	f.group = append(f.group, newMergedPoint(p))
}

// merge folds p, whose latest element has the given sequence, into entry.
func (f *merger) merge(entry *mergedPoint, p *point, latest uint32) {
	f.collector.countMerged(&p.elementRef)
	series := &f.collector.series[p.series]
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
func (f *merger) flush(yield func(mergedPoint, error) bool) bool {
	defer func() { f.group = f.group[:0] }()
	if len(f.group) > 1 && f.group[0].grain != health.GrainRaw {
		f.mergeSummaries()
	}
	for i := range f.group {
		if !yield(f.group[i], nil) {
			return false
		}
	}
	return true
}

// mergeSummaries folds the summaries of one time together. Where several single sources have one, each of those stays apart;
// in all other cases the source text is no part of a summary's identity.
func (f *merger) mergeSummaries() {
	singles := 0
	for i := range f.group {
		if f.singleSource(&f.group[i]) {
			singles++
		}
	}
	kept := f.group[:0]
	merged := -1
	for _, entry := range f.group {
		switch {
		case singles > 1 && f.singleSource(&entry):
			kept = append(kept, entry)
		case merged < 0:
			merged = len(kept)
			kept = append(kept, entry)
		default:
			f.merge(&kept[merged], &entry.point, entry.latest)
		}
	}
	f.group = kept
}

// singleSource reports whether the entry names exactly one source.
func (f *merger) singleSource(entry *mergedPoint) bool {
	source := f.collector.sources[entry.source]
	return source != "" && !strings.Contains(source, "|")
}

// perSource reports whether the source is part of the identity of the group's entries, and of this one.
func (f *merger) perSource(entry *mergedPoint) bool {
	if entry.grain == health.GrainRaw || !f.singleSource(entry) {
		return false
	}
	singles := 0
	for i := range f.group {
		if f.singleSource(&f.group[i]) {
			singles++
		}
	}
	return singles > 1
}
