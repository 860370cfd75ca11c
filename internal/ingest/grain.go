package ingest

import (
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// headerGrain reads the grain off the automation-aggregation header. It is GrainUnknown where the header is missing,
// says Default, or says something new.
func headerGrain(headers map[string]string) health.Grain {
	switch strings.ToLower(strings.TrimSpace(headers["automation-aggregation"])) {
	case "none", "seconds", "second":
		return health.GrainRaw
	case "minutes", "minute":
		return health.GrainMinute
	case "hours", "hour":
		return health.GrainHour
	case "days", "day":
		return health.GrainDay
	case "weeks", "week":
		return health.GrainWeek
	case "months", "month":
		return health.GrainMonth
	case "years", "year":
		return health.GrainYear
	}
	return health.GrainUnknown
}

// grainDetector watches the times of a metric's points and knows what grain they show: all at local midnight, a day; all on
// the hour, an hour; all on the minute, a minute; else raw.
type grainDetector struct {
	offDay, offHour, offMinute bool
}

func (c *grainDetector) add(start health.Instant, offset int32) {
	local := start + health.Instant(offset)*health.Second
	switch {
	case local%health.Day == 0:
	case local%(3600*health.Second) == 0:
		c.offDay = true
	case local%(60*health.Second) == 0:
		c.offDay, c.offHour = true, true
	default:
		c.offDay, c.offHour, c.offMinute = true, true, true
	}
}

func (c grainDetector) grain() health.Grain {
	switch {
	case c.offMinute:
		return health.GrainRaw
	case c.offHour:
		return health.GrainMinute
	case c.offDay:
		return health.GrainHour
	default:
		return health.GrainDay
	}
}
