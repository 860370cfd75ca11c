package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

// limited starts a server whose keys may do little, by a clock that the test sets.
func limited(t *testing.T, a access.Allowance) (*api, *time.Time) {
	now := time.Now()
	limits := access.NewLimits(access.LimitOptions{
		Allowances: map[string]access.Allowance{access.TierDefault: a}, Now: func() time.Time { return now },
	})
	return newAPI(t, func(c *Config) { c.Limits = limits }), &now
}

// balances are the headers of the limits, in the order limit, remaining, reset.
func (a answer) balances() (requests, bytes string) {
	read := func(prefix string) string {
		return strings.Join([]string{a.header.Get(prefix + "Limit"), a.header.Get(prefix + "Remaining"), a.header.Get(prefix + "Reset")}, " ")
	}
	return read("X-RateLimit-"), read("X-RateLimit-Bytes-")
}

func (a answer) wantsBalances(requests, bytes string) answer {
	a.t.Helper()
	if gotRequests, gotBytes := a.balances(); gotRequests != requests || gotBytes != bytes {
		a.t.Errorf("balances %q and %q, want %q and %q", gotRequests, gotBytes, requests, bytes)
	}
	return a
}

func TestLimitsOfRequests(t *testing.T) {
	t.Parallel()
	a, now := limited(t, access.Allowance{IngestRequests: 2, IngestBytes: 1000, Reads: 1})
	ada := a.ada()
	left := func(bodies int) string { return "1000 " + strconv.Itoa(1000-bodies*len(bodyOfAda)) + " 3600" }
	post := func(body string) answer { return a.do("POST", "/v1/ingest", ada.key, body) }

	post(bodyOfAda).wants(200).wantsBalances("2 1 3600", left(1))
	a.get("/v1/me", ada.key).wants(200).wantsBalances("1 0 3600", left(1))
	refused := a.get("/v1/metrics", ada.key)
	refused.refused(429, "rate_limited")
	refused.wantsBalances("1 0 3600", left(1))
	post(bodyOfAda).wants(200).wantsBalances("2 0 3600", left(2))

	*now = now.Add(1799 * time.Second)
	refused = post(bodyOfAda)
	refused.refused(429, "rate_limited")
	if wait := refused.header.Get("Retry-After"); wait != "1801" {
		t.Errorf("Retry-After: %s", wait)
	}
	*now = now.Add(1800 * time.Second)
	post(bodyOfAda).refused(429, "rate_limited")
	*now = now.Add(time.Second)
	post(bodyOfAda).wants(200).wantsBalances("2 1 3600", left(1))
}

func TestLimitsOfBytes(t *testing.T) {
	t.Parallel()
	a, now := limited(t, access.Allowance{IngestRequests: 100, IngestBytes: 600, Reads: 100})
	ada := a.ada()
	body := func(size int) string { return `{"data":{}}` + strings.Repeat(" ", size-11) }
	post := func(size int) answer { return a.do("POST", "/v1/ingest", ada.key, body(size)) }

	never := post(601)
	if p := never.refused(413, "body_exceeds_allowance"); !strings.Contains(p.Detail, "tier bulk") {
		t.Errorf("the problem names no tier: %s", p.Detail)
	}
	if never.header.Get("Retry-After") != "" {
		t.Error("waiting would not help")
	}
	post(400).wants(200).wantsBalances("100 99 3600", "600 200 3600")
	*now = now.Add(time.Minute)
	wait := post(201)
	wait.refused(429, "rate_limited")
	if got := wait.header.Get("Retry-After"); got != "3540" {
		t.Errorf("Retry-After: %s", got)
	}
	post(200).wants(200).wantsBalances("100 98 3600", "600 0 3600")
	a.do("POST", "/v1/ingestions/"+unknownID.String()+"/replay", ada.key, "").wants(404).wantsBalances("100 97 3600", "600 0 3600")
}

