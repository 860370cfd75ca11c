package aggregate

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Grid divides time into cells, of an hour or less, and joins those to groups, such as local days.
type Grid interface {
	// Cell returns the cell of an instant that was recorded at an offset, and the group of the cell.
	Cell(t health.Instant, offset int32) (in health.Interval, group int64)
	// CellGrain is the grain of summaries as long as a cell.
	CellGrain() health.Grain
	// Day returns the group of a local day that was recorded at an offset; ok is false where groups are shorter than days.
	Day(date health.Date, offset int32) (group int64, ok bool)
	// Bounds returns the interval of a group that has samples of an extent.
	Bounds(group int64, extent Extent) health.Interval
}

// Group is what the samples of one metric amount to in a group of cells.
type Group struct {
	Key int64
	Aggregate
	Extent
	// Cells are those with samples, in order. They are nil where a cell is all of the group.
	Cells []Hour
}

// Timeline resolves the samples of one metric in one unit, see docs/counting.md. It keeps the cells, but of samples only
// those that later ones may still affect.
type Timeline struct {
	rule       Rule
	grid       Grid
	spans      spans
	onCrossDay func(a, b health.Date)
	wanted     func(group int64) bool
	sweep      *sweep // nil for an arithmetic mean
	// pending is the best of the readings with one span, for an arithmetic mean.
	pending    health.Sample
	hasPending bool
	groups     map[int64]*cellGroup
	last       *cell // of the last sample
	lastOffset int32
	// placement is nil where all samples have one offset: the first, unless several is set.
	placement *Placement
	first     *int32
	several   bool
	arena     []Aggregate
	sources   []string // of the last aggregate, shared by all that have no other
}

// cellGroup is a Group that is being made.
type cellGroup struct {
	key   int64
	cells []*cell
	// day is the merged summary of the day, ofSource that of the best source; nil where there is none.
	day, ofSource *health.Sample
}

func (g *cellGroup) addDay(s *health.Sample, ranking Ranking) {
	copied := *s
	switch {
	case isMerged(s):
		g.day = &copied
	case g.ofSource == nil || ranking.compareSourceRank(s, g.ofSource) < 0:
		g.ofSource = &copied
	}
}

// extentOfDay returns an extent with the offsets of the summary of the day: somebody who travels may have samples on one
// date that are far from the day as it was where the summary was made. The clock may have been changed during the day.
func (g *cellGroup) extentOfDay(e Extent) Extent {
	if g.day == nil {
		return e
	}
	if change := e.LatestOffset - g.day.Offset; change < -3600 || change > 3600 {
		e.LatestOffset = g.day.Offset
	}
	e.EarliestOffset = g.day.Offset
	return e
}

// chooseDay makes the summary of a source that of the day where there is no merged one, or an older one that was not final.
// It is never final itself: other sources may have measured more.
func (g *cellGroup) chooseDay(settled func(day *health.Sample) bool) {
	if g.ofSource != nil && (g.day == nil || g.day.Order < g.ofSource.Order && !settled(g.day)) {
		g.day = g.ofSource
	}
}

// NewTimeline returns a timeline for the groups for which wanted is true. The spans are those of the metric and unit that
// overlap the groups.
func NewTimeline(rule Rule, grid Grid, said []health.Span, wanted func(group int64) bool) *Timeline {
	t := &Timeline{
		rule: rule, grid: grid, spans: said, wanted: wanted, onCrossDay: func(health.Date, health.Date) {},
		groups: map[int64]*cellGroup{},
	}
	if rule.Cumulative() || rule.weightedByTime() {
		t.sweep = &sweep{
			ranking: rule.Ranking, now: health.MinInstant - health.Day,
			edge: func(s *health.Sample, at health.Instant) health.Instant {
				in, _ := grid.Cell(at, t.offsetOf(s, at))
				return in.To
			},
			emit:       t.addPiece,
			onCrossDay: func(a, b health.Date) { t.onCrossDay(a, b) },
		}
		if rule.weightedByTime() {
			t.sweep.hold = rule.Hold
		}
	}
	return t
}

// Add adds the next sample, in the order of key time, grain and end, in which stores yield them. Summaries longer than a
// day are no part of a timeline, nor are merged ones that are longer than a cell but no day, nor any without a value.
func (t *Timeline) Add(s *health.Sample) {
	if !s.HasValue() {
		return
	}
	if t.first == nil {
		offset := s.Offset
		t.first = &offset
	}
	t.several = t.several || s.Offset != *t.first
	switch {
	case s.Grain > health.GrainDay:
	case s.Grain == health.GrainDay:
		if key, ok := t.grid.Day(s.LocalDate(), s.Offset); ok && t.wanted(key) {
			t.groupOf(key).addDay(s, t.rule.Ranking)
		}
	case !isMerged(s):
		t.addReading(s)
	case s.Grain == t.grid.CellGrain() || s.Grain == health.GrainMinute:
		t.addSummary(s)
	case s.Grain < t.grid.CellGrain():
		t.addReading(s)
	}
}

