package health

import (
	"encoding/binary"
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
	ID     uuid.UUID // sorts by Order among the ingestions of a user, see NewIngestionID
	UserID uuid.UUID
	KeyID  string // the API key that brought it; "" for an import from the command line
	// ReceivedAt is when the body began to arrive, by the server's clock.
	ReceivedAt time.Time
	// Order is the place of the body among those of the user, see Sample.Order; unlike ReceivedAt it follows no clock that
	// steps back. 0 stands for ReceivedAt.
	Order Instant
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

// NewIngestionID returns a UUID of version 7 for a body with this Order, which is in it to the microsecond.
func NewIngestionID(order Instant) uuid.UUID {
	id := uuid.New()
	random := id[7] & 3
	milliseconds, microseconds := uint64(order/1000), uint16(order%1000)
	binary.BigEndian.PutUint64(id[:8], milliseconds<<16|uint64(0x7000|microseconds<<2)|uint64(random))
	return id
}

// PlaceInOrder returns Order, or what it stands for.
func (i *Ingestion) PlaceInOrder() Instant {
	if i.Order != 0 {
		return i.Order
	}
	return InstantOf(i.ReceivedAt)
}
