package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

func TestKeyLifecycle(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	var made key
	answer := a.do(http.MethodPost, "/v1/keys", ada.key,
		`{"name":" phone ","scopes":["read","ingest"],"expires_at":"`+expires.Format(time.RFC3339)+`"}`).wants(http.StatusCreated)
	answer.into(&made)
	if answer.header.Get("Location") != "/v1/keys/"+made.ID || !strings.HasPrefix(made.Key, "hea_"+made.ID+"_") {
		t.Errorf("the key is %+v at %s", made, answer.header.Get("Location"))
	}
	want := key{Name: "phone", Scopes: []account.Scope{"ingest", "read"}, Tier: "default", ExpiresAt: expires}
	want.ID, want.Key, want.CreatedAt = made.ID, made.Key, made.CreatedAt
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the key that was made differs:\n%s", diff)
	}
	a.send(made.Key, bodyOfAda)

	var list struct {
		Keys []key `json:"keys"`
	}
	listed := a.get("/v1/keys", ada.key).wants(http.StatusOK)
	listed.into(&list)
	if len(list.Keys) != 2 || list.Keys[1].ID != made.ID || strings.Contains(string(listed.body), made.Key) {
		t.Errorf("the list is %s", listed.body)
	}
	a.do(http.MethodDelete, "/v1/keys/"+made.ID, ada.key, "").wants(http.StatusNoContent)
	a.do(http.MethodDelete, "/v1/keys/"+made.ID, ada.key, "").wants(http.StatusNoContent)
	a.get("/v1/keys", ada.key).wants(http.StatusOK).into(&list)
	if list.Keys[1].RevokedAt.IsZero() {
		t.Error("the list does not show that the key is revoked")
	}
	a.do(http.MethodPost, "/v1/ingest", made.Key, bodyOfAda).refused(http.StatusUnauthorized, "revoked_key")
}

func TestKeysThatAreNotMade(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(ada.user, account.ScopeAdmin)
	post := func(t *testing.T, key, body string, headers ...string) answer {
		t.Helper()
		return a.in(t).do(http.MethodPost, "/v1/keys", key, body, headers...)
	}
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"no name":          {`{"scopes":["read"]}`, 400, "invalid_name", "name"},
		"no scopes":        {`{"name":"x"}`, 400, "invalid_scopes", "scopes"},
		"unknown scope":    {`{"name":"x","scopes":["write"]}`, 400, "invalid_scopes", "scopes"},
		"unknown tier":     {`{"name":"x","scopes":["read"],"tier":"gold"}`, 400, "invalid_tier", "tier"},
		"past expiry":      {`{"name":"x","scopes":["read"],"expires_at":"2020-01-01T00:00:00Z"}`, 400, "invalid_expiry", "expires_at"},
		"unknown member":   {`{"name":"x","scopes":["read"],"user_id":"1"}`, 400, "unknown_member", "user_id"},
		"wrong type":       {`{"name":7}`, 400, "invalid_member", "name"},
		"not an object":    {`[1]`, 400, "invalid_member", ""},
		"broken time":      {`{"name":"x","expires_at":"soon"}`, 400, "invalid_member", "expires_at"},
		"not JSON":         {`{"name"`, 400, "not_json", ""},
		"two values":       {`{"name":"x"} {}`, 400, "not_json", ""},
		"the same twice":   {`{"name":"x","name":"y"}`, 400, "not_json", ""},
		"too large a body": {`{"name":"` + strings.Repeat("x", maxJSON) + `"}`, 413, "body_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if p := post(t, admin, test.body).refused(test.status, test.code); p.Field != test.field {
				t.Errorf("the field at fault is %q, not %q", p.Field, test.field)
			}
		})
	}
	post(t, admin, `{"name":"x","scopes":["read"]}`, "Content-Type", "text/plain").refused(415, "unsupported_content_type")
	post(t, admin, "").refused(415, "unsupported_content_type")
}