// addSummary adds a merged summary of a cell or of a minute. One that does not fit the clock is taken as a reading.
func (t *Timeline) addSummary(s *health.Sample) {
	offset := t.offsetOf(s, s.Start)
	in, _ := t.grid.Cell(s.Start, offset)
	length := health.Instant(s.Grain) * health.Second
	if (s.Start-in.From)%length != 0 || s.Start+length > in.To {
		t.addReading(s)
		return
	}
	if t.rule.weightedByTime() && s.Grain < t.grid.CellGrain() {
		t.sweep.add(s)
	}
	c := t.cellOf(s.Start, offset)
	if c == nil {
		return
	}
	c.extend(Extent{s.Start, s.Start, offset, offset})
	if s.Grain == t.grid.CellGrain() {
		copied := *s
		c.whole = &copied
		return
	}
	c.samples++
	t.fineOf(c, s).add(s, 1)
	if !t.rule.Cumulative() {
		return
	}
	if value, asOf, ok := t.spans.statement(s, health.GrainMinute, s.Start); ok {
		c.minutes = append(c.minutes, part{Interval: health.Interval{From: s.Start, To: s.Start + length}, value: value, asOf: asOf})
	}
}

func (t *Timeline) addReading(s *health.Sample) {
	if t.sweep != nil {
		t.sweep.add(s)
		return
	}
	switch have := &t.pending; {
	case !t.hasPending:
		t.hasPending = true
	case !sameSpan(have, s):
		t.flushPending()
		t.hasPending = true
	default:
		t.onCrossDay(have.LocalDate(), s.LocalDate())
		if t.rule.Ranking.compareSourceRank(have, s) <= 0 {
			return
		}
	}
	t.pending = *s
}

func sameSpan(a, b *health.Sample) bool {
	return a.KeyTime() == b.KeyTime() && a.Grain == b.Grain && (a.Grain > health.GrainRaw || a.End == b.End)
}

func (t *Timeline) flushPending() {
	if t.hasPending {
		t.hasPending = false
		s := &t.pending
		t.addPiece(piece{s, health.Interval{From: s.Start, To: s.Start}, 1, 0, true})
	}
}

// addPiece adds a piece of a reading to its cell.
func (t *Timeline) addPiece(p piece) {
	s := p.sample
	offset := t.offsetOf(s, p.From)
	c := t.cellOf(p.From, offset)
	if c == nil {
		return
	}
	if t.rule.weightedByTime() {
		t.addWeighted(c, p, offset)
		return
	}
	if p.first {
		c.samples++
	}
	c.extend(Extent{p.From, p.From, offset, offset})
	t.fineOf(c, s).addPiece(s, p.share, p.From)
	if t.rule.Cumulative() && !health.IsAbsent(s.Value) {
		c.pieces = append(c.pieces, part{p.Interval, s.Value * p.share, s.AsOf, reading{s.Start, s.Value}})
	}
}

// addWeighted adds a piece to the mean over time of a cell. A value that only lasts from the cell before is no sample of
// this one.
func (t *Timeline) addWeighted(c *cell, p piece, offset int32) {
	s := p.sample
	c.weighted.addWeighted(s.Value, float64(p.held)/float64(health.Second), t.rule.Style)
	if isMerged(s) || p.From != s.Start && s.End <= s.Start && !s.PerSource {
		return
	}
	c.samples++
	c.extend(Extent{p.From, p.From, offset, offset})
	t.fineOf(c, s).addPiece(s, 1, p.From)
}

// offsetOf returns the offset by which what a sample says of an instant is placed.
func (t *Timeline) offsetOf(s *health.Sample, at health.Instant) int32 {
	if t.placement == nil {
		return s.Offset
	}
	offset, low, high := t.placement.offset(s, at)
	for date := at.Date(low); date <= at.Date(high); date++ {
		t.onCrossDay(date, at.Date(offset))
	}
	return offset
}

// SeveralOffsets reports whether the samples had several offsets. Then they have to be placed: collect them in a Placement,
// and add them to a new timeline that has it.
func (t *Timeline) SeveralOffsets() bool { return t.several && t.placement == nil }

// Place sets the placement of the samples. Call it before the first one is added.
func (t *Timeline) Place(p *Placement) { t.placement = p }

