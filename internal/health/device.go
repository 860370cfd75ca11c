package health

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Device is a device that recorded samples, as Apple's export names it. It is not changed once it is made.
type Device struct {
	Model    string // Watch, iPhone …
	Hardware string // Watch6,6: what it is, and of which generation; "" where it was not sent
}

// DeviceKind is what a device is, as far as it matters whose readings count.
type DeviceKind string

// The kinds of devices.
const (
	DeviceWatch DeviceKind = "watch"
	DevicePhone DeviceKind = "phone"
	DeviceOther DeviceKind = "other"
)

// Kind returns what the device is.
func (d Device) Kind() DeviceKind { return KindOfDevice(cmp.Or(d.Hardware, d.Model)) }

// KindOfDevice returns what a device is by any text that names it. Headphones are no phone.
func KindOfDevice(name string) DeviceKind {
	name = strings.ToLower(name)
	switch {
	case strings.Contains(name, "watch"):
		return DeviceWatch
	case strings.Contains(name, "phone") && !strings.Contains(name, "headphone"):
		return DevicePhone
	}
	return DeviceOther
}

// Generation returns the numbers of the hardware, by which those of one kind compare: 6 and 14 of Watch6,14. They are 0
// where it has none.
func (d Device) Generation() (major, minor int) {
	numbers := strings.TrimLeftFunc(d.Hardware, func(c rune) bool { return c < '0' || c > '9' })
	first, second, _ := strings.Cut(numbers, ",")
	major, _ = strconv.Atoi(first)
	minor, _ = strconv.Atoi(second)
	return major, minor
}

// SourceDevice is a device that recorded samples of a source. A source has several where a new device got the old one's
// name.
type SourceDevice struct {
	Source string
	Device
	// First and Last are the starts of the earliest and the latest sample that was seen.
	First, Last Instant
}

// MergeSourceDevices returns all devices that two lists have, ordered by source, model and hardware, each as long as either
// has seen it.
func MergeSourceDevices(a, b []SourceDevice) []SourceDevice {
	all := slices.Concat(a, b)
	compare := func(a, b SourceDevice) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Hardware, b.Hardware))
	}
	slices.SortFunc(all, compare)
	merged := all[:0]
	for _, d := range all {
		if last := len(merged) - 1; last >= 0 && compare(merged[last], d) == 0 {
			merged[last].First, merged[last].Last = min(merged[last].First, d.First), max(merged[last].Last, d.Last)
			continue
		}
		merged = append(merged, d)
	}
	return merged
}
