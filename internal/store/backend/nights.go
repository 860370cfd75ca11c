package backend

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// StoredNights are the stored nights of a user that a batch may change: those whose date is at most a day from that of a
// night of the batch, because a part of a night may have been dated by itself.
type StoredNights struct{ bySource map[string][]health.Night }

// NewStoredNights returns stored nights.
func NewStoredNights(stored []health.Night) *StoredNights {
	s := &StoredNights{map[string][]health.Night{}}
	for i := range stored {
		s.bySource[stored[i].Source] = append(s.bySource[stored[i].Source], stored[i])
	}
	return s
}

// Add adds an entry, see health.AddNight, and returns what is to be written: first the removed nights are deleted, then
// the night is put, which has an id.
func (s *StoredNights) Add(sent *health.Night) (added health.AddedNight, err error) {
	added = health.AddNight(s.bySource[sent.Source], sent)
	if !added.Write {
		return added, nil
	}
	if added.Night.ID == uuid.Nil {
		if added.Night.ID, err = uuid.NewV7(); err != nil {
			return added, err
		}
	}
	gone := func(n health.Night) bool {
		return n.ID == added.Night.ID || slices.ContainsFunc(added.Removed, func(r health.Night) bool { return r.ID == n.ID })
	}
	s.bySource[sent.Source] = append(slices.DeleteFunc(s.bySource[sent.Source], gone), added.Night)
	return added, nil
}

// SortNights puts nights in the order of SleepReader.Nights.
func SortNights(nights []health.Night) {
	slices.SortFunc(nights, func(a, b health.Night) int {
		aStart, _, _ := a.Span()
		bStart, _, _ := b.Span()
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(aStart, bStart), cmp.Compare(a.Source, b.Source),
			bytes.Compare(a.ID[:], b.ID[:]))
	})
}
