package aggregate

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// LongSummaries resolves the summaries of one metric that extend beyond the bucket they begin in: a day's among hours,
// a week's among days. Such a summary covers time that is not the bucket's, so it counts, in the bucket it begins in,
// only if nothing finer was recorded in its time: else the same steps would be counted twice. A sample is in its time
// if it begins within it and on its local days.
type LongSummaries struct {
	isLong     func(s *health.Sample) bool
	resolver   *Resolver // its own: it gets them late
	pending    []longSummary
	seen       []seenDate // of the last days
	current    int        // index into seen, of the last sample
	onCrossDay func(a, b health.Date)
}

// longSummary is a summary that is pending until it is known whether there is a finer sample.
type longSummary struct {
	sample      health.Sample
	first, last health.Date
	from, to    health.Instant
	resolvedAt  health.Instant // no sample from here on can be in its time
	hasFiner    bool
}

// seenDate is a local date that had samples of a grain, with the latest of their starts.
type seenDate struct {
	grain  health.Grain
	date   health.Date
	latest health.Instant
}

// NewLongSummaries returns a resolver that holds back the summaries for which isLong is true and emits those that
// count.
func NewLongSummaries(rule Rule, isLong func(s *health.Sample) bool, emit func(s *health.Sample, share float64)) *LongSummaries {
	return &LongSummaries{isLong: isLong, resolver: NewResolver(rule, emit), onCrossDay: func(health.Date, health.Date) {}}
}

// Observe takes the next sample, in the order of Resolver.Add, and reports whether it is one of those that are held
// back. All others go to a Resolver.
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

// checkFiner sets hasFiner if a sample is finer and in the summary's time.
func (w *longSummary) checkFiner(s seenDate) {
	if s.grain < w.sample.Grain && w.first <= s.date && s.date <= w.last &&
		(w.sample.Grain >= health.GrainDay || w.from <= s.latest && s.latest < w.to) {
		w.hasFiner = true
	}
}

// recordSeen keeps the date of a sample for summaries that come later.
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

// maxDatesApart is more days than the local dates of consecutive samples may go back.
const maxDatesApart = 3

// resolveUntil emits the summaries whose time has been read to its end, those of one grain in their order.
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

// Finish resolves what is still pending. For a summary whose time ends after readTo, up to which samples were read,
// hasFinerLater reports whether a finer sample in its time follows. The resolver must not be used after it.
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

// FinerWithin reports whether a sample is finer than a summary and in its time: it begins within it and on its local
// days.
func FinerWithin(s, summary *health.Sample) bool {
	w := newLongSummary(summary)
	w.checkFiner(seenDate{s.Grain, s.LocalDate(), s.Start})
	return w.hasFiner
}
