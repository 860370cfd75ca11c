package aggregate

import (
	"github.com/health-export/health-export/internal/health"
)

// Rule is how the samples of one metric are resolved.
type Rule struct {
	// Cumulative is true for metrics whose values are added up.
	Cumulative bool
	// Ranking orders the sources.
	Ranking Ranking
}

// Resolver decides which samples of one metric count where several sources measured the same, and by which share. It
// treats every grain separately; Aggregates compares the grains.
//
// Of a cumulative metric any time counts once, from the best source that was measuring (see Ranking): a sample that
// extends beyond a better source's counts by the share outside of it. Of any other metric the best of the samples with
// the same span counts. Samples of one source do not affect each other. A merged summary received before one of the
// summaries per source of the same time does not count: the later body wins.
type Resolver struct {
	rule       Rule
	emit       func(s *health.Sample, share float64)
	onCrossDay func(a, b health.Date)
	overlaps   map[health.Grain]*overlapResolver
	pending    map[health.Grain]*health.Sample
	sameTime   []health.Sample // summaries of one grain and key time
}

// NewResolver returns a resolver that passes every sample that counts to emit, with a share that is above 0 and at most
// 1. The sample is valid only during the call.
func NewResolver(rule Rule, emit func(s *health.Sample, share float64)) *Resolver {
	return &Resolver{
		rule: rule, emit: emit, onCrossDay: func(health.Date, health.Date) {},
		overlaps: map[health.Grain]*overlapResolver{}, pending: map[health.Grain]*health.Sample{},
	}
}

// Add adds the next sample, in the order of key time, grain and end, in which stores yield them. The resolver keeps a
// copy while later samples may affect it: those whose times overlap. A sample without a value never counts.
func (r *Resolver) Add(s *health.Sample) {
	if !s.HasValue() {
		return
	}
	if first := r.sameTime; len(first) > 0 && (first[0].Grain != s.Grain || first[0].KeyTime() != s.KeyTime()) {
		r.resolveSameTime()
	}
	if s.Grain == health.GrainRaw {
		r.resolve(s)
		return
	}
	for i := range r.sameTime {
		r.onCrossDay(r.sameTime[i].LocalDate(), s.LocalDate())
	}
	r.sameTime = append(r.sameTime, *s)
}

// resolveSameTime resolves the summaries of one grain and key time, except a merged one that is older than one per
// source.
func (r *Resolver) resolveSameTime() {
	latest := health.Instant(0)
	for i := range r.sameTime {
		if r.sameTime[i].PerSource {
			latest = max(latest, r.sameTime[i].Order)
		}
	}
	for i := range r.sameTime {
		if s := &r.sameTime[i]; s.PerSource || s.Order >= latest {
			r.resolve(s)
		}
	}
	r.sameTime = r.sameTime[:0]
}

func (r *Resolver) resolve(s *health.Sample) {
	if r.rule.Cumulative {
		o := r.overlaps[s.Grain]
		if o == nil {
			o = newOverlapResolver(r.rule.Ranking, r.emit, r.onCrossDay)
			r.overlaps[s.Grain] = o
		}
		o.add(s)
		return
	}
	have := r.pending[s.Grain]
	switch {
	case have == nil:
		have = new(health.Sample)
		r.pending[s.Grain] = have
	case !sameSpan(have, s):
		r.emit(have, 1)
	default:
		r.onCrossDay(have.LocalDate(), s.LocalDate())
		if r.rule.Ranking.compareSourceRank(have, s) <= 0 {
			return
		}
	}
	*have = *s
}

// Finish emits what is still buffered. The resolver must not be used after it.
func (r *Resolver) Finish() {
	r.resolveSameTime()
	for _, o := range r.overlaps {
		o.finish()
	}
	for _, s := range r.pending {
		r.emit(s, 1)
	}
}

func sameSpan(a, b *health.Sample) bool {
	return a.KeyTime() == b.KeyTime() && (a.Grain > health.GrainRaw || a.End == b.End)
}
