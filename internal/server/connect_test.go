package server

import (
	"bytes"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

func TestConnectPhone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	var made connection
	answer := a.do(http.MethodPost, "/v1/connect", ada.key, `{"name":"Ada's iPhone"}`).wants(http.StatusCreated)
	answer.into(&made)
	if made.URL != a.url || made.Warning == "" || len(made.Automations) != 4 || made.Key.Name != "Ada's iPhone" || len(made.Key.Scopes) != 1 {
		t.Errorf("the answer is %s", answer.body)
	}
	if answer.header.Get("Location") != "/v1/keys/"+made.Key.ID || answer.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", answer.header)
	}
	for i, name := range []string{"recent", "overlap", "heart_rate", "workouts"} {
		one := made.Automations[i]
		link, err := url.Parse(one.Link)
		if err != nil || one.Name != name || one.About == "" || !strings.HasPrefix(one.SVG, "<svg ") {
			t.Fatalf("automation %d is %+v, %v", i, one, err)
		}
		header, key, _ := strings.Cut(link.Query().Get("headers"), ",")
		if header != "X-API-Key" || key != made.Key.Key || link.Query().Get("url") != a.url+"/v1/ingest" {
			t.Errorf("%s: the link is %v", name, link.Query())
		}
		// What the app will do with the link must work.
		a.do(http.MethodPost, "/v1/ingest", "", bodyOfAda, header, key).wants(http.StatusOK)
	}
	a.get("/v1/metrics", made.Key.Key).refused(http.StatusForbidden, "missing_scope")
	if strings.Contains(a.logs.String(), made.Key.Key) {
		t.Error("the log holds the key")
	}
}

func TestConnectPhoneAsAPicture(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.PublicURL = "https://health.example.org" })
	ada := a.ada()
	svg := a.do(http.MethodPost, "/v1/connect", ada.key, `{"automation":"overlap","data_type":"workouts"}`, "Accept", "image/svg+xml").wants(http.StatusCreated)
	if svg.header.Get("Content-Type") != "image/svg+xml" || !bytes.HasPrefix(svg.body, []byte("<svg ")) {
		t.Errorf("%s %.80s", svg.header.Get("Content-Type"), svg.body)
	}
	picture := a.do(http.MethodPost, "/v1/connect", ada.key, `{}`, "Accept", "text/html, image/png;q=0.9").wants(http.StatusCreated)
	if _, err := png.Decode(bytes.NewReader(picture.body)); err != nil || picture.header.Get("Content-Type") != "image/png" {
		t.Errorf("%s: %v", picture.header.Get("Content-Type"), err)
	}
	var made connection
	a.do(http.MethodPost, "/v1/connect", ada.key, `{}`, "Accept", "image/png;q=0.1, */*").wants(http.StatusCreated)
	a.do(http.MethodPost, "/v1/connect", ada.key, `{}`, "Accept", "application/json, image/png").wants(http.StatusCreated).into(&made)
	if made.URL != "https://health.example.org" || made.Warning != "" {
		t.Errorf("the phone is sent to %s (%s)", made.URL, made.Warning)
	}
}

func TestPhonesThatAreNotConnected(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	for body, code := range map[string]string{
		`{"url":"ftp://h"}`:                                  "invalid_url",
		`{"url":"https://h?key=x"}`:                          "invalid_url",
		`{"data_type":"dreams"}`:                             "invalid_data_type",
		`{"automation":"x"}`:                                 "invalid_automation",
		`{"automation":"heart_rate","data_type":"ecg"}`:      "invalid_automation",
		`{"token":"x"}`:                                      "unknown_member",
		`{"name":"a\u0007b"}`:                                "invalid_name",
		`{"url":"https://` + strings.Repeat("h", 300) + `"}`: "invalid_url",
	} {
		a.do(http.MethodPost, "/v1/connect", ada.key, body).refused(http.StatusBadRequest, code)
	}
	_, reader := a.keyFor(ada.user, account.ScopeRead)
	a.do(http.MethodPost, "/v1/connect", reader, `{}`).refused(http.StatusForbidden, "scope_not_held")

	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	_, passing, err := a.authenticator.CreateKey(t.Context(), access.NewKey{
		UserID: ada.user.ID, Name: "guest", Scopes: []account.Scope{account.ScopeIngest}, ExpiresAt: expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	var made connection
	a.do(http.MethodPost, "/v1/connect", passing, `{}`).wants(http.StatusCreated).into(&made)
	if !made.Key.ExpiresAt.Equal(expires) {
		t.Errorf("the phone's key expires at %s, its maker at %s", made.Key.ExpiresAt, expires)
	}
}
