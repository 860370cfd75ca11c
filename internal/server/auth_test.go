package server

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

func TestWaysToPresentAKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	key := a.ada().key
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anything:"+password))
	}
	for name, header := range map[string][2]string{
		"bearer":                   {"Authorization", "Bearer " + key},
		"bearer in lower case":     {"authorization", "bearer " + key},
		"bearer with blanks":       {"Authorization", "Bearer   " + key + " \t"},
		"X-API-Key":                {"X-API-Key", key},
		"x-api-key":                {"x-api-key", key},
		"X-API-Key with blanks":    {"X-API-Key", "  " + key + "  "},
		"api-key":                  {"api-key", key},
		"API-KEY":                  {"API-KEY", key},
		"basic":                    {"Authorization", basic(key)},
		"basic with a line break":  {"Authorization", basic(key + "\r\n")},
		"basic with blanks around": {"Authorization", basic(" " + key + "\n ")},
	} {
		t.Run(name, func(t *testing.T) {
			a.in(t).get("/v1/me", "", header[0], header[1]).wants(http.StatusOK)
		})
	}
}

func TestTheFirstKeyThatIsThereCounts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob := a.ada(), a.person("bob@example.org", "")
	var who me
	a.get("/v1/me", ada.key, "X-API-Key", bob.key).wants(http.StatusOK).into(&who)
	if who.User.ID != ada.user.ID {
		t.Error("the header Authorization does not come before the others")
	}
	a.get("/v1/me", "", "Authorization", "Bearer ", "api-key", bob.key).wants(http.StatusOK).into(&who)
	if who.User.ID != bob.user.ID {
		t.Error("an empty header hides the key in another")
	}
}

func TestKeysThatAreNotLetIn(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	revoked, revokedText := a.keyFor(ada.user, account.ScopeRead)
	if err := a.authenticator.RevokeKey(t.Context(), ada.user.ID, revoked.ID); err != nil {
		t.Fatal(err)
	}
	stranger := newAPI(t)
	for name, test := range map[string]struct{ path, key, code string }{
		"none":          {"/v1/me", "", "missing_key"},
		"in the URL":    {"/v1/me?api_key=" + url.QueryEscape(ada.key), "", "missing_key"},
		"in the URL, 2": {"/v1/me?access_token=" + url.QueryEscape(ada.key), "", "missing_key"},
		"mistyped":      {"/v1/me", ada.key[:len(ada.key)-1] + "!", "malformed_key"},
		"of another":    {"/v1/me", stranger.ada().key, "unknown_key"},
		"revoked":       {"/v1/me", revokedText, "revoked_key"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := a.in(t).get(test.path, test.key)
			answer.refused(http.StatusUnauthorized, test.code)
			if !strings.HasPrefix(answer.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Error("the answer does not say how to authenticate")
			}
		})
	}
}

func TestExpiredKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	yesterday := time.Now().Add(-24 * time.Hour)
	door := access.NewAuthenticator(a.store, a.store, access.AuthenticatorOptions{Logger: a.logs.Logger(), Now: func() time.Time { return yesterday }})
	_, text, err := door.CreateKey(t.Context(), access.NewKey{
		UserID: ada.user.ID, Name: "old", Scopes: []account.Scope{account.ScopeRead}, ExpiresAt: yesterday.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.get("/v1/me", text).refused(http.StatusUnauthorized, "expired_key")
}

func TestRevokingTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	made, text := a.keyFor(ada.user, account.ScopeRead)
	a.get("/v1/me", text).wants(http.StatusOK)
	a.do(http.MethodDelete, "/v1/keys/"+made.ID, ada.key, "").wants(http.StatusNoContent)
	a.get("/v1/me", text).refused(http.StatusUnauthorized, "revoked_key")
}

// A browser repeats a password it has been given, also when a page of somebody else makes it send the request.
func TestPasswordOfABrowserOnlyCountsFromItsOwnPage(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+ada.key))
	post := func(headers ...string) answer {
		return a.do(http.MethodPost, "/v1/ingest", "", `{"data":{}}`, append(headers, "Sec-Fetch-Site", "cross-site")...)
	}
	post("Authorization", basic).refused(http.StatusForbidden, "cross_origin")
	post("X-API-Key", ada.key).wants(http.StatusOK)
	a.get("/v1/me", "", "Authorization", basic, "Sec-Fetch-Site", "cross-site").wants(http.StatusOK)
}
