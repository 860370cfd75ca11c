package cache

import (
	"context"

	"github.com/google/uuid"
)

// Invalidator receives reports of changes that cached responses depend on. A change is reported after it can be read, and
// before the caller is told that it was made.
type Invalidator interface {
	// InvalidateMetrics reports that these metrics of the user have changed.
	InvalidateMetrics(ctx context.Context, user uuid.UUID, metrics []string)
	// InvalidateUser reports that anything of the user may have changed.
	InvalidateUser(ctx context.Context, user uuid.UUID)
	// Erase removes every cached response of the user. After an error none of them is returned to anybody, and they
	// expire.
	Erase(ctx context.Context, user uuid.UUID) error
}

var (
	_ Invalidator = (*ResponseCache)(nil)
	_ Invalidator = NopInvalidator{}
)

// NopInvalidator is an Invalidator for programs that cache no responses.
type NopInvalidator struct{}

// InvalidateMetrics does nothing.
func (NopInvalidator) InvalidateMetrics(context.Context, uuid.UUID, []string) {}

// InvalidateUser does nothing.
func (NopInvalidator) InvalidateUser(context.Context, uuid.UUID) {}

// Erase does nothing.
func (NopInvalidator) Erase(context.Context, uuid.UUID) error { return nil }

// OrNop returns i, or the no-op where it is nil.
func OrNop(i Invalidator) Invalidator {
	if i == nil {
		return NopInvalidator{}
	}
	return i
}
