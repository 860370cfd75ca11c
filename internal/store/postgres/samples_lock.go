package postgres

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// lockSlots bounds how many locks a batch takes, since the server has room for so many only. Metrics that share one wait
// for each other.
const lockSlots = 64

// sampleLocks takes the locks for a batch until the end of the transaction: it shares the user's lock, and takes one for
// each metric that the batch has. So batches of one user are written at the same time where they are of different metrics,
// as most of a large body are. Everybody takes them in the same order, so that nobody waits in a circle. Their keys are two
// integers and never those of lockStatement, which are one.
func sampleLocks(user uuid.UUID, keys []sampleKey) string {
	var taken [lockSlots]bool
	for i := range keys {
		taken[uint16(keys[i].metric)%lockSlots] = true
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
