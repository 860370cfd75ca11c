package format

import (
	"fmt"
	"testing"

	"github.com/health-export/health-export/internal/health"
)

// TestVoltageTimes checks that the epoch of the voltages' times is the one that puts them within the recording.
func TestVoltageTimes(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-02T09:00:00Z")
	unix := float64(start) / 1e6
	for name, first := range map[string]float64{
		"since 1970":                     unix + 0.5,
		"since 2001":                     unix + 0.5 - appleEpoch,
		"milliseconds since 1970":        (unix + 0.5) * 1000,
		"since 2001, just before it":     unix - 0.25 - appleEpoch,
		"since 1970, just after the end": unix + 31,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := fmt.Sprintf(`{"start":"2026-03-02 10:00:00 +0100","end":"2026-03-02 10:00:30 +0100",
				"voltageMeasurements":[{"date":%f,"voltage":1},{"date":%f,"voltage":2}]}`, first, first+1)
			ecg := decodeElement(t, "ecg", raw).ECG
			if len(ecg.Times) != 2 {
				t.Fatalf("times %v", ecg.Times)
			}
			for _, at := range ecg.Times {
				if at < start-health.Second || at > start+40*health.Second {
					t.Errorf("a voltage at %v, the recording began at %v", at, start)
				}
			}
		})
	}
}

func TestLongECG(t *testing.T) {
	t.Parallel()
	const count = 15_379
	ecg := decodeElement(t, "ecg", string(ecgOf(count))).ECG
	if len(ecg.Voltages) != count || len(ecg.Times) != count {
		t.Fatalf("%d voltages and %d times, want %d", len(ecg.Voltages), len(ecg.Times), count)
	}
	if last := ecg.Times[count-1] - ecg.Times[0]; last < 30*health.Second-health.Second/10 || last > 31*health.Second {
		t.Errorf("the recording lasts %v microseconds", int64(last))
	}
}
