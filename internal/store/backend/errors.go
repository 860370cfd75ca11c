package backend

import (
	"fmt"

	"github.com/health-export/health-export/internal/problem"
)

// The failures that mean the same in every store.
var (
	ErrClosed    = problem.New(problem.Unavailable, "store_closed", "The server is stopping. Try again in a moment.")
	ErrClaimLost = problem.New(problem.Conflict, "claim_lost", "Another worker has taken over this ingestion.")
	// ErrErased refuses what was received before its user's data was erased.
	ErrErased = problem.New(problem.Conflict, "erased",
		"The data was erased after this had begun to arrive. Send it again if it is to be kept.")
	ErrUnfinished = problem.New(problem.Conflict, "unfinished",
		"The ingestion is still being worked on. Try again when it is finished.")
	ErrKeyRevoked = problem.New(problem.Conflict, "key_revoked", "The API key is revoked, or about to be. Create a new one.")
)

// NotFound is the failure to find one thing of a kind.
func NotFound(what string) *problem.Error {
	return problem.New(problem.NotFound, "not_found", "There is no such "+what+".")
}

// NewerDatabase refuses a database whose schema this version of the program does not know.
func NewerDatabase(current, known int64) error {
	return problem.New(problem.Conflict, "database_newer", fmt.Sprintf(
		"The database was written by a newer version of health-export (its schema is number %d, this version knows %d). "+
			"Install the newer version again, or start this one with another database.", current, known))
}
