package query

import (
	"context"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// ECGRequest selects the electrocardiograms that start in a range; a zero time leaves that end open.
type ECGRequest struct {
	Start, End time.Time
	// Voltages includes the curves, some 15,000 values each.
	Voltages bool
}

// ECG is one electrocardiogram.
type ECG struct {
	Start time.Time  `json:"start"`
	End   *time.Time `json:"end"`
	// Classification and Severity are as sent, in the phone's language.
	Classification string `json:"classification"`
	Severity       string `json:"severity"`
	// AverageHeartRate is in beats per minute, SamplingFrequency in hertz.
	AverageHeartRate  *float64 `json:"average_heart_rate"`
	SamplingFrequency *float64 `json:"sampling_frequency"`
	// Unit is that of the voltages.
	Unit   string `json:"unit"`
	Source string `json:"source"`
	// Voltages is the curve. Times has one time for each of its values, or is left out where they were sent without
	// times. Both are left out unless the request includes them.
	Voltages   []*float64   `json:"voltages,omitzero"`
	Times      []*time.Time `json:"times,omitempty"`
	Attributes Object       `json:"attributes,omitempty"`
}

// ECGs returns electrocardiograms in order of time.
func (s *Service) ECGs(ctx context.Context, user account.User, request ECGRequest) ([]ECG, error) {
	within, err := rangeOf(request.Start, request.End)
	if err != nil {
		return nil, err
	}
	recordings, err := s.Config.Events.ECGs(ctx, user.ID, within, request.Voltages)
	if err != nil {
		return nil, err
	}
	shown := make([]ECG, len(recordings))
	for i := range recordings {
		shown[i] = ecgOf(&recordings[i], request.Voltages)
	}
	return shown, nil
}

// ECG returns the electrocardiogram that starts at an instant, which identifies it, with its voltages. NotFound.
func (s *Service) ECG(ctx context.Context, user account.User, start time.Time) (ECG, error) {
	at := instantOf(start)
	found, err := s.Config.Events.ECGs(ctx, user.ID, store.Range{From: at, To: at + 1}, true)
	if err != nil {
		return ECG{}, err
	}
	if len(found) == 0 {
		return ECG{}, problem.New(problem.NotFound, "not_found",
			"There is no electrocardiogram that starts at this time. The list of electrocardiograms shows the times.")
	}
	return ecgOf(&found[0], true), nil
}

func ecgOf(e *health.ECG, voltages bool) ECG {
	shown := ECG{
		Start: e.Start.In(e.Offset), End: timeOrNull(e.End, e.Offset),
		Classification: e.Classification, Severity: e.Severity,
		AverageHeartRate: orNull(e.AverageHeartRate), SamplingFrequency: orNull(e.SamplingFrequency),
		Unit: e.Unit, Source: e.Source, Attributes: objectOrNull(e.Attributes),
	}
	if !voltages {
		return shown
	}
	shown.Voltages = make([]*float64, len(e.Voltages))
	for i, v := range e.Voltages {
		shown.Voltages[i] = orNull(v)
	}
	for _, t := range e.Times {
		shown.Times = append(shown.Times, timeOrNull(t, e.Offset))
	}
	return shown
}
