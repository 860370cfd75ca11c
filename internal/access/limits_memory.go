package access

import (
	"context"
	"sync"
	"time"
)

// sweepEvery is how many charges pass between two searches for keys that have done nothing for an hour.
const sweepEvery = 4096

// memoryLedger is a ledger in the memory of this process. It takes 24 bytes for each request of the last hour.
type memoryLedger struct {
	now func() time.Time

	mu      sync.Mutex
	keys    map[string]*keyWindows
	charges int
}

// keyWindows are the requests of one key in the last hour.
type keyWindows struct{ ingest, reads window }

func newMemoryLedger(now func() time.Time) *memoryLedger {
	return &memoryLedger{now: now, keys: map[string]*keyWindows{}}
}

func (l *memoryLedger) charge(_ context.Context, e ledgerEntry, allowance Allowance) (decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	windows := l.keys[e.key]
	if windows == nil {
		windows = &keyWindows{}
		l.keys[e.key] = windows
	}
	now := windows.slideTo(l.now().UnixMicro())
	w := windows.window(e.use)
	v := decision{now: now, wait: w.waitForRequest(now, allowance.requests(e.use))}
	if e.use == UseIngest {
		if wait := w.waitForBytes(now, allowance.IngestBytes, w.bytes, e.bytes, 0); wait > v.wait {
			v.wait, v.bytesShort = wait, true
		}
	}
	if v.wait == 0 {
		w.add(windowEntry{at: now, id: e.id, bytes: e.bytes})
	}
	v.requests, v.requestsReset = w.count(), w.reset(now)
	v.bytes, v.bytesReset = windows.ingest.bytes, windows.ingest.reset(now)
	return v, nil
}

func (l *memoryLedger) amend(_ context.Context, e ledgerEntry, allowance Allowance, bytes int64) (decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	windows := l.keys[e.key]
	if windows == nil {
		return decision{}, nil
	}
	now := windows.slideTo(l.now().UnixMicro())
	w := windows.window(e.use)
	i := w.find(e.at, e.id)
	if i < 0 {
		return decision{}, nil
	}
	if bytes < 0 {
		w.remove(i)
		return decision{}, nil
	}
	old := w.entries[i].bytes
	if bytes > old {
		if wait := w.waitForBytes(now, allowance.IngestBytes, w.bytes-old, bytes, e.id); wait > 0 {
			return decision{now: now, wait: wait, bytesShort: true}, nil
		}
	}
	w.entries[i].bytes = bytes
	w.bytes += bytes - old
	return decision{}, nil
}

// sweep removes, every sweepEvery charges, the keys that have done nothing for an hour.
func (l *memoryLedger) sweep() {
	if l.charges++; l.charges%sweepEvery != 0 {
		return
	}
	now := l.now().UnixMicro()
	for key, windows := range l.keys {
		windows.slideTo(now)
		if windows.ingest.count() == 0 && windows.reads.count() == 0 {
			delete(l.keys, key)
		}
	}
}

func (k *keyWindows) window(use Use) *window {
	if use == UseIngest {
		return &k.ingest
	}
	return &k.reads
}

// slideTo removes what is older than an hour and returns the time: now, or that of the last entry if the clock was set
// back.
func (k *keyWindows) slideTo(now int64) int64 {
	now = max(now, k.ingest.last(), k.reads.last())
	k.ingest.slide(now, limitWindow.Microseconds())
	k.reads.slide(now, limitWindow.Microseconds())
	return now
}

// window is the entries of a period up to now, in order of time.
type window struct {
	entries []windowEntry
	bytes   int64 // of all entries
}

type windowEntry struct {
	at    int64
	id    uint64
	bytes int64
}

func (w *window) count() int64 { return int64(len(w.entries)) }

func (w *window) last() int64 {
	if len(w.entries) == 0 {
		return 0
	}
	return w.entries[len(w.entries)-1].at
}

// reset returns the time until the window is empty.
func (w *window) reset(now int64) int64 {
	if len(w.entries) == 0 {
		return 0
	}
	return w.last() + limitWindow.Microseconds() - now
}

// slide removes the entries that are as old as the window is long.
func (w *window) slide(now, length int64) {
	gone := 0
	for gone < len(w.entries) && w.entries[gone].at+length <= now {
		w.bytes -= w.entries[gone].bytes
		gone++
	}
	w.entries = w.entries[gone:]
}

// add appends an entry. Sliding moves the start of the slice; append copies the rest to a new array when it has to grow.
func (w *window) add(e windowEntry) {
	w.entries = append(w.entries, e)
	w.bytes += e.bytes
}

func (w *window) find(at int64, id uint64) int {
	for i := len(w.entries) - 1; i >= 0 && w.entries[i].at >= at; i-- {
		if w.entries[i].id == id {
			return i
		}
	}
	return -1
}

func (w *window) remove(i int) {
	w.bytes -= w.entries[i].bytes
	w.entries = append(w.entries[:i], w.entries[i+1:]...)
}

// waitForRequest returns the time until one more entry fits.
func (w *window) waitForRequest(now, limit int64) int64 {
	if limit == 0 || w.count() < limit {
		return 0
	}
	return w.entries[w.count()-limit].at + limitWindow.Microseconds() - now
}

// waitForBytes returns the time until more bytes fit beside those in use, which do not include those of the entry with
// the given id.
func (w *window) waitForBytes(now, limit, used, more int64, without uint64) int64 {
	if limit == 0 || used+more <= limit {
		return 0
	}
	for i := range w.entries {
		if w.entries[i].id == without {
			continue
		}
		if used -= w.entries[i].bytes; used+more <= limit {
			return w.entries[i].at + limitWindow.Microseconds() - now
		}
	}
	return limitWindow.Microseconds()
}
