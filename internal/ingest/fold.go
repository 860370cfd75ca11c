package ingest

import (
	"iter"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// fold turns the ordered points of a stretch of series into samples of which no two are the same: elements with one identity become
// one sample, the values of a cumulative metric added up and of any other the later one taken. Each sample stands for
// the first of its elements; the others are counted as merged.
type fold struct {
	collector *collector
	grains    []health.Grain
	stretch   stretch

	// group holds the points with one series, key time and grain, folded by identity as far as it is sure: by end and
	// source. A summary's source counts only if several single sources have one, which shows when the group is whole.
	group []folded
}

// folded is one or more points with the same identity.
type folded struct {
	point
	latest uint32 // sequence of the latest of them
	// parts is what the components among the points add up to, and single what the others do, as far as there are both;
	// absent until then.
	parts, single float64
}

func begin(p *point) folded {
	entry := folded{point: *p, latest: p.sequence, parts: health.Absent(), single: p.values[0]}
	if p.component() {
		entry.parts, entry.single = entry.single, entry.parts
	}
	return entry
}

// add adds the value of a point that is the same sample. A component and its twin beside the group count once, and so do
// two records of one stretch of time that agree: a sensor does not count the same twice, while a person may well have
// eaten two of a thing at one moment.
func (f *folded) add(p *point) {
	repeats := p.grain == health.GrainRaw && p.end > p.start && health.SameValue(p.values[0], f.values[0])
	switch {
	case repeats:
	case p.component():
		f.parts = add(f.parts, p.values[0])
	default:
		f.single = add(f.single, p.values[0])
	}
	f.values[0] = f.single
	if health.IsAbsent(f.single) || f.parts > f.single {
		f.values[0] = f.parts
	}
}

// samples yields the samples in the order of the points.
func (f *fold) samples() iter.Seq2[folded, error] {
	return func(yield func(folded, error) bool) {
		for p, err := range f.collector.sorter.sorted(f.stretch, f.grains) {
			if err != nil {
				yield(folded{}, err)
				return
			}
			p.grain = p.resolved(f.grains)
			if len(f.group) > 0 && !sameGroup(&f.group[0].point, p) && !f.flush(yield) {
				return
			}
			f.take(p)
		}
		f.flush(yield)
	}
}

func sameGroup(a, b *point) bool {
	return a.series == b.series && a.grain == b.grain && a.keyTime(a.grain) == b.keyTime(b.grain)
}

// take adds a point to the group. Points with the same end and source arrive one after the other.
func (f *fold) take(p *point) {
	if n := len(f.group); n > 0 {
		last := &f.group[n-1]
		if last.source == p.source && (p.grain != health.GrainRaw || last.end == p.end) {
			f.merge(last, p, p.sequence)
			return
		}
	}
	f.group = append(f.group, begin(p))
}

// merge folds p, whose latest element has the given sequence, into entry.
func (f *fold) merge(entry *folded, p *point, latest uint32) {
	f.collector.merged(&p.origin)
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
func (f *fold) flush(yield func(folded, error) bool) bool {
	defer func() { f.group = f.group[:0] }()
	if len(f.group) > 1 && f.group[0].grain != health.GrainRaw {
		f.joinMerged()
	}
	for i := range f.group {
		if !yield(f.group[i], nil) {
			return false
		}
	}
	return true
}

// joinMerged folds the summaries of one time together. Where several single sources have one, each of those stays apart;
// in all other cases the source text is no part of a summary's identity.
func (f *fold) joinMerged() {
	singles := 0
	for i := range f.group {
		if f.single(&f.group[i]) {
			singles++
		}
	}
	kept := f.group[:0]
	merged := -1
	for _, entry := range f.group {
		switch {
		case singles > 1 && f.single(&entry):
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

// single reports whether the entry names exactly one source.
func (f *fold) single(entry *folded) bool {
	source := f.collector.sources[entry.source]
	return source != "" && !strings.Contains(source, "|")
}

// perSource reports whether the source is part of the identity of the group's entries, and of this one.
func (f *fold) perSource(entry *folded) bool {
	if entry.grain == health.GrainRaw || !f.single(entry) {
		return false
	}
	singles := 0
	for i := range f.group {
		if f.single(&f.group[i]) {
			singles++
		}
	}
	return singles > 1
}