// fineOf returns the aggregate of the samples of a grain in a cell.
func (t *Timeline) fineOf(c *cell, s *health.Sample) *Aggregate {
	for i := range c.fine {
		if c.fine[i].Grain == s.Grain {
			return &c.fine[i]
		}
	}
	if c.fine == nil {
		if len(t.arena) == 0 {
			t.arena = make([]Aggregate, 16)
		}
		c.fine = t.arena[:0:1]
		t.arena = t.arena[1:]
	}
	c.fine = append(c.fine, New(s.Grain))
	a := &c.fine[len(c.fine)-1]
	if len(t.sources) != 1 || t.sources[0] != s.Source { // it is nearly always that of the cell before
		t.sources = []string{s.Source}
	}
	if s.Source != "" {
		a.Sources = t.sources
	}
	return a
}

// cellOf returns a cell; nil where its group is not wanted.
func (t *Timeline) cellOf(at health.Instant, offset int32) *cell {
	if c := t.last; c != nil && t.lastOffset == offset && c.From <= at && at < c.To {
		return c
	}
	in, key := t.grid.Cell(at, offset)
	if !t.wanted(key) {
		return nil
	}
	g := t.groupOf(key)
	for i := len(g.cells) - 1; i >= 0; i-- {
		if g.cells[i].From == in.From {
			t.last, t.lastOffset = g.cells[i], offset
			return t.last
		}
	}
	t.last, t.lastOffset = &cell{Interval: in, weighted: newStats()}, offset
	g.cells = append(g.cells, t.last)
	return t.last
}

func (t *Timeline) groupOf(key int64) *cellGroup {
	g := t.groups[key]
	if g == nil {
		g = &cellGroup{key: key}
		t.groups[key] = g
	}
	return g
}

// Finish returns the groups that have samples, in order. The timeline must not be used after it.
func (t *Timeline) Finish() []Group {
	t.flushPending()
	if t.sweep != nil {
		t.sweep.finish()
	}
	groups := make([]Group, 0, len(t.groups))
	for _, g := range t.groups {
		g.cells = slices.DeleteFunc(g.cells, func(c *cell) bool { return !c.counted })
		g.chooseDay(func(day *health.Sample) bool {
			return day.AsOf >= t.grid.Bounds(g.key, ExtentOf(day)).To+t.rule.SettlingDay
		})
		if len(g.cells) > 0 || g.day != nil {
			groups = append(groups, t.resolve(g))
		}
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Key, b.Key) })
	return groups
}

func (t *Timeline) resolve(g *cellGroup) Group {
	slices.SortFunc(g.cells, func(a, b *cell) int { return cmp.Compare(a.From, b.From) })
	resolved := Group{Key: g.key}
	if g.day != nil {
		resolved.Extent = ExtentOf(g.day)
	} else {
		resolved.Extent = g.cells[0].extent
	}
	if t.rule.Cumulative() {
		t.compareReadings(g)
	}
	for _, c := range g.cells {
		slices.SortFunc(c.fine, func(a, b Aggregate) int { return cmp.Compare(a.Grain, b.Grain) })
		if t.rule.Cumulative() {
			c.resolveSum(t.rule, t.spans, t.grid.CellGrain())
		} else {
			c.resolveMean(t.rule, t.spans, t.grid.CellGrain())
		}
		c.Values.roundWeight(t.rule)
		resolved.Extent.Join(c.extent)
		resolved.Cells = append(resolved.Cells, Hour{c.From, c.extent, c.Aggregate})
	}
	resolved.Aggregate = t.joinCells(g)
	t.applyDay(g, &resolved)
	if t.rule.Cumulative() {
		resolved.Values.Sum = tidy(resolved.Values.Sum)
		for i := range resolved.Cells {
			resolved.Cells[i].Values.Sum = tidy(resolved.Cells[i].Values.Sum)
		}
	}
	resolved.Values.roundWeight(t.rule)
	return resolved
}

// compareReadings compares the readings of each run of cells that have some with the summaries of the same time. The cell
// after a run belongs to it: what began in the last one may have been recorded there.
func (t *Timeline) compareReadings(g *cellGroup) {
	if t.rule.UserEntered && !slices.ContainsFunc(g.cells, func(c *cell) bool { return slices.ContainsFunc(c.pieces, part.hasLength) }) {
		for _, c := range g.cells {
			c.entries = true
		}
		return
	}
	known := map[reading]bool{}
	for _, c := range g.cells {
		if len(c.minutes) > 0 {
			slices.SortStableFunc(c.pieces, func(a, b part) int { return cmp.Compare(a.reading.start, b.reading.start) })
			c.saidReadings(known)
		}
	}
	if len(known) > 0 {
		for _, c := range g.cells {
			c.pieces = slices.DeleteFunc(c.pieces, func(p part) bool { return known[p.reading] })
		}
	}
	for from := 0; from < len(g.cells); {
		to := from
		var hours, minutes said
		for to < len(g.cells) && len(g.cells[to].pieces) > 0 && (to == from || g.cells[to].From <= g.cells[to-1].To) {
			to++
		}
		if to == from {
			from++
			continue
		}
		last := to
		if to < len(g.cells) && g.cells[to].From <= g.cells[to-1].To {
			last++
		}
		for _, c := range g.cells[from:last] {
			c.compareReadings(t.spans, t.grid.CellGrain(), &hours, &minutes)
		}
		for _, c := range g.cells[from:to] {
			c.byHours, c.byMinutes = hours.compare(), minutes.compare()
		}
		from = to
	}
}

