package access

import "context"

// ledger records, for every key, the requests of the last hour, one entry each. Times are microseconds on the ledger's
// clock, which does not go backwards between entries of a key.
type ledger interface {
	// charge adds the entry if it fits into the allowance. An error means that the ledger does not answer.
	charge(ctx context.Context, e ledgerEntry, a Allowance) (decision, error)
	// amend changes the bytes of an entry if they fit, and removes the entry for -1. Nothing happens for an entry that is
	// older than an hour.
	amend(ctx context.Context, e ledgerEntry, a Allowance, bytes int64) (decision, error)
}

// ledgerEntry is one request.
type ledgerEntry struct {
	key   string
	use   Use
	id    uint64 // unique among entries of the same time
	at    int64  // set by charge
	bytes int64
}

// decision is what a ledger answers. Times are in microseconds.
type decision struct {
	now  int64
	wait int64 // until it fits; 0: it fits, and is recorded
	// bytesShort is true where it is the bytes that take longest to fit.
	bytesShort bool
	// Used amounts of the allowances, and the time until nothing is used.
	requests, requestsReset int64
	bytes, bytesReset       int64
}
