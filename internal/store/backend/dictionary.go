package backend

import (
	"maps"
	"slices"
	"sync"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// maxCachedNames bounds each part of a Dictionary. A person has some hundred metrics and a few dozen sources.
const maxCachedNames = 100_000

// ID is the type of the ids that stand for the names of sources in the tables of a store.
type ID interface{ ~int32 | ~int64 }

// Dictionary caches the ids that stand for the names of metrics and sources in the tables of samples. M is what a store
// has to know of a metric, its id included. An id never changes its meaning, so that an entry is right until the source
// is erased. It is safe for concurrent use.
type Dictionary[M any, S ID] struct {
	// check returns why the tables cannot keep some names, "" where they can; nil accepts all.
	check func(names ...string) (reason string)

	mu          sync.RWMutex
	metrics     map[store.Series]M
	sources     map[string]S
	sourceNames map[S]string
}

// NewDictionary returns an empty Dictionary. check returns why the tables cannot keep some names, "" where they can; nil
// accepts all.
func NewDictionary[M any, S ID](check func(names ...string) (reason string)) *Dictionary[M, S] {
	return &Dictionary[M, S]{
		check: check, metrics: map[store.Series]M{}, sources: map[string]S{}, sourceNames: map[S]string{},
	}
}

// Names are the ids of the names in one batch, or why a name has none.
type Names[M any, S ID] struct {
	Metrics        map[store.Series]M
	Sources        map[string]S // "" has the id 0
	RefusedMetrics map[store.Series]string
	RefusedSources map[string]string
	// The names that have no id yet, with the first sample of each metric.
	NewMetrics map[store.Series]*health.Sample
	NewSources map[string]bool
}

// Clone returns a copy with maps of its own.
func (n *Names[M, S]) Clone() *Names[M, S] {
	return &Names[M, S]{
		maps.Clone(n.Metrics), maps.Clone(n.Sources), maps.Clone(n.RefusedMetrics), maps.Clone(n.RefusedSources),
		maps.Clone(n.NewMetrics), maps.Clone(n.NewSources),
	}
}

// Complete reports whether every name has an id or was refused.
func (n *Names[M, S]) Complete() bool { return len(n.NewMetrics) == 0 && len(n.NewSources) == 0 }

// Refusal returns why a sample cannot be kept under its names.
func (n *Names[M, S]) Refusal(s *health.Sample) (reason string, refused bool) {
	if len(n.RefusedMetrics) > 0 {
		if reason, refused = n.RefusedMetrics[store.Series{Metric: s.Metric, Unit: s.Unit}]; refused {
			return reason, true
		}
	}
	if len(n.RefusedSources) > 0 {
		reason, refused = n.RefusedSources[s.Source]
	}
	return reason, refused
}

// Each calls do with every sample of a batch whose names were not refused, its index, its metric and the id of its
// source.
func (n *Names[M, S]) Each(batch []health.Sample, do func(i int, sample *health.Sample, metric *M, source S)) {
	last := &health.Sample{}
	var metric M
	var source S
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			metric = n.Metrics[store.Series{Metric: sample.Metric, Unit: sample.Unit}]
		}
		if sample.Source != last.Source {
			source = n.Sources[sample.Source]
		}
		last = sample
		if _, refused := n.Refusal(sample); !refused {
			do(i, sample, &metric, source)
		}
	}
}

// Resolve returns the ids of all names in a batch. define reads or assigns the ids of those that are not cached, each in
// a transaction of its own: a name that turns out to have no samples does no harm.
func (d *Dictionary[M, S]) Resolve(batch []health.Sample, define func(*Names[M, S]) error) (*Names[M, S], error) {
	names := d.cached(batch)
	if names.Complete() {
		return names, nil
	}
	if err := define(names); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.metrics) > maxCachedNames {
		clear(d.metrics)
	}
	if len(d.sources) > maxCachedNames {
		clear(d.sources)
	}
	maps.Copy(d.metrics, names.Metrics)
	maps.Copy(d.sources, names.Sources)
	return names, nil
}

// cached looks up a batch in the cache, and refuses names that the tables cannot keep.
func (d *Dictionary[M, S]) cached(batch []health.Sample) *Names[M, S] {
	names := &Names[M, S]{
		Metrics: map[store.Series]M{}, Sources: map[string]S{"": 0},
		RefusedMetrics: map[store.Series]string{}, RefusedSources: map[string]string{},
		NewMetrics: map[store.Series]*health.Sample{}, NewSources: map[string]bool{},
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	last := &health.Sample{}
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			d.cachedMetric(names, sample)
		}
		if sample.Source != last.Source {
			d.cachedSource(names, sample.Source)
		}
		last = sample
	}
	return names
}

func (d *Dictionary[M, S]) cachedMetric(names *Names[M, S], sample *health.Sample) {
	name := store.Series{Metric: sample.Metric, Unit: sample.Unit}
	if m, ok := d.metrics[name]; ok {
		names.Metrics[name] = m
	} else if reason := d.refusal(name.Metric, name.Unit); reason != "" {
		names.RefusedMetrics[name] = reason
	} else if names.NewMetrics[name] == nil {
		names.NewMetrics[name] = sample
	}
}

func (d *Dictionary[M, S]) cachedSource(names *Names[M, S], name string) {
	if id, ok := d.sources[name]; ok {
		names.Sources[name] = id
	} else if reason := d.refusal(name); reason != "" {
		names.RefusedSources[name] = reason
	} else if name != "" {
		names.NewSources[name] = true
	}
}

func (d *Dictionary[M, S]) refusal(names ...string) (reason string) {
	if d.check == nil {
		return ""
	}
	return d.check(names...)
}

// Metric returns a metric that is cached.
func (d *Dictionary[M, S]) Metric(name store.Series) (m M, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	m, ok = d.metrics[name]
	return m, ok
}

// SourceNames returns the names of sources by their ids; 0 is "". read reads those that are not cached.
func (d *Dictionary[M, S]) SourceNames(ids []S, read func(missing []S) (map[S]string, error)) (map[S]string, error) {
	names, missing := d.cachedSourceNames(ids)
	if len(missing) == 0 {
		return names, nil
	}
	found, err := read(missing)
	if err != nil {
		return nil, err
	}
	maps.Copy(names, found)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sourceNames) > maxCachedNames {
		clear(d.sourceNames)
	}
	maps.Copy(d.sourceNames, found)
	return names, nil
}

func (d *Dictionary[M, S]) cachedSourceNames(ids []S) (names map[S]string, missing []S) {
	names = map[S]string{0: ""}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for i, id := range ids {
		if i > 0 && id == ids[i-1] {
			continue
		}
		if _, seen := names[id]; seen {
			continue
		}
		if name, ok := d.sourceNames[id]; ok {
			names[id] = name
		} else if !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	return names, missing
}

// SetSources gives samples the names of their sources, whose ids are in the same order; read is as in SourceNames.
func (d *Dictionary[M, S]) SetSources(
	samples []health.Sample, ids []S, read func(missing []S) (map[S]string, error),
) error {
	names, err := d.SourceNames(ids, read)
	if err != nil {
		return err
	}
	for i, id := range ids {
		samples[i].Source = names[id]
	}
	return nil
}

// InvalidateSources empties the cache of sources: some were erased.
func (d *Dictionary[M, S]) InvalidateSources() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sources)
	clear(d.sourceNames)
}