// joinCells returns the aggregate of all cells of a group.
func (t *Timeline) joinCells(g *cellGroup) Aggregate {
	if len(g.cells) == 0 {
		return New(health.GrainDay)
	}
	if len(g.cells) == 1 {
		joined := g.cells[0].Aggregate
		_, days := t.grid.Day(0, 0)
		joined.Settled = joined.Settled && !days // an hour is final, the day that it is all of is not
		return joined
	}
	cells := make([]Aggregate, len(g.cells))
	for i, c := range g.cells {
		cells[i] = c.Aggregate
		if !c.byWhole && c.whole == nil && c.samples < cells[i].Count { // the others began in a cell before this one
			cells[i].Count = c.samples
		}
	}
	joined := Join(cells, t.rule.Style)
	joined.Settled = false
	return joined
}

// applyDay resolves a group that is a day, of which there may be a summary.
func (t *Timeline) applyDay(g *cellGroup, resolved *Group) {
	date := resolved.Earliest.Date(resolved.EarliestOffset)
	if key, ok := t.grid.Day(date, resolved.EarliestOffset); !ok || key != g.key {
		return
	}
	value, asOf, ok := t.spans.statement(g.day, health.GrainDay, health.Instant(date)*health.Day)
	if !ok {
		if g.day == nil || t.rule.Cumulative() {
			return
		}
		asOf = g.day.AsOf // a blood pressure has two values
	}
	bounds := t.grid.Bounds(g.key, g.extentOfDay(resolved.Extent))
	settled := asOf >= bounds.To+t.rule.SettlingDay && (g.day == nil || isMerged(g.day))
	if !t.rule.Cumulative() {
		t.applyDayMean(g, resolved, settled)
		return
	}
	b := bucket{Interval: bounds, grain: health.GrainDay, value: value, asOf: asOf, settled: settled}
	b.entered = len(g.cells) > 0 && g.cells[0].entries
	if !settled || b.entered {
		for _, c := range g.cells {
			b.parts = append(b.parts, c.partsFor(asOf)...)
			b.readings = append(b.readings, c.pieces...)
		}
	}
	total, after, bySummary := b.total(t.spans)
	cells := resolved.Values.Sum
	switch {
	case bySummary:
		day := New(health.GrainDay)
		if g.day != nil && value == g.day.Value {
			day.add(g.day, 1)
		}
		if after > 0 {
			day.mergeWith(&resolved.Aggregate, t.rule.Style)
			day.Grain = health.GrainDay
		}
		day.Settled = settled
		day.Values.Sum = total
		resolved.Aggregate = day
		if settled && len(g.cells) == 0 && g.day == nil {
			return
		}
	default:
		resolved.Values.Sum = total
	}
	if !settled || !bySummary {
		resolved.Unplaced = difference(total, cells)
	}
}

// partsFor returns what a cell adds to its day, of which there is a summary made at a time.
func (c *cell) partsFor(asOf health.Instant) []part {
	in := c.Interval
	if c.byWhole && c.wholeAsOf > in.From {
		in.To = min(in.To, c.wholeAsOf)
	}
	if asOf <= c.From || asOf >= c.To || c.byWhole || c.Values.Sum == 0 {
		return []part{{Interval: in, value: c.Values.Sum, asOf: c.asOf()}}
	}
	fine := slices.Concat(c.minutes, c.pieces)
	if sum := sumOf(fine); sum > 0 {
		for i := range fine { // where both said the same minutes
			fine[i].value *= c.Values.Sum / sum
		}
		return fine
	}
	return []part{{Interval: in, value: c.Values.Sum, asOf: c.asOf()}}
}

// applyDayMean makes the mean of a day that of its summary where that is settled, or where there is nothing else.
func (t *Timeline) applyDayMean(g *cellGroup, resolved *Group, settled bool) {
	switch {
	case g.day == nil:
	case len(g.cells) == 0:
		resolved.Aggregate.add(g.day, 1)
		resolved.Settled = settled
		if t.rule.weightedByTime() && !health.IsAbsent(g.day.Value) {
			resolved.Values.weigh(g.day.Value, float64(health.GrainDay))
		}
	case settled:
		resolved.setMean(g.day)
		resolved.addSource(g.day.Source)
	}
}
