package backend

import (
	"context"
	"sync"
)

// Lifecycle lets a store be closed while calls are under way. The zero value is open.
type Lifecycle struct {
	mu     sync.RWMutex // held for reading by every call
	closed bool
}

// Enter begins a call; leave ends it. Calls must not be nested. It returns ErrClosed after Close.
func (l *Lifecycle) Enter() (leave func(), err error) {
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return nil, ErrClosed
	}
	return l.mu.RUnlock, nil
}

// Start is Enter for a call that is measured; done, which is called with its error, ends it.
func (l *Lifecycle) Start(ctx context.Context, calls Calls, operation string) (_ context.Context, done func(error), err error) {
	leave, err := l.Enter()
	if err != nil {
		return ctx, nil, err
	}
	ctx, measured := calls.Start(ctx, operation)
	return ctx, func(err error) {
		measured(err)
		leave()
	}, nil
}

// Close waits for the calls that are under way, and runs release. It does nothing the second time.
func (l *Lifecycle) Close(release func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return release()
}
