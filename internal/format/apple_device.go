package format

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// deviceCache has the devices of records. Nearly every record has that of the record before.
type deviceCache struct {
	lastText []byte
	last     *health.Device
	byText   map[string]*health.Device // by what is written after the address that the text begins with
	interned map[health.Device]*health.Device
}

// device returns the device that an attribute of a record names, such as
// "<<HKDevice: 0x28>, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,6, software:10.1>"; nil for
// none.
func (a *appleDecoder) device(attr *xmlscan.Attr) *health.Device {
	c := &a.devices
	_, text, _ := bytes.Cut(attr.Raw, []byte(","))
	if bytes.Equal(text, c.lastText) {
		return c.last
	}
	device, known := c.byText[string(text)]
	if !known {
		device = c.add(text, newDevice(string(a.scan.Value(attr))))
	}
	c.lastText, c.last = append(c.lastText[:0], text...), device
	return device
}

// add keeps the device of a text, and returns the one that another text had named, with another version of its software.
func (c *deviceCache) add(text []byte, device *health.Device) *health.Device {
	if c.byText == nil || len(c.byText) == maxCachedTexts {
		c.byText, c.interned = map[string]*health.Device{}, map[health.Device]*health.Device{}
	}
	if device != nil {
		if known := c.interned[*device]; known != nil {
			device = known
		}
		c.interned[*device] = device
	}
	if len(text) <= maxCachedText {
		c.byText[string(text)] = device
	}
	return device
}

// newDevice parses the text of a device. One without a model is named by its name.
func newDevice(text string) *health.Device {
	members := map[string]string{}
	for member := range strings.SplitSeq(strings.TrimSuffix(text, ">"), ", ") {
		if name, value, ok := strings.Cut(member, ":"); ok {
			members[name] = sanitize([]byte(value))
		}
	}
	d := health.Device{Model: cmp.Or(members["model"], members["name"]), Hardware: members["hardware"]}
	if d == (health.Device{}) || unstorableText(d.Model)+unstorableText(d.Hardware) != "" || len(d.Model)+len(d.Hardware) > 200 {
		return nil
	}
	return &d
}
