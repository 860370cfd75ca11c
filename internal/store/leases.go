package store

import (
	"context"
	"time"
)

// Leases let one process at a time do what several could do. A lease has a name and is held by an owner, a text that no
// other process uses, until it is released or its duration has passed. Durations are counted by the clock of the database,
// so the clocks of the processes may differ.
//
// A lease is a row and not an advisory lock of PostgreSQL: a lock of a session does not work through pgbouncer in
// transaction mode, one of a transaction would keep a connection for as long as the work takes, and neither records when
// the work was done last.
type Leases interface {
	// AcquireLease takes the lease for owner for d; one with a d of 0 or less has lapsed at once. It returns false while
	// the lease is held, by owner too, and while somebody else is kept away by ReleaseLease. Of several callers at the same
	// time at most one gets it.
	AcquireLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error)
	// RenewLease makes a lease that owner holds last for d from now. It returns false where owner does not hold it any
	// more: it has lapsed, also when nobody has taken it since, or was released.
	RenewLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error)
	// ReleaseLease ends the lease that owner holds, and does nothing where owner does not hold it. For pause from now, only
	// owner can acquire it again: so an owner who has done the work of a period keeps the others from doing it once more.
	ReleaseLease(ctx context.Context, name, owner string, pause time.Duration) error
}
