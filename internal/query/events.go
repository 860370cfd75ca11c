package query

import (
	"context"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// The limits of a page of events.
const (
	eventsOnPage = 1000
	maxEvents    = 10_000
	eventsCursor = "events"
)

// EventsRequest filters a listing of events. Zero values do not filter.
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

// Event is anything with a time that is not a sample, sleep, a workout or an ECG.
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
