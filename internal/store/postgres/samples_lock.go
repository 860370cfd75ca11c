package postgres

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// Batches of one user are written at the same time where they have nothing to do with each other, which is so for most of
// a large body: it is in the order of metrics and times. Who writes samples shares the user's lock, and takes a lock of
// its own for each metric and stretch of time that the batch has keys in.
const (
	// lockedStretch is how much time has a lock: a batch of 10,000 minutes has one or two.
	lockedStretch = 30 * health.Day
	// lockSlots bounds how many locks a batch takes, since the server has room for so many only. Metrics and stretches
	// that share one wait for each other.
	lockSlots = 64
)

// sampleLocks takes the locks for a batch until the end of the transaction, always in the same order, so that nobody waits
// in a circle. Their keys are two integers and never those of lockStatement, which are one.
func sampleLocks(user uuid.UUID, keys []sampleKey) string {
	var taken [lockSlots]bool
	for i := range keys {
		taken[slotOf(&keys[i])] = true
	}
	var slots []string
	for slot := range taken {
		if taken[slot] {
			slots = append(slots, strconv.Itoa(slot))
		}
	}
	return fmt.Sprintf(" SELECT pg_advisory_xact_lock_shared(%d); SELECT pg_advisory_xact_lock(%d, slot) FROM unnest('{%s}'::integer[]) slot;",
		userLock(user), int32(binary.BigEndian.Uint32(user[8:])), strings.Join(slots, ","))
}

func slotOf(key *sampleKey) int {
	stretch := int64(key.time / lockedStretch)
	if key.time%lockedStretch < 0 {
		stretch--
	}
	// Neighbours in time have different slots, and so, as a rule, have metrics of the same time.
	return int((stretch + 11*int64(key.metric)) & (lockSlots - 1))
}
