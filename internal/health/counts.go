package health

// Outcome is what became of one element of a body.
type Outcome uint8

// The outcomes. Every received element has exactly one.
const (
	Inserted  Outcome = iota // it was new
	Updated                  // it was known, and said something else
	Unchanged                // it was known, and said the same
	Merged                   // it became part of another element of the same body
	Rejected                 // it was refused; the report says why
)

// String returns the name of the outcome as it appears in a report.
func (o Outcome) String() string {
	return [...]string{"inserted", "updated", "unchanged", "merged", "rejected"}[o]
}

// ElementKind is the heading under which an element is counted in a report.
type ElementKind uint8

// The kinds of element. Metrics counts points, with sleep nights and segments among them; Events holds everything that
// is not one of the other three.
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

// Counts is the account of one kind of element. The law: Received = Inserted + Updated + Unchanged + Merged + Rejected.
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

// Accepted is how many elements are in the store after the ingestion, whatever their outcome was.
func (c Counts) Accepted() int { return c.Inserted + c.Updated + c.Unchanged + c.Merged }

// Balanced reports whether the law of Counts holds.
func (c Counts) Balanced() bool { return c.Received == c.Accepted()+c.Rejected }
