package assemble

import "github.com/health-export/health-export/internal/health"

// grainDetector infers the grain of a series from the local times of its points: all at midnight, a day; all on the hour,
// an hour; all on the minute, a minute; else raw.
type grainDetector struct {
	offDay, offHour, offMinute bool // there is a point that is not at such a time
}

func (d *grainDetector) add(start health.Instant, offset int32) {
	local := start + health.Instant(offset)*health.Second
	switch {
	case local%health.Day == 0:
	case local%(3600*health.Second) == 0:
		d.offDay = true
	case local%(60*health.Second) == 0:
		d.offDay, d.offHour = true, true
	default:
		d.offDay, d.offHour, d.offMinute = true, true, true
	}
}

func (d *grainDetector) grain() health.Grain {
	switch {
	case d.offMinute:
		return health.GrainRaw
	case d.offHour:
		return health.GrainMinute
	case d.offDay:
		return health.GrainHour
	default:
		return health.GrainDay
	}
}
