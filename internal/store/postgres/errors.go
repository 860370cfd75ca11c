package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/health-export/health-export/internal/problem"
)

// The codes of PostgreSQL (SQLSTATE) that are handled. The first two characters are the class.
const (
	codeUniqueViolation       = "23505"
	codeCheckViolation        = "23514"
	codeReadOnly              = "25006"
	codeSerializationFailure  = "40001"
	codeDeadlock              = "40P01"
	codeInsufficientPrivilege = "42501"
	codeDiskFull              = "53100"
	codeLockNotAvailable      = "55P03"
	codeQueryCanceled         = "57014"
)

// invalidElement is why this package refuses an element before the database does: a sentence for the user.
type invalidElement string

// Error returns the sentence.
func (e invalidElement) Error() string { return string(e) }

// codeOf returns the SQLSTATE in err, "" where there is none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func classOf(code string) string {
	if len(code) < 2 {
		return ""
	}
	return code[:2]
}

// conflictOnDuplicate returns a Conflict for a unique violation, and any other error, or nil, as it is.
func conflictOnDuplicate(err error, code, message string) error {
	if codeOf(err) == codeUniqueViolation {
		return problem.New(problem.Conflict, code, message).Because(err)
	}
	return err
}

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
	cause := fmt.Errorf("%s: %w", operation, err)
	if _, ok := errors.AsType[bodyReadError](err); ok {
		return cause
	}
	code := codeOf(err)
	switch class := classOf(code); {
	case code == codeUniqueViolation:
		return problem.New(problem.Conflict, "exists", "There is one already.").Because(cause)
	case code == codeDiskFull:
		return problem.New(problem.Unavailable, "store_full",
			"There is no room left for the database. Free some disk space, then try again.").Because(cause)
	case code == codeReadOnly:
		return problem.New(problem.Unavailable, "store_read_only",
			"The database can only be read at the moment. Try again later.").Because(cause)
	case code == codeQueryCanceled, code == codeLockNotAvailable, class == "40",
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // a time limit of this package
		return problem.New(problem.Unavailable, "store_busy",
			"The database took too long. Try again in a moment.").Because(cause)
	case class == "08", class == "28", class == "53", class == "57", class == "58", disconnected(err):
		return problem.New(problem.Unavailable, "store_unavailable",
			"The database cannot be reached. Try again in a moment.").Because(cause)
	}
	return cause
}

// disconnected reports whether the connection could not be made or was lost.
func disconnected(err error) bool {
	if _, ok := errors.AsType[bodyReadError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	switch code := codeOf(err); {
	case classOf(code) == "08", code == "57P01", code == "57P02", code == "57P03", code == "57P05", code == "25P03":
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err)
}

// refused reports whether the row itself is the reason for an error, so that the other rows may be stored without it, and
// returns why in a sentence that may be shown.
func refused(err error) (reason string, ok bool) {
	if e, ok := errors.AsType[invalidElement](err); ok {
		return string(e), true
	}
	switch code := codeOf(err); {
	case code == codeUniqueViolation:
		return "The database holds an element with the same identity already.", true
	case code == "22021", code == "22P05":
		return "A text of the element has a character that the database cannot keep.", true
	case classOf(code) == "22", classOf(code) == "23":
		return "The database does not accept a value of this element.", true
	case classOf(code) == "54":
		return "The element is too big for the database.", true
	}
	return "", false
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
