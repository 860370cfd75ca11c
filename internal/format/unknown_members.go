package format

import (
	"fmt"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// unknownScalars are the single values of a body under names that are not known, such as a version. They say nothing
// of a person's health, and are no elements.
type unknownScalars struct {
	count int
	names []string // up to maxListedNames
}

// skipScalar skips a single value of an unknown member. null stands for no value.
func (d *jsonDecoder) skipScalar(name string, c byte) error {
	if c != 'n' {
		d.scalars.note(name)
	}
	return d.skipValue()
}

func (s *unknownScalars) note(name string) {
	s.count++
	if name = printable(name); len(s.names) < maxListedNames && !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// reportScalars warns about the unknown single values. A body that holds nothing else is of no known format.
func (d *jsonDecoder) reportScalars() error {
	switch {
	case d.scalars.count == 0:
		return nil
	case !d.found:
		return unrecognised()
	}
	slices.Sort(d.scalars.names)
	return d.emit(health.Record{
		Position: health.Position{Type: "body", Point: -1},
		Warnings: []health.Warning{{
			Code:    health.UnknownMember,
			Message: fmt.Sprintf("Single values under names that are not known were left out: %d. They are kept in the archive only.", d.scalars.count),
			Details: map[string]any{"count": d.scalars.count, "fields": d.scalars.names},
		}},
	})
}
