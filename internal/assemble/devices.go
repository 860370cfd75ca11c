package assemble

import (
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The devices of one body are bounded, as other names are. One with a longer name is left out.
const (
	maxDevices    = 1000
	maxDeviceText = 1000
)

// devices are the devices that the elements of a body came from. Their elements alternate between few of them.
type devices struct {
	seen map[sourceDevice]*health.SourceDevice
	last sourceDevice
	at   *health.SourceDevice // that of last
}

type sourceDevice struct {
	device *health.Device
	source string
}

// see notes that a device recorded an element of a source.
func (d *devices) see(device *health.Device, source string, start health.Instant) {
	if key := (sourceDevice{device, source}); d.at == nil || key != d.last {
		at, known := d.seen[key]
		if !known {
			if len(d.seen) == maxDevices || len(source) > maxDeviceText || source == "" || strings.ContainsRune(source, 0) {
				return
			}
			if d.seen == nil {
				d.seen = map[sourceDevice]*health.SourceDevice{}
			}
			at = &health.SourceDevice{Source: source, Device: *device, First: start, Last: start}
			d.seen[key] = at
		}
		d.last, d.at = key, at
	}
	d.at.First, d.at.Last = min(d.at.First, start), max(d.at.Last, start)
}

// all returns the devices, ordered by source, model and hardware.
func (d *devices) all() []health.SourceDevice {
	list := make([]health.SourceDevice, 0, len(d.seen))
	for _, at := range d.seen {
		list = append(list, *at)
	}
	return health.MergeSourceDevices(list, nil)
}

// seeDevice notes the device of a record, where it has one and a time that can be.
func (c *Collector) seeDevice(r *health.Record) {
	source, start := "", health.Instant(0)
	switch {
	case len(r.Samples) > 0:
		source, start = r.Samples[0].Source, r.Samples[0].Start
	case r.Segment != nil:
		source, start = r.Segment.Source, r.Segment.Start
	}
	if start >= health.MinInstant && start <= c.latest() {
		c.devices.see(r.Device, source, start)
	}
}

// Devices returns the devices that the samples and the sleep of the body came from. Call it at the end of the body.
func (c *Collector) Devices() []health.SourceDevice { return c.devices.all() }
