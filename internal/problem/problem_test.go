package problem

import (
	"errors"
	"fmt"
	"testing"
)

func TestErrorIsItsKind(t *testing.T) {
	t.Parallel()
	kinds := []Kind{
		Invalid, Unrecognised, NotFound, Conflict, Unauthenticated, Forbidden, TooLarge, RateLimited, Unavailable,
	}
	for _, kind := range kinds {
		err := fmt.Errorf("while reading: %w", New(kind, "some_code", "Send something else."))
		for _, other := range kinds {
			if errors.Is(err, other) != (other == kind) {
				t.Errorf("an error of kind %s is %s: %v", kind, other, errors.Is(err, other))
			}
		}
		if KindOf(err) != kind {
			t.Errorf("KindOf(%v) = %s, want %s", err, KindOf(err), kind)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want Kind
	}{
		{"nil", nil, ""},
		{"internal", errors.New("disk on fire"), ""},
		{"a bare kind", NotFound, NotFound},
		{"a wrapped kind", fmt.Errorf("user: %w", NotFound), NotFound},
		{"the outer of two", New(Unavailable, "c", "m").Because(NotFound), Unavailable},
		{"joined", errors.Join(errors.New("x"), New(Conflict, "c", "m")), Conflict},
	} {
		if got := KindOf(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestErrorSeparatesMessageAndCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp: refused")
	err := New(Unavailable, "store_down", "The store cannot be reached; try again later.").Because(cause).In("body")
	if err.Message != "The store cannot be reached; try again later." || err.Code != "store_down" || err.Field != "body" {
		t.Errorf("%+v", err)
	}
	if got, want := err.Error(), "The store cannot be reached; try again later.: dial tcp: refused"; got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got := New(Invalid, "c", "Say it.").Error(); got != "Say it." {
		t.Errorf("without a cause the text is %q", got)
	}
}
