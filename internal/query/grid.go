package query

import (
	"time"

	"github.com/health-export/health-export/internal/health"
)

// grid is the aggregate.Grid of a calendar: its cells are hours, or the buckets where those are shorter. Groups are days
// where the buckets are days or longer, else the buckets.
type grid struct {
	calendar calendar
	cells    calendar
	last     bounds // the cell of the last instant: the next one is nearly always in it
}

func newGrid(c calendar) *grid {
	g := &grid{calendar: c, cells: c}
	if c.minutes == 0 || c.minutes > 60 {
		g.cells.interval = interval{minutes: 60}
	}
	return g
}

// Cell implements aggregate.Grid.
func (g *grid) Cell(i health.Instant, offset int32) (in health.Interval, group int64) {
	t := g.cells.at(i, offset)
	if t.Before(g.last.start) || !t.Before(g.last.end) || !sameOffset(t, g.last.start, g.cells.zone) {
		g.last = g.cells.bounds(t)
	}
	in = health.Interval{From: health.InstantOf(g.last.start), To: health.InstantOf(g.last.end)}
	switch {
	case g.calendar.minutes == 0:
		return in, int64(health.DateOf(t))
	case g.calendar.minutes > 60:
		return in, g.calendar.bounds(t).key
	default:
		return in, g.last.key
	}
}

// CellGrain implements aggregate.Grid.
func (g *grid) CellGrain() health.Grain { return g.cells.interval.grain() }

// Day implements aggregate.Grid. A day's summary counts on its date, in whatever zone that is.
func (g *grid) Day(date health.Date, _ int32) (group int64, ok bool) {
	return int64(date), g.calendar.minutes == 0
}

// Bounds implements aggregate.Grid.
func (g *grid) Bounds(group int64, e extent) health.Interval {
	date := health.Date(group) // #nosec G115 -- only asked for days
	if g.calendar.zone != nil {
		return health.Interval{From: health.InstantOf(date.In(g.calendar.zone)), To: health.InstantOf((date + 1).In(g.calendar.zone))}
	}
	return health.Interval{From: date.Midnight(e.EarliestOffset), To: (date + 1).Midnight(e.LatestOffset)}
}

func sameOffset(a, b time.Time, zone *time.Location) bool {
	if zone != nil {
		return true
	}
	_, aOffset := a.Zone()
	_, bOffset := b.Zone()
	return aOffset == bOffset
}
