package health

// Outcome is the result of one element of a body.
type Outcome uint8

// The outcomes. Every received element has exactly one.
const (
	Inserted  Outcome = iota // it was new
	Updated                  // it was stored with other values
	Unchanged                // it was stored with the same values
	Merged                   // it became part of another element of the same body
	Rejected                 // it was refused; the report has the reason
)

// String returns the name of the outcome as it appears in a report.
func (o Outcome) String() string {
	return [...]string{"inserted", "updated", "unchanged", "merged", "rejected"}[o]
}

// ElementKind is the kind under which an element is counted in a report.
type ElementKind uint8

// The kinds of element. Metrics counts points, with nights and segments among them; Events is everything that is not
// one of the other three.
const (
	Metrics ElementKind = iota
	Workouts
	Events
	ECGs
	elementKinds
)

// String returns the kind's name in a report.
func (k ElementKind) String() string {
	return [...]string{"metrics", "workouts", "events", "ecg"}[k]
}

// Counts are the outcomes of one kind of element. Invariant: Received = Inserted + Updated + Unchanged + Merged +
// Rejected.
type Counts struct {
	Received  int `json:"received"`
	Inserted  int `json:"inserted"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Merged    int `json:"merged"`
	Rejected  int `json:"rejected"`
}

// Add counts one received element with its outcome.
func (c *Counts) Add(o Outcome) { c.addN(o, 1) }

// addN counts n received elements that share an outcome.
func (c *Counts) addN(o Outcome, n int) {
	c.Received += n
	switch o {
	case Inserted:
		c.Inserted += n
	case Updated:
		c.Updated += n
	case Unchanged:
		c.Unchanged += n
	case Merged:
		c.Merged += n
	case Rejected:
		c.Rejected += n
	}
}

// Accepted returns how many elements are in the store after the ingestion.
func (c Counts) Accepted() int { return c.Inserted + c.Updated + c.Unchanged + c.Merged }

// Balanced reports whether the invariant of Counts holds.
func (c Counts) Balanced() bool { return c.Received == c.Accepted()+c.Rejected }
