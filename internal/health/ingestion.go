package health

import (
	"time"

	"github.com/google/uuid"
)

// Status is the state of an ingestion.
type Status string

// The statuses. Accepted is archived and not finished; only accepted ingestions are processed.
const (
	StatusAccepted     Status = "accepted"
	StatusProcessed    Status = "processed"    // everything was stored
	StatusPartial      Status = "partial"      // some elements were rejected
	StatusRejected     Status = "rejected"     // all elements were rejected
	StatusUnrecognised Status = "unrecognised" // no known format
	StatusFailed       Status = "failed"       // the body could not be read to its end
)

// Ingestion is one received body and its result. The body itself is in the archive.
type Ingestion struct {
	ID     uuid.UUID // version 7: sorts by time of arrival
	UserID uuid.UUID
	KeyID  string // the API key that brought it; "" for an import from the command line
	// ReceivedAt is when the body began to arrive: its contents are older.
	ReceivedAt time.Time
	// Headers are those that describe the body (content type, the app's automation-…, session-id), with lower-case
	// names. Never credentials.
	Headers map[string]string
	// Size is the length of the body after Content-Encoding was undone; WireSize before; StoredSize in the archive.
	Size, WireSize, StoredSize int64
	SHA256                     [32]byte // of the body after Content-Encoding was undone
	Format                     string   // as detected: hae, typed …; "" until then
	Status                     Status
	// ImportDir is the name of the import directory in which the body is kept as a file until it has been processed; "" where
	// the body is in the archive. It is not kept afterwards (StoredSize is 0) unless that was asked for.
	ImportDir string
	// Attempts counts how often processing was begun.
	Attempts int
	// FinishedAt is zero while Status is StatusAccepted.
	FinishedAt time.Time
	// Failure is the message for the user when Status is StatusUnrecognised or StatusFailed, with its stable code.
	Failure, FailureCode string
	Report               Report
	// Duration is how long the last processing took.
	Duration time.Duration
}
