package backend

import (
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// ChangedDevices returns those devices of a body that differ from the stored ones of a user, as they are to be stored, and
// whether that changes how the sources are ranked that have samples.
func ChangedDevices(
	stored, sent []health.SourceDevice, sources []string,
) (changed []health.SourceDevice, reranked bool) {
	known := make(map[health.SourceDevice]bool, len(stored))
	for _, d := range stored {
		known[d] = true
	}
	merged := health.MergeSourceDevices(stored, sent)
	for _, d := range merged {
		if !known[d] {
			changed = append(changed, d)
		}
	}
	before, after := aggregate.SourceOrder{Devices: stored}, aggregate.SourceOrder{Devices: merged}
	return changed, len(changed) > 0 && !aggregate.SameRanking(before, after, sources)
}
