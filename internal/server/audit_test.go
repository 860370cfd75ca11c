package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

type auditPage struct {
	Entries    []auditEntry `json:"entries"`
	NextCursor *string      `json:"next_cursor"`
}

// audit returns what the audit log tells a key, what waits to be written included.
func (a *api) audit(key, query string) (page auditPage) {
	a.t.Helper()
	if err := a.auditBuffer.Flush(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	a.get("/v1/audit"+query, key).wants(http.StatusOK).into(&page)
	return page
}

// actions returns the actions of a page, oldest first.
func (p auditPage) actions() (names []string) {
	for _, e := range p.Entries {
		names = append([]string{string(e.Action)}, names...)
	}
	return names
}

func TestEverythingIsOnRecord(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	// A value with a fraction, to be looked for: digits alone stand in an id or in a time by chance.
	value := "9900.271828"
	body := strings.Replace(bodyOfAda, "9900", value, 1)
	sent := a.do(http.MethodPost, "/v1/ingest", ada.key, body, "User-Agent", "Phone/1.0\u00e9", "X-Request-ID", "r-1").wants(http.StatusOK)
	var r report
	sent.into(&r)
	id := r.IngestionID.String()
	a.do(http.MethodPost, "/v1/ingestions/"+id+"/replay", ada.key, "").wants(http.StatusOK)
	a.get("/v1/ingestions/"+id+"/raw", ada.key).wants(http.StatusOK)
	var made, next key
	a.do(http.MethodPost, "/v1/keys", ada.key, `{"name":"x","scopes":["read"]}`).wants(http.StatusCreated).into(&made)
	a.do(http.MethodPost, "/v1/keys/"+made.ID+"/rotate", ada.key, "").wants(http.StatusCreated).into(&next)
	a.get("/v1/me", made.Key).refused(http.StatusUnauthorized, "revoked_key")
	a.do(http.MethodDelete, "/v1/keys/"+next.ID, ada.key, "").wants(http.StatusNoContent)
	a.get("/v1/keys?user="+ada.user.ID.String(), admin).wants(http.StatusOK)

	page := a.audit(ada.key, "")
	want := []string{"key.create", "ingest", "replay", "export", "key.create", "key.rotate", "login.failed", "key.revoke", "admin.read"}
	got := page.actions()
	if diff := cmp.Diff(want, sortedAs(got, want)); diff != "" || len(got) != len(want) {
		t.Errorf("on record is (-want +got):\n%s%v", diff, got)
	}
	for _, e := range page.Entries {
		if e.Action != account.ActionIngest {
			continue
		}
		if e.Resource != id || e.RequestID != "r-1" || e.UserAgent != "Phone/1.0é" || !e.Address.IsLoopback() || !strings.Contains(ada.key, e.KeyID) ||
			e.Metadata["received"] != 1.0 || e.Metadata["inserted"] != 1.0 || e.Metadata["status"] != "processed" {
			t.Errorf("the ingestion is on record as %+v", e)
		}
	}
	for _, secret := range []string{ada.key[17:], made.Key[17:], next.Key[17:], value} {
		if strings.Contains(string(a.get("/v1/audit", ada.key).body), secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}

	// Filters and pages.
	if got := a.audit(ada.key, "?action=key.create").actions(); len(got) != 2 {
		t.Errorf("of one action: %v", got)
	}
	if got := a.audit(ada.key, "?key_id="+made.ID).actions(); !cmp.Equal(got, []string{"login.failed"}) {
		t.Errorf("of one key: %v", got)
	}
	if got := a.audit(ada.key, "?start="+url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))).actions(); len(got) != 0 {
		t.Errorf("of the future: %v", got)
	}
	var paged []auditEntry
	for cursor := ""; ; {
		page := a.audit(ada.key, "?limit=2&end=2999-01-01"+cursor)
		paged = append(paged, page.Entries...)
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + *page.NextCursor
	}
	if len(paged) != len(want) {
		t.Errorf("the pages have %d entries", len(paged))
	}
	a.get("/v1/audit?cursor=x", ada.key).refused(http.StatusBadRequest, "invalid_parameter")
	a.get("/v1/audit?limit=1001", ada.key).refused(http.StatusBadRequest, "invalid_parameter")
	a.get("/v1/audit?user=somebody", admin).refused(http.StatusBadRequest, "invalid_parameter")
	all := a.audit(admin, "?user=all").actions()
	if len(all) < len(want)+1 {
		t.Errorf("an administrator sees %v", all)
	}
	if got := a.audit(admin, "?user="+ada.user.ID.String()).actions(); len(got) != len(want) {
		t.Errorf("an administrator sees of Ada %v", got)
	}
}

// sortedAs returns the words of want that are in got: what the journal writes comes to light later than the rest.
func sortedAs(got, want []string) (both []string) {
	left := map[string]int{}
	for _, word := range got {
		left[word]++
	}
	for _, word := range want {
		if left[word] > 0 {
			left[word]--
			both = append(both, word)
		}
	}
	return both
}

