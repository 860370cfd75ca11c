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
	resolver   *Resolver // of its own, since they come to it late
	pending    []longSummary
	seen       []seenDate // of late
	current    int        // index into seen, of the last sample
	onCrossDay func(a, b health.Date)
}

// longSummary is a summary that waits until it is known whether anything finer is there.
type longSummary struct {
	sample      health.Sample
	first, last health.Date
	from, to    health.Instant
	resolvedAt  health.Instant // no sample from here on can be of its time
	hasFiner    bool
}

// seenDate is a local date that had samples of a grain, with the latest beginning of them.
type seenDate struct {
	grain  health.Grain
	date   health.Date
	latest health.Instant
}

// NewLongSummaries returns a resolver that holds back what reaches beyond its bucket, and passes on what counts of it.
func NewLongSummaries(rule Rule, isLong func(s *health.Sample) bool, emit func(s *health.Sample, share float64)) *LongSummaries {
	return &LongSummaries{isLong: isLong, resolver: NewResolver(rule, emit), onCrossDay: func(health.Date, health.Date) {}}
}

// Observe sees the next sample, in the order in which a Resolver takes them, and reports whether it is one of those that are
// held back. All others belong into a Resolver.
func (r *LongSummaries) Observe(s *health.Sample) bool {
	if len(r.pending) > 0 {
		r.resolveUntil(s.KeyTime())
	}
	seen := seenDate{s.Grain, s.LocalDate(), s.Start}
	for i := range r.pending {
		r.pending[i].checkFiner(seen)
	}
	r.recordSeen(seen)
	if !r.isLong(s) {
		return false
	}
	w := newLongSummary(s)
	for _, before := range r.seen {
		w.checkFiner(before)
	}
	for i := range r.pending {
		r.onCrossDay(r.pending[i].first, w.first)
	}
	r.pending = append(r.pending, w)
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

// checkFiner shadows the summary if a sample is finer and of its time.
func (w *longSummary) checkFiner(s seenDate) {
	if s.grain < w.sample.Grain && w.first <= s.date && s.date <= w.last &&
		(w.sample.Grain >= health.GrainDay || w.from <= s.latest && s.latest < w.to) {
		w.hasFiner = true
	}
}

// recordSeen remembers what a summary that comes later may have to know.
func (r *LongSummaries) recordSeen(s seenDate) {
	same := func(o seenDate) bool { return o.grain == s.grain && o.date == s.date }
	if r.current >= len(r.seen) || !same(r.seen[r.current]) {
		if r.current = slices.IndexFunc(r.seen, same); r.current < 0 {
			r.seen = slices.DeleteFunc(r.seen, func(o seenDate) bool { return o.date < s.date-maxDatesApart })
			r.current = len(r.seen)
			r.seen = append(r.seen, s)
		}
	}
	r.seen[r.current].latest = max(r.seen[r.current].latest, s.latest)
}

// maxDatesApart is how many days the local dates of samples that follow each other may go back, and more.
const maxDatesApart = 3

// resolveUntil lets go of the summaries whose time has been read to its end, those of one grain in their order.
func (r *LongSummaries) resolveUntil(now health.Instant) {
	kept := r.pending[:0]
	for i := range r.pending {
		w := &r.pending[i]
		if w.resolvedAt > now || slices.ContainsFunc(kept, func(k longSummary) bool { return k.sample.Grain == w.sample.Grain }) {
			kept = append(kept, *w)
			continue
		}
		r.emit(w)
	}
	r.pending = kept
}

func (r *LongSummaries) emit(w *longSummary) {
	if !w.hasFiner {
		r.resolver.Add(&w.sample)
	}
}

// Finish settles what still waits. Of a summary whose time goes on at the instant read, up to which samples were read,
// beyond says whether one that is finer and of its time lies there. The resolver is not used after it.
func (r *LongSummaries) Finish(readTo health.Instant, hasFinerLater func(s *health.Sample, from, to health.Instant) (bool, error)) error {
	for i := range r.pending {
		w := &r.pending[i]
		if !w.hasFiner && w.resolvedAt > readTo {
			found, err := hasFinerLater(&w.sample, readTo, w.resolvedAt)
			if err != nil {
				return err
			}
			w.hasFiner = found
		}
		r.emit(w)
	}
	r.resolver.Finish()
	return nil
}

// FinerWithin reports whether a sample was recorded in the time of a summary: it is finer and begins within it, and on its
// local days.
func FinerWithin(s, summary *health.Sample) bool {
	w := newLongSummary(summary)
	w.checkFiner(seenDate{s.Grain, s.LocalDate(), s.Start})
	return w.hasFiner
}
