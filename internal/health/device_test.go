package health

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDevices(t *testing.T) {
	t.Parallel()
	type read struct {
		kind         DeviceKind
		major, minor int
	}
	for device, want := range map[Device]read{
		{"Watch", "Watch6,14"}:      {DeviceWatch, 6, 14},
		{"Watch", ""}:               {DeviceWatch, 0, 0},
		{"iPhone", "iPhone14,5"}:    {DevicePhone, 14, 5},
		{"iPad", "iPad13,4"}:        {DeviceOther, 13, 4},
		{"Headphones", ""}:          {DeviceOther, 0, 0},
		{"Scale", "WBS05"}:          {DeviceOther, 5, 0},
		{"Scale", "99999999999999"}: {DeviceOther, 99999999999999, 0},
		{"", ""}:                    {DeviceOther, 0, 0},
		{"Watch", "Watch,"}:         {DeviceWatch, 0, 0},
		{"", "Watch7"}:              {DeviceWatch, 7, 0},
	} {
		major, minor := device.Generation()
		if got := (read{device.Kind(), major, minor}); got != want {
			t.Errorf("%+v: %+v, want %+v", device, got, want)
		}
	}
}

func TestMergeSourceDevices(t *testing.T) {
	t.Parallel()
	watch, phone := Device{"Watch", "Watch6,6"}, Device{"iPhone", "iPhone14,5"}
	a := []SourceDevice{{"Blue", watch, 5, 9}, {"Aki", phone, 1, 2}}
	b := []SourceDevice{{"Blue", watch, 3, 7}, {"Blue", phone, 4, 4}}
	want := []SourceDevice{{"Aki", phone, 1, 2}, {"Blue", watch, 3, 9}, {"Blue", phone, 4, 4}}
	if diff := cmp.Diff(want, MergeSourceDevices(a, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a[0].First != 5 || b[0].Last != 7 {
		t.Error("the lists were changed")
	}
}
