package aggregate

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// LongSummaries resolves the summaries of one metric that reach beyond the bucket they begin in: a day's among hours, a week's
// among days. There such a summary could only answer for time that is not the bucket's, so it counts, in the bucket it
// begins in, only while nothing finer was recorded in its time: else the same steps would be shown twice. What was
// recorded in its time begins within it and on its local days.
type LongSummaries struct {
	isLong     func(s *health.Sample) bool
	late       *Resolver // of its own, since they come to it late
	waiting    []longSummary
	seen       []seenDate // of late
	now        int        // index into seen, of the last sample
	onCrossDay func(a, b health.Date)
}

// longSummary is a summary that waits until it is known whether anything finer is there.
type longSummary struct {
	sample      health.Sample
	first, last health.Date
	from, to    health.Instant
	resolvedAt  health.Instant // no sample from here on can be of its time
	shadowed    bool
}

// seenDate is a local date that had samples of a grain, with the latest beginning of them.
type seenDate struct {
	grain  health.Grain
	date   health.Date
	latest health.Instant
}

// NewLongSummaries returns a resolver that holds back what reaches beyond its bucket, and passes on what counts of it.
func NewLongSummaries(rule Rule, reaches func(s *health.Sample) bool, emit func(s *health.Sample, share float64)) *LongSummaries {
	return &LongSummaries{isLong: reaches, late: NewResolver(rule, emit), onCrossDay: func(health.Date, health.Date) {}}
}

// Observe sees the next sample, in the order in which a Resolver takes them, and reports whether it is one of those that are
// held back. All others belong into a Resolver.
func (r *LongSummaries) Observe(s *health.Sample) bool {
	if len(r.waiting) > 0 {
		r.resolveUntil(s.KeyTime())
	}
	seen := seenDate{s.Grain, s.LocalDate(), s.Start}
	for i := range r.waiting {
		r.waiting[i].observe(seen)
	}
	r.note(seen)
	if !r.isLong(s) {
		return false
	}
	w := newLongSummary(s)
	for _, before := range r.seen {
		w.observe(before)
	}
	for i := range r.waiting {
		r.onCrossDay(r.waiting[i].first, w.first)
	}
	r.waiting = append(r.waiting, w)
	return true
}

func newLongSummary(s *health.Sample) longSummary {
	w := longSummary{sample: *s, first: s.LocalDate()}
	w.last = w.first
	w.from, w.to = s.Span()
	w.resolvedAt = w.to
	if s.Grain >= health.GrainDay {
		w.last = s.LastDate()
		w.resolvedAt = (w.last + 1).Midnight(0) + clocksBehind
	}
	return w
}

// observe shadows the summary if a sample is finer and of its time.
func (w *longSummary) observe(s seenDate) {
	if s.grain < w.sample.Grain && w.first <= s.date && s.date <= w.last &&
		(w.sample.Grain >= health.GrainDay || w.from <= s.latest && s.latest < w.to) {
		w.shadowed = true
	}
}

// note remembers what a summary that comes later may have to know.
func (r *LongSummaries) note(s seenDate) {
	same := func(o seenDate) bool { return o.grain == s.grain && o.date == s.date }
	if r.now >= len(r.seen) || !same(r.seen[r.now]) {
		if r.now = slices.IndexFunc(r.seen, same); r.now < 0 {
			r.seen = slices.DeleteFunc(r.seen, func(o seenDate) bool { return o.date < s.date-maxDatesApart })
			r.now = len(r.seen)
			r.seen = append(r.seen, s)
		}
	}
	r.seen[r.now].latest = max(r.seen[r.now].latest, s.latest)
}

// maxDatesApart is how many days the local dates of samples that follow each other may go back, and more.
const maxDatesApart = 3

// resolveUntil lets go of the summaries whose time has been read to its end, those of one grain in their order.
func (r *LongSummaries) resolveUntil(now health.Instant) {
	kept := r.waiting[:0]
	for i := range r.waiting {
		w := &r.waiting[i]
		if w.resolvedAt > now || slices.ContainsFunc(kept, func(k longSummary) bool { return k.sample.Grain == w.sample.Grain }) {
			kept = append(kept, *w)
			continue
		}
		r.emit(w)
	}
	r.waiting = kept
}

func (r *LongSummaries) emit(w *longSummary) {
	if !w.shadowed {
		r.late.Add(&w.sample)
	}
}

// Finish settles what still waits. Of a summary whose time goes on at the instant read, up to which samples were read,
// beyond says whether one that is finer and of its time lies there. The resolver is not used after it.
func (r *LongSummaries) Finish(read health.Instant, beyond func(s *health.Sample, from, to health.Instant) (bool, error)) error {
	for i := range r.waiting {
		w := &r.waiting[i]
		if !w.shadowed && w.resolvedAt > read {
			found, err := beyond(&w.sample, read, w.resolvedAt)
			if err != nil {
				return err
			}
			w.shadowed = found
		}
		r.emit(w)
	}
	r.late.Finish()
	return nil
}

// InTimeOf reports whether a sample was recorded in the time of a summary: it is finer and begins within it, and on its
// local days.
func InTimeOf(s, summary *health.Sample) bool {
	w := newLongSummary(summary)
	w.observe(seenDate{s.Grain, s.LocalDate(), s.Start})
	return w.shadowed
}
