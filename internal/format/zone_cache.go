package format

import (
	"time"

	"github.com/health-export/health-export/internal/health"
)

// zoneCache returns the offsets of times in named zones. Apple's export needs it: it prints all its times with the
// offset of the day it was made.
type zoneCache struct {
	home  cachedZone
	named map[string]*cachedZone
}

// maxZones bounds the cached names. There are about 600 zones.
const maxZones = 1000

func newZoneCache(home *time.Location) zoneCache {
	if home == nil {
		home = time.UTC
	}
	return zoneCache{home: cachedZone{location: home}, named: map[string]*cachedZone{}}
}

// offset returns the offset at an instant in the zone with an IANA name, or in the home zone where there is none.
func (z *zoneCache) offset(at health.Instant, name []byte) int32 {
	if len(name) == 0 {
		return z.home.offsetAt(at)
	}
	named, ok := z.named[string(name)]
	if !ok {
		named = &z.home
		if location, err := time.LoadLocation(string(name)); err == nil && string(name) != "Local" {
			named = &cachedZone{location: location}
		}
		if len(z.named) < maxZones {
			z.named[string(name)] = named
		}
	}
	return named.offsetAt(at)
}

// cachedZone is a time zone with the offset of the last look-up and the interval around it, [from, to), in which that
// offset is in force.
type cachedZone struct {
	location *time.Location
	from, to health.Instant
	offset   int32
}

func (z *cachedZone) offsetAt(at health.Instant) int32 {
	if at >= z.from && at < z.to {
		return z.offset
	}
	local := at.Time().In(z.location)
	_, offset := local.Zone()
	z.offset, z.from, z.to = int32(offset), health.MinInstant, health.MaxInstant
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		z.from = health.InstantOf(start)
	}
	if !end.IsZero() {
		z.to = health.InstantOf(end)
	}
	return z.offset
}
