package access

import "context"

// ledger keeps, for every key, what it did in the last hour: one entry for each request. Times are in microseconds by
// the ledger's clock, which does not go backwards between entries of a key.
type ledger interface {
	// charge makes the entry if it fits into the allowance. The error says that the ledger does not answer.
	charge(ctx context.Context, e ledgerEntry, a Allowance) (decision, error)
	// amend changes the bytes of an entry if they fit, and takes it out for -1. One that is older than an hour is gone,
	// and stays as it is.
	amend(ctx context.Context, e ledgerEntry, a Allowance, bytes int64) (decision, error)
}

// ledgerEntry is one request.
type ledgerEntry struct {
	key   string
	use   Use
	id    uint64 // tells it apart from others at the same time
	at    int64  // given by charge
	bytes int64
}

// decision is what a ledger says. Times are in microseconds.
type decision struct {
	now  int64
	wait int64 // until it fits; 0: it fits, and is on record
	// bytesShort is true where it is the bytes that do not fit for the longest time.
	bytesShort bool
	// What is used of the allowances, and how long it takes until nothing is.
	requests, requestsReset int64
	bytes, bytesReset       int64
}
