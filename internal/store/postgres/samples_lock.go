package postgres

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// lockSlots bounds how many locks a batch takes, because the server's lock table is limited. Batches of different metrics
// that share a slot wait for each other.
const lockSlots = 64

// sampleLocks takes the locks for a batch until the end of the transaction: it shares the user's lock, and takes one for
// each metric of the batch. So batches of one user are written at the same time where they have different metrics, as most
// of a large body have. The locks are always taken in the same order, so that there is no deadlock. Their keys are pairs of
// integers, and never those of lockStatement.
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
