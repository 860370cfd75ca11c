package health

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// The ids of a person's bodies sort as their orders do.
func TestIngestionIDsSortByOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := Instant(rapid.Int64Range(0, int64(MaxInstant)).Draw(t, "order"))
		b := a + Instant(rapid.Int64Range(1, 2000).Draw(t, "later by"))
		first, second := NewIngestionID(a), NewIngestionID(b)
		if bytes.Compare(first[:], second[:]) >= 0 {
			t.Fatalf("the id of %d is %s, that of %d is %s", a, first, b, second)
		}
		if first.Version() != 7 || first.Variant().String() != "RFC4122" || first == NewIngestionID(a) {
			t.Fatalf("%s is not a new UUID of version 7", first)
		}
	})
}
