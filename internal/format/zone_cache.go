package format

import (
	"time"

	"github.com/health-export/health-export/internal/health"
)

// zoneCache returns the offsets of times in named zones. Apple's export needs it: it prints all its times with the
// offset of the day it was made.
type zoneCache struct {
	home  health.Zone
	named map[string]*health.Zone
}

// maxZones bounds the cached names. There are about 600 zones.
const maxZones = 1000

func newZoneCache(home *time.Location) zoneCache {
	return zoneCache{home: health.NewZone(home), named: map[string]*health.Zone{}}
}

// offset returns the offset at an instant in the zone with an IANA name, or in the home zone where there is none.
func (z *zoneCache) offset(at health.Instant, name []byte) int32 {
	if len(name) == 0 {
		return z.home.OffsetAt(at)
	}
	named, ok := z.named[string(name)]
	if !ok {
		named = &z.home
		if location, err := time.LoadLocation(string(name)); err == nil && string(name) != "Local" {
			zone := health.NewZone(location)
			named = &zone
		}
		if len(z.named) < maxZones {
			z.named[string(name)] = named
		}
	}
	return named.OffsetAt(at)
}

// isHome reports whether offset takes the home zone for a name: for none, and for one that is unknown. It must have been called
// with the name.
func (z *zoneCache) isHome(name []byte) bool {
	return len(name) == 0 || z.named[string(name)] == &z.home
}
