package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store/backend"
)

func pgError(code string) error {
	return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "text of the server"})
}

func TestErrorsGetTheirKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		kind problem.Kind
		code string
	}{
		{"unique violation", pgError("23505"), problem.Conflict, "exists"},
		{"disk full", pgError("53100"), problem.Unavailable, "store_full"},
		{"out of memory", pgError("53200"), problem.Unavailable, "store_unavailable"},
		{"too many connections", pgError("53300"), problem.Unavailable, "store_unavailable"},
		{"shutting down", pgError("57P01"), problem.Unavailable, "store_unavailable"},
		{"starting up", pgError("57P03"), problem.Unavailable, "store_unavailable"},
		{"connection failure", pgError("08006"), problem.Unavailable, "store_unavailable"},
		{"password changed", pgError("28P01"), problem.Unavailable, "store_unavailable"},
		{"input/output error", pgError("58030"), problem.Unavailable, "store_unavailable"},
		{"statement timeout", pgError("57014"), problem.Unavailable, "store_busy"},
		{"lock timeout", pgError("55P03"), problem.Unavailable, "store_busy"},
		{"deadlock, again and again", pgError("40P01"), problem.Unavailable, "store_busy"},
		{"only a replica", pgError("25006"), problem.Unavailable, "store_read_only"},
		{"our own time limit", context.DeadlineExceeded, problem.Unavailable, "store_busy"},
		{"connection cut", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), problem.Unavailable, "store_unavailable"},
		{"connection refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, problem.Unavailable, "store_unavailable"},
		{"a fault of ours", pgError("42601"), "", ""},
		{"check violation", pgError("23514"), "", ""},
		{"the body's reader, with an error like that of a connection", bodyReadError{io.ErrUnexpectedEOF}, "", ""},
		{"one that has a kind", backend.NotFound("thing"), problem.NotFound, "not_found"},
	} {
		got := translate(t.Context(), "test", test.err)
		if !errors.Is(got, test.err) {
			t.Errorf("%s: the cause is gone from %v", test.name, got)
		}
		if kind := problem.KindOf(got); kind != test.kind {
			t.Errorf("%s: kind %q, want %q", test.name, kind, test.kind)
		}
		if e, ok := errors.AsType[*problem.Error](got); ok && e.Code != test.code {
			t.Errorf("%s: code %s, want %s", test.name, e.Code, test.code)
		}
	}
	if translate(t.Context(), "test", nil) != nil {
		t.Error("no error became one")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := translate(cancelled, "test", pgError("57014")); !errors.Is(err, context.Canceled) || problem.KindOf(err) != "" {
		t.Errorf("of a cancelled call: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"22021": true, "22008": true, "22P05": true, "23514": true, "23502": true, "23505": true, "54000": true,
		"40001": false, "53100": false, "57014": false, "42P01": false, "": false,
	} {
		reason, is := refused(pgError(code))
		if is != want || is != (reason != "") {
			t.Errorf("%s: refused %v because of %q", code, is, reason)
		}
	}
	if reason, is := refused(fmt.Errorf("wrapped: %w", invalidElement("a sentence"))); !is || reason != "a sentence" {
		t.Errorf("unstorable: %v, %q", is, reason)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testRetry) // the pauses pass at once
}

func testRetry(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"serialization failure", pgError("40001"), maxAttempts},
		{"deadlock", pgError("40P01"), maxAttempts},
		{"connection lost", io.ErrUnexpectedEOF, maxAttempts},
		{"server restarts", pgError("57P01"), maxAttempts},
		{"connection lost at the commit", commitError(io.ErrUnexpectedEOF), 1},
		{"serialization failure at the commit", commitError(pgError("40001")), maxAttempts},
		{"the body's reader", bodyReadError{io.ErrUnexpectedEOF}, 1},
		{"a row at fault", pgError("23514"), 1},
		{"disk full", pgError("53100"), 1},
		{"given up", context.Canceled, 1},
	} {
		tries := 0
		err := retry(t.Context(), func() error {
			tries++
			return test.err
		})
		if tries != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %d attempts, want %d; error %v", test.name, tries, test.want, err)
		}
	}
	tries := 0
	err := retry(t.Context(), func() error {
		if tries++; tries < 3 {
			return pgError("40001")
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d attempts, error %v", tries, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	tries = 0
	_ = retry(cancelled, func() error {
		tries++
		cancel()
		return pgError("40001")
	})
	if tries != 1 {
		t.Errorf("%d attempts after the call was given up", tries)
	}
}
