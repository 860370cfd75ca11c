package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Message is something that must reach a destination outside at least once: an alert, the call of a webhook, a part of an
// outlet.
type Message struct {
	// ID is made by the sender and stays the same in every attempt, so that a receiver can recognise what comes twice.
	ID uuid.UUID
	// UserID is whose message it is; uuid.Nil for one of the server itself. Erasing the user erases the message.
	UserID uuid.UUID
	// Kind says what delivers it, and Destination where to, among those of the user and the kind. Neither is a secret: the
	// address and its credentials are looked up when it is delivered.
	Kind, Destination string
	// DedupeKey is what the message is about: of several with the same key to one destination only the first is kept, for
	// as long as that is there, also when it was delivered. "" stands for the ID.
	DedupeKey string
	// Payload is what the deliverer of the kind makes of it. It may hold health values.
	Payload   []byte
	CreatedAt time.Time

	// Attempts counts those begun since it was enqueued or requeued, and Failure is the code of the last one that failed.
	// EnqueueMessages sets neither.
	Attempts int
	Failure  string
}

// ClaimedMessage is a message that a worker has the claim on.
type ClaimedMessage struct {
	Message
	Claim uuid.UUID
}

// OutboxBacklog says what is in the outbox.
type OutboxBacklog struct {
	// Waiting counts the messages that are neither delivered nor dead; Oldest is when the first of them was made, zero
	// where there is none. Dead counts those that were given up.
	Waiting, Dead int
	Oldest        time.Time
}

// Outbox keeps messages from the moment that something happened until its destination has heard of it. A message waits,
// then it is delivered, or dead: given up, until somebody requeues it.
type Outbox interface {
	// EnqueueMessages stores messages, in one transaction, and returns how many it has added. Those to one destination are
	// delivered in their order, after all that were enqueued before. One whose ID or DedupeKey is there already is passed
	// over, and so is one whose user is gone or whose user's data was erased after it was made.
	//
	// A method that makes messages of what it writes takes them as ...Message, as others take audit entries, and passes
	// them to the function of its implementation that EnqueueMessages calls, in its own transaction.
	EnqueueMessages(ctx context.Context, messages []Message) (added int, err error)
	// DeadMessages returns the dead messages of a user in the order of their ids: at most limit, those after an id.
	DeadMessages(ctx context.Context, user, after uuid.UUID, limit int) ([]Message, error)
	// RequeueMessage makes a dead message wait again: at its former place, so before all that wait and were enqueued after
	// it, but after those that were delivered since. NotFound: there is no such dead message.
	RequeueMessage(ctx context.Context, user, id uuid.UUID) error
	// DropMessagesBefore lets go of the messages that were delivered before one time, and that died before another.
	DropMessagesBefore(ctx context.Context, delivered, dead time.Time) error
	// OutboxBacklog counts the messages of all users.
	OutboxBacklog(ctx context.Context) (OutboxBacklog, error)
}

// Deliveries hands the messages of the outbox to workers. A claim is on a destination: no other worker gets a message to
// it until the claim has ended or lapsed, by the clock of the database. So one worker at a time delivers to a destination,
// in the order of its messages. One that fails is tried again before the next one is: it keeps the others of its
// destination waiting until it is delivered or dead, because a receiver that applies corrections must not get an older
// value last.
type Deliveries interface {
	// ClaimMessage claims, for d, the destination of one of the kinds that has been due the longest of those nobody has a
	// claim on, and returns its first message with an attempt counted. NotFound: none is due.
	ClaimMessage(ctx context.Context, kinds []string, d time.Duration) (ClaimedMessage, error)
	// MessageDelivered records that the message has arrived, and ends the claim; the next one to the destination is due. Its
	// payload is not kept.
	// Conflict, as for the two below: the claim has lapsed and another worker has the destination, or the message is gone;
	// nothing is recorded. A claim that has lapsed but was taken by nobody still holds.
	MessageDelivered(ctx context.Context, claimed ClaimedMessage) error
	// MessageFailed records that an attempt has failed, and ends the claim. The destination is due after wait. The failure
	// is a code, and holds neither a secret nor a value of somebody's health.
	MessageFailed(ctx context.Context, claimed ClaimedMessage, failure string, wait time.Duration) error
	// MessageDead gives up the message, and ends the claim; the next one to the destination is due.
	MessageDead(ctx context.Context, claimed ClaimedMessage, failure string) error
}