func TestKeyGrantsNoMoreThanItHas(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, reader := a.keyFor(ada.user, account.ScopeRead)
	_, admin := a.keyFor(ada.user, account.ScopeAdmin)
	_, passing, err := a.authenticator.CreateKey(t.Context(), access.NewKey{
		UserID: ada.user.ID, Name: "guest", Scopes: []account.Scope{account.ScopeRead}, ExpiresAt: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	post := func(key, body string) answer { return a.do(http.MethodPost, "/v1/keys", key, body) }
	post(reader, `{"name":"x","scopes":["ingest"]}`).refused(http.StatusForbidden, "scope_not_held")
	post(reader, `{"name":"x","scopes":["read","admin"]}`).refused(http.StatusForbidden, "scope_not_held")
	post(reader, `{"name":"x","scopes":["read"],"tier":"unlimited"}`).refused(http.StatusForbidden, "tier_not_held")
	post(passing, `{"name":"x","scopes":["read"]}`).refused(http.StatusForbidden, "outlives_maker")
	post(passing, `{"name":"x","scopes":["read"],"expires_at":"2999-01-01T00:00:00Z"}`).refused(http.StatusForbidden, "outlives_maker")
	post(reader, `{"name":"x","scopes":["read"]}`).wants(http.StatusCreated)
	post(admin, `{"name":"x","scopes":["ingest","read","admin"],"tier":"unlimited"}`).wants(http.StatusCreated)

	lost, lostText := a.keyFor(ada.user, account.ScopeRead, account.ScopeIngest)
	a.do(http.MethodPost, "/v1/keys/"+lost.ID+"/rotate?grace=24h", ada.key, "").wants(http.StatusCreated)
	a.get("/v1/me", lostText).wants(http.StatusOK)
	post(lostText, `{"name":"x","scopes":["read"]}`).refused(http.StatusForbidden, "outlives_maker")
	a.do(http.MethodPost, "/v1/connect", lostText, `{}`).refused(http.StatusForbidden, "outlives_maker")
	other, _ := a.keyFor(ada.user, account.ScopeRead)
	a.do(http.MethodPost, "/v1/keys/"+other.ID+"/rotate", lostText, "").refused(http.StatusForbidden, "outlives_maker")

	phone, _ := a.keyFor(ada.user, account.ScopeIngest)
	a.do(http.MethodDelete, "/v1/keys/"+phone.ID, reader, "").refused(http.StatusForbidden, "scope_not_held")
	a.do(http.MethodDelete, "/v1/keys/"+phone.ID, ada.key, "").wants(http.StatusNoContent)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(ada.user, account.ScopeAdmin)
	var made, shown user
	answer := a.do(http.MethodPost, "/v1/users", admin, `{"email":"bob@example.org","name":"Bob","time_zone":"Asia/Tokyo"}`).
		wants(http.StatusCreated)
	answer.into(&made)
	if made.Email != "bob@example.org" || made.Name != "Bob" || made.TimeZone != "Asia/Tokyo" {
		t.Errorf("the user is %+v", made)
	}
	a.get(answer.header.Get("Location"), admin).wants(http.StatusOK).into(&shown)
	if diff := cmp.Diff(made, shown); diff != "" {
		t.Errorf("the user reads back differently:\n%s", diff)
	}
	var list struct {
		Users []user `json:"users"`
	}
	a.get("/v1/users", admin).wants(http.StatusOK).into(&list)
	if len(list.Users) != 2 || list.Users[0].ID != ada.user.ID || list.Users[1].ID != made.ID {
		t.Errorf("the list is %+v", list)
	}
	for body, want := range map[string]struct {
		status int
		field  string
	}{
		`{"email":"BOB@example.org"}`:                           {http.StatusConflict, "email"},
		`{"name":"Eve"}`:                                        {http.StatusBadRequest, "email"},
		`{"email":"Eve <eve@example.org>"}`:                     {http.StatusBadRequest, "email"},
		`{"email":"eve@example.org","time_zone":"Local"}`:       {http.StatusBadRequest, "time_zone"},
		`{"email":"eve@example.org","time_zone":"Mars/Crater"}`: {http.StatusBadRequest, "time_zone"},
		`{"email":"eve@example.org","scopes":[]}`:               {http.StatusBadRequest, "scopes"},
	} {
		var p problemDetails
		a.do(http.MethodPost, "/v1/users", admin, body).wants(want.status).into(&p)
		if p.Field != want.field {
			t.Errorf("%s: the problem is %+v", body, p)
		}
	}
	a.get("/v1/users/"+unknownID.String(), admin).wants(http.StatusNotFound)
}

func TestMe(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	key, text := a.keyFor(ada.user, account.ScopeIngest)
	var got me
	a.get("/v1/me", text).wants(http.StatusOK).into(&got)
	want := me{
		User: userOf(ada.user), Key: requestKey{ID: key.ID, Scopes: []account.Scope{"ingest"}, Tier: "default"}, ServerVersion: "1.2.3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("me differs:\n%s", diff)
	}
}
