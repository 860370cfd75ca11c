package query

import (
	"context"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// The limits of a page of events.
const (
	eventsOnPage = 1000
	maxEvents    = 10_000
	eventsCursor = "events"
)

// EventsRequest narrows a listing of events. Zero values do not narrow.
type EventsRequest struct {
	Start, End time.Time // of the start
	Kind       string
	Name       string // as it was sent
	Cursor     string
	Limit      int // 0 is 1,000
}

// EventsPage is one page of events, in order of time; those without a time come first. NextCursor is null on the last
// one.
type EventsPage struct {
	Events     []Event `json:"events"`
	NextCursor *string `json:"next_cursor"`
}

// Event is anything with a time that is neither a sample, sleep, a workout nor an ECG.
type Event struct {
	// Kind is symptom, state_of_mind, medication, cycle_tracking, heart_rate_notification, or the name of the array it
	// came in.
	Kind string `json:"kind"`
	// AppID is the app's own id; null where it sent none.
	AppID *string `json:"app_id"`
	Name  string  `json:"name"`
	// Start and End are null where they were not sent.
	Start      *time.Time `json:"start"`
	End        *time.Time `json:"end"`
	Source     string     `json:"source"`
	Attributes Object     `json:"attributes,omitempty"`
}

// Events returns events in order of time.
func (s *Service) Events(ctx context.Context, user account.User, request EventsRequest) (EventsPage, error) {
	limit, err := pageLimit(request.Limit, eventsOnPage, maxEvents)
	if err != nil {
		return EventsPage{}, err
	}
	query := store.EventQuery{Kind: request.Kind, Name: request.Name, Limit: limit + 1}
	if query.Range, err = rangeOf(request.Start, request.End); err != nil {
		return EventsPage{}, err
	}
	if query.After, err = decodeCursor[health.EventKey](eventsCursor, request.Cursor); err != nil {
		return EventsPage{}, err
	}
	events, err := s.Config.Events.Events(ctx, user.ID, query)
	if err != nil {
		return EventsPage{}, err
	}
	page := EventsPage{}
	if len(events) > limit {
		events = events[:limit]
		if page.NextCursor, err = encodeCursor(eventsCursor, events[limit-1].Place()); err != nil {
			return EventsPage{}, err
		}
	}
	page.Events = make([]Event, len(events))
	for i := range events {
		page.Events[i] = eventOf(&events[i])
	}
	return page, nil
}

func eventOf(e *health.Event) Event {
	shown := Event{
		Kind: e.Kind, Name: e.Name, Start: timeOrNull(e.Start, e.Offset), End: timeOrNull(e.End, e.Offset),
		Source: e.Source, Attributes: objectOrNull(e.Attributes),
	}
	if e.AppID != "" {
		shown.AppID = &e.AppID
	}
	return shown
}

// ECGRequest asks for electrocardiograms that start in a range; a zero time leaves that end open.
type ECGRequest struct {
	Start, End time.Time
	// Voltages asks for the curves too, some 15,000 values each.
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
	// Voltages is the curve, and Times has one time for each of its values, or is left out where they were sent without
	// times. Both are left out unless asked for.
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

// ECG returns the electrocardiogram that starts at an instant, which is what identifies it, with its voltages. NotFound.
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