// A body without a length is charged as it comes, and its balance is told when it is known.
func TestLimitsOfABodyWithoutALength(t *testing.T) {
	t.Parallel()
	a, _ := limited(t, access.Allowance{IngestRequests: 100, IngestBytes: 300_000, Reads: 100})
	ada := a.ada()
	chunked := func(size int) *http.Response {
		body := `{"data":{}}` + strings.Repeat(" ", size-11)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/ingest", io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-API-Key", ada.key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	if r := chunked(100_000); r.StatusCode != 200 || r.Header.Get("X-RateLimit-Bytes-Remaining") != "200000" {
		t.Errorf("%d with %s bytes left", r.StatusCode, r.Header.Get("X-RateLimit-Bytes-Remaining"))
	}
	if r := chunked(200_001); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	if r := chunked(200_000); r.StatusCode != 200 || r.Header.Get("X-RateLimit-Bytes-Remaining") != "0" {
		t.Errorf("%d with %s bytes left", r.StatusCode, r.Header.Get("X-RateLimit-Bytes-Remaining"))
	}
}

// unreadBody is a body that nobody may read.
type unreadBody struct{ t *testing.T }

func (u unreadBody) Read([]byte) (int, error) {
	u.t.Error("the body was sent")
	return 0, io.ErrUnexpectedEOF
}

// A body whose length does not fit is refused before it is sent, to a client that waits for that.
func TestABodyThatDoesNotFitIsNotRead(t *testing.T) {
	t.Parallel()
	a, _ := limited(t, access.Allowance{IngestRequests: 100, IngestBytes: 300_000, Reads: 100})
	ada := a.ada()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/v1/ingest", unreadBody{t})
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 300_001
	request.Header.Set("X-API-Key", ada.key)
	request.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A body is charged what it weighs on the wire, not what is in it.
func TestACompressedBodyIsChargedItsSizeOnTheWire(t *testing.T) {
	t.Parallel()
	a, _ := limited(t, access.Allowance{IngestRequests: 100, IngestBytes: 3000, Reads: 100})
	ada := a.ada()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, `{"data":{}}`+strings.Repeat(" ", 100_000))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	body := packed.String()
	a.do("POST", "/v1/ingest", ada.key, body, "Content-Encoding", "gzip").wants(200).
		wantsBalances("100 99 3600", "3000 "+strconv.Itoa(3000-len(body))+" 3600")
}

func TestUnlimitedKeysAndHealthChecksHaveNoLimits(t *testing.T) {
	t.Parallel()
	a, _ := limited(t, access.Allowance{IngestRequests: 1, IngestBytes: 1, Reads: 1})
	ada := a.ada()
	_, key, err := a.authenticator.CreateKey(t.Context(), access.NewKey{
		UserID: ada.user.ID, Name: "all", Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: access.TierUnlimited,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.do("POST", "/v1/ingest", key, bodyOfAda).wants(200).wantsBalances("  ", "  ")
		a.get("/v1/me", key).wants(200)
	}
	for range 400 { // more than an address may ask for
		a.get("/health", "").wants(200).wantsBalances("  ", "  ")
	}
}

func TestReadyReportsRedis(t *testing.T) {
	t.Parallel()
	for want, failure := range map[string]error{"ok": nil, "unreachable": errors.New("gone")} {
		a := newAPI(t, func(c *Config) { c.PingRedis = func(context.Context) error { return failure } })
		var got struct {
			Checks map[string]string `json:"checks"`
			Status string            `json:"status"`
		}
		a.get("/ready", "").wants(200).into(&got)
		if got.Checks["redis"] != want || got.Checks["database"] != "ok" || got.Status != "ready" {
			t.Errorf("checks %v, want redis %s", got.Checks, want)
		}
	}
}

func TestAddressesWithoutAKeyAreLimited(t *testing.T) {
	t.Parallel()
	a, now := limited(t, access.Allowance{IngestRequests: 1, IngestBytes: 1000, Reads: 1})
	ada := a.ada()
	refused := false
	for i := 0; i < 1000 && !refused; i++ {
		refused = a.get("/nothing/here", "").status == http.StatusTooManyRequests
	}
	if !refused {
		t.Fatal("an address may ask for ever")
	}
	a.get("/openapi.json", "").refused(429, "rate_limited")
	a.get("/ready", "").wants(200)
	a.get("/v1/me", ada.key).wants(200)
	*now = now.Add(time.Minute)
	a.get("/openapi.json", "").wants(200)
}
