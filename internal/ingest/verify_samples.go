package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// samples compares the samples metric by metric, in order of time.
func (c *comparison) samples(ctx context.Context) error {
	metrics, err := c.metrics(ctx)
	if err != nil {
		return err
	}
	for _, metric := range metrics {
		query := store.SampleQuery{Metric: metric}
		err := mergeJoin(c.Expected.Samples(ctx, c.user(), query), c.Stored.Samples(ctx, c.user(), query),
			func(s *health.Sample) health.Instant { return s.KeyTime() }, c.sampleGroup)
		if err != nil {
			return fmt.Errorf("%s: %w", metric, err)
		}
	}
	return nil
}

// metrics returns the names of all metrics that either side has.
func (c *comparison) metrics(ctx context.Context) (names []string, err error) {
	for _, side := range []StoredData{c.Expected, c.Stored} {
		infos, err := side.Metrics(ctx, c.user())
		if err != nil {
			return nil, fmt.Errorf("list the metrics: %w", err)
		}
		for _, info := range infos {
			names = append(names, info.Metric)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// sampleGroup compares the samples of one time.
func (c *comparison) sampleGroup(archived, stored []health.Sample) {
	match(c, archived, stored, func(a, b *health.Sample) bool { return a.Key() == b.Key() }, (*health.Sample).SameReading,
		func(s *health.Sample) (Finding, health.Instant) {
			return Finding{
				Element: "sample", Name: s.Metric, Unit: s.Unit, Grain: s.Grain, Start: s.Start, Offset: s.Offset, Source: s.Source,
			}, s.Order
		})
}

// match pairs the elements of two small lists, and reports those that have no pair or do not agree with it. describe returns
// a finding about an element with the element's time of receipt, 0 if unknown.
func match[T any](
	c *comparison, archived, stored []T, same, agree func(a, b *T) bool, describe func(*T) (Finding, health.Instant),
) {
	report := func(kind FindingKind, archived, stored *T) {
		finding, received := describe(cmp.Or(stored, archived))
		finding.Kind = kind
		finding.Archived, finding.Stored = sides(archived, stored)
		c.report(finding, received)
	}
	taken := make([]bool, len(stored))
	for i := range archived {
		c.Elements++
		a := &archived[i]
		found := -1
		for j := range stored {
			if !taken[j] && same(a, &stored[j]) {
				found = j
				break
			}
		}
		if found < 0 {
			report(Missing, a, nil)
			continue
		}
		taken[found] = true
		if !agree(a, &stored[found]) {
			report(Different, a, &stored[found])
		}
	}
	for j := range stored {
		if !taken[j] {
			c.Elements++
			report(Extra, nil, &stored[j])
		}
	}
}

// sides returns copies of both elements, nil for one that is not there.
func sides[T any](archived, stored *T) (a, b any) {
	if archived != nil {
		a = *archived
	}
	if stored != nil {
		b = *stored
	}
	return a, b
}

// mergeJoin iterates over two sequences in order of key, and calls do with the elements of each key. Only those are in memory
// at a time.
func mergeJoin[T any, K cmp.Ordered](left, right iter.Seq2[T, error], key func(*T) K, do func(left, right []T)) error {
	l, r := newGroups(left, key), newGroups(right, key)
	defer l.stop()
	defer r.stop()
	for {
		a, moreLeft := l.peek()
		b, moreRight := r.peek()
		switch {
		case !moreLeft && !moreRight:
			return errors.Join(l.err, r.err)
		case l.err != nil || r.err != nil:
			return errors.Join(l.err, r.err)
		case !moreRight || moreLeft && a < b:
			do(l.take(), nil)
		case !moreLeft || b < a:
			do(nil, r.take())
		default:
			do(l.take(), r.take())
		}
	}
}

// groups divides an ordered sequence into groups of one key.
type groups[T any, K cmp.Ordered] struct {
	next  func() (T, error, bool)
	stop  func()
	key   func(*T) K
	head  T
	more  bool
	err   error
	group []T
}

func newGroups[T any, K cmp.Ordered](sequence iter.Seq2[T, error], key func(*T) K) *groups[T, K] {
	next, stop := iter.Pull2(sequence)
	g := &groups[T, K]{next: next, stop: stop, key: key}
	g.advance()
	return g
}

func (g *groups[T, K]) advance() {
	if g.head, g.err, g.more = g.next(); g.err != nil {
		g.more = false
	}
}

func (g *groups[T, K]) peek() (key K, more bool) {
	if !g.more {
		return key, false
	}
	return g.key(&g.head), true
}

// take returns the next group, which is the caller's until the next call.
func (g *groups[T, K]) take() []T {
	key := g.key(&g.head)
	g.group = g.group[:0]
	for g.more && g.key(&g.head) == key {
		g.group = append(g.group, g.head)
		g.advance()
	}
	return g.group
}
