package aggregate

import (
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// hourLength is the length of an Hour.
const hourLength = 3600 * health.Second

// Hour is what the samples of one metric and unit that were recorded on one local day amount to in one hour of their
// recorded time. Where offsets differ by less than an hour, or days overlap after travel, hours overlap too: two that have
// the same Start are one, see Merge.
type Hour struct {
	Start health.Instant
	Extent
	Aggregate
}

// localHours is the Grid of hours and days by the offset that each sample was recorded with.
type localHours struct{}

func (localHours) Cell(t health.Instant, offset int32) (health.Interval, int64) {
	from := t - pastTheHour(t, offset)
	return health.Interval{From: from, To: from + hourLength}, int64(t.Date(offset))
}

func (localHours) CellGrain() health.Grain { return health.GrainHour }

func (localHours) Day(date health.Date, _ int32) (int64, bool) { return int64(date), true }

func (localHours) Bounds(key int64, e Extent) health.Interval {
	date := health.Date(key) // #nosec G115 -- Cell and Day made it of a date
	return health.Interval{From: date.Midnight(e.EarliestOffset), To: (date + 1).Midnight(e.LatestOffset)}
}

// pastTheHour returns how much of its local hour has passed at an instant.
func pastTheHour(t health.Instant, offset int32) health.Instant {
	past := (t + health.Instant(offset)*health.Second) % hourLength
	if past < 0 {
		past += hourLength
	}
	return past
}

// Merge adds the same hour of another local day.
func (h *Hour) Merge(o *Hour, style catalog.Style) {
	h.Extent.Join(o.Extent)
	h.Aggregate.mergeWith(&o.Aggregate, style)
}

// WholeHour returns the hour that equals the whole day, if one does: that of a day whose samples are of one hour.
func (d *DaySummary) WholeHour() Hour {
	h := Hour{Extent: d.Extent, Aggregate: d.Aggregate}
	h.Start = d.Earliest - pastTheHour(d.Earliest, d.EarliestOffset)
	return h
}

// Same reports whether two hours are equal, but for noise in the last digits.
func (h *Hour) Same(o *Hour) bool {
	return h.Start == o.Start && h.Extent == o.Extent && h.Aggregate.same(&o.Aggregate)
}
