package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/health-export/health-export/internal/problem"
)

// errNotFinite refuses an element that cannot be encoded as JSON.
var errNotFinite = errors.New("a number that is not finite")

// translate returns an error of the driver with a kind, by its code and never by its text. operation is for the log. An
// error that has a kind is returned as it is, and the error of a context that has ended instead of what the database made
// of it.
func translate(ctx context.Context, operation string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if problem.KindOf(err) != "" {
		return err
	}
	code, ok := codeOf(err)
	if !ok {
		return fmt.Errorf("%s: %w", operation, err)
	}
	cause := fmt.Errorf("%s: SQLite code %d: %w", operation, code, err)
	switch primary := code & 0xff; {
	case isDuplicate(code):
		return problem.New(problem.Conflict, "exists", "This exists already. Choose another name or id.").Because(cause)
	case primary == sqlite3.SQLITE_FULL:
		return problem.New(problem.Unavailable, "store_full",
			"There is no room left for the database. Free some disk space, then try again.").Because(cause)
	case primary == sqlite3.SQLITE_READONLY:
		return problem.New(problem.Unavailable, "store_read_only",
			"The database cannot be written to. Check the permissions of its file and of the folder it is in.").Because(cause)
	case primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED:
		return problem.New(problem.Unavailable, "store_busy",
			"Another program is using the database. Try again in a moment.").Because(cause)
	case primary == sqlite3.SQLITE_IOERR || primary == sqlite3.SQLITE_CANTOPEN ||
		primary == sqlite3.SQLITE_PROTOCOL || primary == sqlite3.SQLITE_NOMEM:
		return problem.New(problem.Unavailable, "store_unavailable",
			"The database cannot be read or written. Check the disk it is on, then try again.").Because(cause)
	}
	return cause
}

// refused reports whether the row itself is the reason for an error, so that the other rows may be stored without it, and
// returns why in a sentence that may be shown.
func refused(err error) (reason string, ok bool) {
	if errors.Is(err, errNotFinite) {
		return "The element has a number that is not finite.", true
	}
	code, ok := codeOf(err)
	if !ok {
		return "", false
	}
	switch code & 0xff {
	case sqlite3.SQLITE_CONSTRAINT:
		if isDuplicate(code) {
			return "The database holds an element with the same identity already.", true
		}
		return "The database does not accept a value of this element.", true
	case sqlite3.SQLITE_MISMATCH:
		return "The database does not accept a value of this element.", true
	case sqlite3.SQLITE_TOOBIG:
		return "The element is too big for the database.", true
	}
	return "", false
}

func isDuplicate(code int) bool {
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// conflictOnDuplicate returns a Conflict for a unique violation, and any other error, or nil, as it is.
func conflictOnDuplicate(err error, code, message string) error {
	if result, ok := codeOf(err); ok && isDuplicate(result) {
		return problem.New(problem.Conflict, code, message).Because(err)
	}
	return err
}

// codeOf returns the extended result code of SQLite in err.
func codeOf(err error) (code int, ok bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
