package assemble

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
)

func TestDevicesOfABody(t *testing.T) {
	t.Parallel()
	watch, phone := &health.Device{Model: "Watch", Hardware: "Watch6,6"}, &health.Device{Model: "iPhone"}
	same := &health.Device{Model: "Watch", Hardware: "Watch6,6"} // as a decoder yields it that has forgotten the first one
	var d devices
	for i, seen := range []sourceDevice{{watch, "Blue"}, {watch, "Blue"}, {phone, "Aki"}, {watch, "App"}, {same, "Blue"}, {watch, ""}} {
		d.see(seen.device, seen.source, health.Instant(10-i))
	}
	d.see(phone, strings.Repeat("long ", 300), 5)
	want := []health.SourceDevice{
		{Source: "Aki", Device: *phone, First: 8, Last: 8},
		{Source: "App", Device: *watch, First: 7, Last: 7},
		{Source: "Blue", Device: *watch, First: 6, Last: 10},
	}
	if diff := cmp.Diff(want, d.all()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range 2 * maxDevices {
		d.see(&health.Device{Model: "Watch"}, "Blue", health.Instant(i))
	}
	if len(d.seen) != maxDevices {
		t.Errorf("%d devices are kept", len(d.seen))
	}
}
