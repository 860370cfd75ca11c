package query

import (
	"encoding/base64"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/problem"
)

// cursorVersion is the version of the positions in cursors.
const cursorVersion = 1

// cursor is the position of the next page of a listing. To clients it is opaque.
type cursor[Position any] struct {
	Version int      `json:"v"`
	Listing string   `json:"of"` // which listing: the cursor of one does not fit another
	At      Position `json:"at"`
}

func encodeCursor[Position any](listing string, at Position) (*string, error) {
	text, err := json.Marshal(cursor[Position]{cursorVersion, listing, at})
	if err != nil {
		return nil, err
	}
	encoded := base64.RawURLEncoding.EncodeToString(text)
	return &encoded, nil
}

// decodeCursor decodes a cursor of the same listing. at is nil for "".
func decodeCursor[Position any](listing, encoded string) (at *Position, err error) {
	if encoded == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, cursorError(err)
	}
	var c cursor[Position]
	if err := json.Unmarshal(text, &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, cursorError(err)
	}
	if c.Version != cursorVersion || c.Listing != listing {
		return nil, cursorError(nil)
	}
	return &c.At, nil
}

func cursorError(cause error) error {
	return problem.New(problem.Invalid, "invalid_cursor",
		"This cursor does not belong to this listing. Use next_cursor of the page before, or none for the first page.").
		In("cursor").Because(cause)
}
