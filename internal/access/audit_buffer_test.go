package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testlog"
)

// fakeAudit is an audit log in memory.
type fakeAudit struct {
	store.Audit
	mu      sync.Mutex
	entries []account.AuditEntry
	fails   error
}

func (b *fakeAudit) AppendAudit(_ context.Context, entries []account.AuditEntry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		return b.fails
	}
	b.entries = append(b.entries, entries...)
	return nil
}

func write(t *testing.T, j *AuditBuffer) {
	t.Helper()
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAuditBufferFillsInActorAndRequest(t *testing.T) {
	t.Parallel()
	b := &fakeAudit{}
	j := NewAuditBuffer(b, AuditBufferOptions{Logger: testlog.Logger(t)})
	admin, ada := account.User{ID: uuid.New()}, uuid.New()
	origin := RequestInfo{Address: netip.MustParseAddr("192.0.2.1"), UserAgent: "curl", RequestID: "r"}
	ctx := WithRequestInfo(WithActor(t.Context(), Actor{User: admin, KeyID: "k"}), origin)
	j.Add(ctx, account.ActionExport, admin.ID, "x", map[string]any{"bytes": 1})
	j.Add(ctx, account.ActionAdminRead, ada, "", nil)
	j.Add(t.Context(), account.ActionImport, ada, "", nil)
	write(t, j)
	for i, want := range []string{
		fmt.Sprint(admin.ID, " k export x 192.0.2.1 curl r map[bytes:1]"),
		fmt.Sprint(ada, " k admin.read  192.0.2.1 curl r map[admin:true]"),
		fmt.Sprint(ada, "  import  invalid IP   map[]"),
	} {
		e := b.entries[i]
		got := fmt.Sprint(e.UserID, " ", e.KeyID, " ", e.Action, " ", e.Resource, " ", e.Address, " ", e.UserAgent, " ", e.RequestID, " ", e.Metadata)
		if got != want || e.ID == uuid.Nil || e.At.IsZero() {
			t.Errorf("entry %d is %s, want %s", i, got, want)
		}
	}
	var none *AuditBuffer
	none.Add(ctx, account.ActionExport, ada, "", nil)
	write(t, none)
}

func TestFloodsBecomeOneEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, b := newFakeStore(), &fakeAudit{}
		j := NewAuditBuffer(b, AuditBufferOptions{Logger: testlog.Logger(t)})
		d := NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t), Audit: j})
		for range 3 {
			_, _ = d.Authenticate(from(t, "192.0.2.1"), newKey().text)
			time.Sleep(time.Second)
		}
		_, _ = d.Authenticate(from(t, "192.0.2.2"), newKey().text)
		_, _ = d.Authenticate(from(t, "192.0.2.2"), "mistyped")
		_, _ = d.Authenticate(from(t, "192.0.2.2"), "") // no attempt at all
		write(t, j)
		if len(b.entries) != 3 {
			t.Fatalf("entries: %+v", b.entries)
		}
		first := b.entries[0]
		if first.Action != account.ActionLoginFailed || first.Metadata["count"] != 3 || first.Metadata["code"] != "unknown_key" ||
			first.Metadata["until"] != first.At.Add(2*time.Second).Format(time.RFC3339) || first.UserID != uuid.Nil {
			t.Errorf("the flood is %+v", first)
		}
		if code := b.entries[2].Metadata["code"]; code != "malformed_key" {
			t.Errorf("code = %v", code)
		}
		// From very many addresses.
		for i := range 5 * maxDistinct {
			_, _ = d.Authenticate(WithRequestInfo(t.Context(), RequestInfo{Address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}), "mistyped")
		}
		write(t, j)
		total := 0
		for _, e := range b.entries[3:] {
			if n, ok := e.Metadata["count"].(int); ok {
				total += n
			} else {
				total++
			}
		}
		if n := len(b.entries) - 3; n > maxDistinct+1 || total != 5*maxDistinct {
			t.Errorf("%d entries stand for %d failures", n, total)
		}
		if last := b.entries[len(b.entries)-1]; last.Metadata["many"] != true || last.Address.IsValid() {
			t.Errorf("the last one is %+v", last)
		}
	})
}

// Whose key it was is on record where that is known, so that its owner sees it.
func TestOwnersSeeWhatWasTriedWithTheirKeys(t *testing.T) {
	t.Parallel()
	p, b := newFakeStore(), &fakeAudit{}
	j := NewAuditBuffer(b, AuditBufferOptions{Logger: testlog.Logger(t)})
	d := NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t), Audit: j})
	u := p.add()
	id, text := makeKey(t, d, u)
	p.change(id, func(k *account.APIKey) { k.RevokedAt = time.Now() })
	wantRefusal(t, d, text, "revoked_key")
	wantRefusal(t, d, withSecret(id, "x"), "unknown_key")
	write(t, j)
	for i, code := range []string{"revoked_key", "unknown_key"} {
		if e := b.entries[i]; e.UserID != u.ID || e.KeyID != id || e.Metadata["code"] != code {
			t.Errorf("entry %d is %+v", i, e)
		}
		if text := fmt.Sprint(b.entries[i]); strings.Contains(text, strings.Repeat("x", 10)) {
			t.Errorf("the secret is on record: %s", text)
		}
	}
}

func TestAuditBufferIsBoundedAndLogsLoss(t *testing.T) {
	t.Parallel()
	b := &fakeAudit{fails: errors.New("no")}
	logged := testlog.New(t)
	j := NewAuditBuffer(b, AuditBufferOptions{Logger: logged.Logger()})
	note := func(n int) {
		for i := range n {
			j.Add(t.Context(), account.ActionExport, uuid.Nil, fmt.Sprint(i), nil)
		}
	}
	note(maxPending)
	if err := j.Flush(t.Context()); err == nil {
		t.Fatal("the failure of the store is not told")
	}
	note(7)
	b.fails = nil
	write(t, j)
	if len(b.entries) != maxPending || b.entries[0].Resource != "7" || b.entries[maxPending-1].Resource != "6" {
		t.Errorf("%d entries, from %s to %s", len(b.entries), b.entries[0].Resource, b.entries[len(b.entries)-1].Resource)
	}
	if strings.Count(logged.String(), `"level":"ERROR"`) != 1 || !strings.Contains(logged.String(), `"count":7`) {
		t.Errorf("logged: %s", logged.String())
	}
	if lost := testutil.ToFloat64(j.lost); lost != 7 {
		t.Errorf("%v are counted as lost", lost)
	}
	write(t, j)
	if len(b.entries) != maxPending {
		t.Error("entries were written twice")
	}
}
