package aggregate

import (
	"github.com/health-export/health-export/internal/health"
)

// Resolver decides which samples of one metric count where several sources measured the same, and by which share, for
// what is made of the samples themselves: percentiles, time in heart-rate zones. Figures are made by a Timeline.
//
// It treats every grain separately. Of a cumulative metric any time counts once, from the best source that was measuring
// (see Ranking). Of any other metric the best of the samples with the same span counts.
type Resolver struct {
	rule    Rule
	emit    func(s *health.Sample, share float64)
	sweeps  map[health.Grain]*sweep
	pending map[health.Grain]*health.Sample
}

// NewResolver returns a resolver that passes every sample that counts to emit, with a share that is above 0 and at most
// 1. The sample is valid only during the call.
func NewResolver(rule Rule, emit func(s *health.Sample, share float64)) *Resolver {
	return &Resolver{rule: rule, emit: emit, sweeps: map[health.Grain]*sweep{}, pending: map[health.Grain]*health.Sample{}}
}

// Add adds the next sample, in the order of key time, grain and end, in which stores yield them. The resolver keeps a
// copy while later samples may affect it: those whose times overlap. A sample without a value never counts.
func (r *Resolver) Add(s *health.Sample) {
	if !s.HasValue() {
		return
	}
	if r.rule.Cumulative() {
		r.sweepOf(s.Grain).add(s)
		return
	}
	have := r.pending[s.Grain]
	switch {
	case have == nil:
		have = new(health.Sample)
		r.pending[s.Grain] = have
	case !sameSpan(have, s):
		r.emit(have, 1)
	case r.rule.Ranking.compareSourceRank(have, s) <= 0:
		return
	}
	*have = *s
}

func (r *Resolver) sweepOf(grain health.Grain) *sweep {
	o := r.sweeps[grain]
	if o == nil {
		o = &sweep{
			ranking: r.rule.Ranking, now: health.MinInstant - health.Day,
			edge:       func(*health.Sample, health.Instant) health.Instant { return health.MaxInstant + health.Day },
			emit:       func(p piece) { r.emit(p.sample, p.share) },
			onCrossDay: func(health.Date, health.Date) {},
		}
		r.sweeps[grain] = o
	}
	return o
}

// Finish emits what is still buffered. The resolver must not be used after it.
func (r *Resolver) Finish() {
	for _, o := range r.sweeps {
		o.finish()
	}
	for _, s := range r.pending {
		r.emit(s, 1)
	}
}
