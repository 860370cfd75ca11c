package query

import (
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// grid is the aggregate.Grid of a calendar: its cells are hours, or the buckets where those are shorter. Groups are days
// where the buckets are days or longer, else the buckets.
type grid struct {
	calendar calendar
	cells    bucketFinder
}

func newGrid(c calendar) *grid {
	g := &grid{calendar: c, cells: bucketFinder{calendar: c}}
	if c.minutes == 0 || c.minutes > 60 {
		g.cells.interval = interval{minutes: 60}
	}
	return g
}

// Cell implements aggregate.Grid.
func (g *grid) Cell(i health.Instant, offset int32) (in health.Interval, group int64) {
	t := g.cells.at(i, offset)
	cell := g.cells.find(t)
	in = health.Interval{From: health.InstantOf(cell.start), To: health.InstantOf(cell.end)}
	switch {
	case g.calendar.minutes == 0:
		return in, int64(health.DateOf(t))
	case g.calendar.minutes > 60:
		return in, g.calendar.bounds(t).key
	default:
		return in, cell.key
	}
}

// CellGrain implements aggregate.Grid.
func (g *grid) CellGrain() health.Grain { return g.cells.interval.grain() }

// Day implements aggregate.Grid. A day's summary counts on its date, in whatever zone that is.
func (g *grid) Day(date health.Date, _ int32) (group int64, ok bool) {
	return int64(date), g.calendar.minutes == 0
}

// Bounds implements aggregate.Grid.
func (g *grid) Bounds(group int64, e aggregate.Extent) health.Interval {
	date := health.Date(group) // #nosec G115 -- only asked for days
	if g.calendar.zone != nil {
		return health.Interval{From: health.InstantOf(date.In(g.calendar.zone)), To: health.InstantOf((date + 1).In(g.calendar.zone))}
	}
	return health.Interval{From: date.Midnight(e.EarliestOffset), To: (date + 1).Midnight(e.LatestOffset)}
}