func TestErasingOnesData(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob := a.ada(), a.person("bob@example.org", "")
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	_, reader := a.keyFor(ada.user, account.ScopeRead)
	a.send(ada.key, bodyOfEverything)
	a.send(bob.key, bodyOfAda)
	a.do(http.MethodDelete, "/v1/data", reader, "").refused(http.StatusForbidden, "missing_scope")
	a.do(http.MethodDelete, "/v1/data", ada.key, "").wants(http.StatusNoContent)
	for _, path := range []string{"/v1/metrics", "/v1/ingestions", "/v1/sleep", "/v1/events", "/v1/ecg", "/v1/workouts"} {
		if body := string(a.get(path, ada.key).wants(http.StatusOK).body); strings.Contains(body, "Watch") || strings.Contains(body, "_id") || strings.Contains(body, "Headache") {
			t.Errorf("%s still tells %s", path, body)
		}
	}
	if got := a.audit(ada.key, "").actions(); !cmp.Equal(got, []string{"erase"}) {
		t.Errorf("on record is %v", got)
	}
	a.send(ada.key, bodyOfAda) // the account stays
	a.do(http.MethodDelete, "/v1/data?user="+bob.user.ID.String(), admin, "").wants(http.StatusNoContent)
	page := a.audit(bob.key, "")
	if len(page.Entries) != 1 || page.Entries[0].Metadata["admin"] != true || strings.Contains(bob.key, page.Entries[0].KeyID) {
		t.Errorf("on record is %+v", page.Entries)
	}
	a.do(http.MethodDelete, "/v1/data?user="+unknownID.String(), admin, "").wants(http.StatusNotFound)
}

func TestDeletingAUser(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	a.send(ada.key, bodyOfAda)
	path := "/v1/users/" + ada.user.ID.String()
	a.do(http.MethodDelete, path, ada.key, "").refused(http.StatusForbidden, "missing_scope")
	a.do(http.MethodDelete, path, admin, "").wants(http.StatusNoContent)
	a.get("/v1/me", ada.key).refused(http.StatusUnauthorized, "unknown_key") // it was remembered
	a.do(http.MethodDelete, path, admin, "").wants(http.StatusNotFound)
	a.get(path, admin).wants(http.StatusNotFound)
	for _, e := range a.audit(admin, "?user=all&action=user.delete").Entries {
		if e.Resource != ada.user.ID.String() || e.UserID == ada.user.ID {
			t.Errorf("on record is %+v", e)
		}
	}
	again := a.ada() // the address is free
	if body := string(a.get("/v1/metrics", again.key).wants(http.StatusOK).body); strings.Contains(body, "step_count") {
		t.Errorf("who comes after her sees %s", body)
	}
}

func TestAdministratorsManageEverybodysKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	var made, next key
	a.do(http.MethodPost, "/v1/keys?user="+ada.user.ID.String(), admin, `{"name":"x","scopes":["read"],"tier":"unlimited"}`).wants(http.StatusCreated).into(&made)
	var who me
	a.get("/v1/me", made.Key).wants(http.StatusOK).into(&who)
	if who.User.ID != ada.user.ID || who.Key.Tier != access.TierUnlimited {
		t.Errorf("the key acts for %+v", who)
	}
	a.do(http.MethodPost, "/v1/keys/"+made.ID+"/rotate?grace=1h", admin, "").wants(http.StatusCreated).into(&next)
	a.get("/v1/me", made.Key).wants(http.StatusOK)
	a.get("/v1/me", next.Key).wants(http.StatusOK)
	a.do(http.MethodPost, "/v1/keys/"+made.ID+"/rotate", admin, "").refused(http.StatusConflict, "key_revoked")
	a.do(http.MethodPost, "/v1/keys/"+next.ID+"/rotate?grace=169h", admin, "").refused(http.StatusBadRequest, "invalid_grace")
	a.do(http.MethodPost, "/v1/keys/"+next.ID+"/rotate?grace=soon", admin, "").refused(http.StatusBadRequest, "invalid_parameter")
	a.do(http.MethodDelete, "/v1/keys/"+made.ID, admin, "").wants(http.StatusNoContent)
	a.get("/v1/me", made.Key).refused(http.StatusUnauthorized, "revoked_key")
	a.do(http.MethodPost, "/v1/keys?user="+unknownID.String(), admin, `{"name":"x","scopes":["read"]}`).wants(http.StatusNotFound)
	a.get("/v1/keys?user="+unknownID.String(), admin).wants(http.StatusNotFound)
}

// Rotating shows the new key, so that a key must not rotate one that is mightier than itself.
func TestKeyRotatesNoStrongerKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	mighty, _ := a.keyFor(ada.user, account.ScopeAdmin)
	_, reader := a.keyFor(ada.user, account.ScopeRead)
	rich, _, err := a.authenticator.CreateKey(t.Context(), access.NewKey{UserID: ada.user.ID, Name: "x", Scopes: []account.Scope{account.ScopeRead}, Tier: access.TierBulk})
	if err != nil {
		t.Fatal(err)
	}
	a.do(http.MethodPost, "/v1/keys/"+mighty.ID+"/rotate", reader, "").refused(http.StatusForbidden, "scope_not_held")
	a.do(http.MethodPost, "/v1/keys/"+rich.ID+"/rotate", reader, "").refused(http.StatusForbidden, "tier_not_held")
	var who me
	a.get("/v1/me", reader).wants(http.StatusOK).into(&who)
	a.do(http.MethodPost, "/v1/keys/"+who.Key.ID+"/rotate", reader, "").wants(http.StatusCreated)
	a.get("/v1/me", reader).refused(http.StatusUnauthorized, "revoked_key")
}
