package health

// Event is anything with a time that is not a sample, sleep, a workout or an ECG: a symptom, a state of mind, a
// medication, a cycle entry, a heart notification, or an unknown type.
//
// Its identity is the app's id where it sent one, else kind, start and name; an event of an unknown type that has
// neither id nor time is identified by its Digest. Several events may have one kind, start and name, such as two doses
// of a medicine in one minute: see DigestAmong.
type Event struct {
	// Kind is symptom, state_of_mind, medication, cycle_tracking, heart_rate_notification, or the key of the array it
	// came in.
	Kind  string
	AppID string // "" where the app sent none
	// Name is the class within the kind as sent, in the phone's language: the symptom, the medication …
	Name string
	// Start is 0 where no time was sent, which only an unknown type may do. End is 0 where it was not sent.
	Start, End Instant
	Offset     int32
	Source     string
	// Attributes is the JSON object of every other field as it was sent.
	Attributes string
	// Digest identifies an event that has neither id nor time. Of events with one kind, start and name it is "" for the
	// first, and a number for each of the others; a store gives it.
	Digest string
	// Order is the place of the body, see Sample.Order.
	Order Instant
}

// EventKey is the identity of an event within one user's data.
type EventKey struct {
	Kind, AppID, Name string
	Start             Instant
	Digest            string
}

// Key returns the identity of the event.
func (e *Event) Key() EventKey {
	if e.AppID != "" {
		return EventKey{Kind: e.Kind, AppID: e.AppID}
	}
	return EventKey{Kind: e.Kind, Name: e.Name, Start: e.Start, Digest: e.Digest}
}

// Place returns the position of the event in a listing: a key with all its fields, also those that are not part of the
// identity of an event with an app id.
func (e *Event) Place() EventKey {
	return EventKey{Kind: e.Kind, AppID: e.AppID, Name: e.Name, Start: e.Start, Digest: e.Digest}
}

// MergeFrom merges another entry for the same event into e, and reports whether e changed. The non-empty fields of the
// one received later win.
func (e *Event) MergeFrom(other *Event) bool {
	if other.Order < e.Order {
		base := *other
		base.merge(e)
		return e.merge(&base)
	}
	return e.merge(other)
}

func (e *Event) merge(later *Event) bool {
	var m merger
	m.text(&e.Name, later.Name)
	m.text(&e.Source, later.Source)
	m.instant(&e.Start, later.Start)
	m.instant(&e.End, later.End)
	m.attributes(&e.Attributes, later.Attributes)
	return m.finish(&e.Offset, later.Offset, &e.Order, later.Order)
}
