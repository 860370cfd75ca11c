package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for name, tt := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"direct":                        {"192.0.2.1:4711", nil, "192.0.2.1"},
		"direct, IPv6":                  {"[2001:db9::1%eth0]:4711", nil, "2001:db9::1"},
		"mapped":                        {"[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
		"Unix socket":                   {"@", nil, "invalid IP"},
		"untrusted with a header":       {"192.0.2.1:4711", []string{"198.51.100.1"}, "192.0.2.1"},
		"behind a proxy":                {"10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		"the client made up a part":     {"10.0.0.1:80", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"behind two proxies":            {"10.0.0.1:80", []string{"203.0.113.9, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"in several headers":            {"10.0.0.1:80", []string{"203.0.113.9", "198.51.100.1", "2001:db8::7"}, "198.51.100.1"},
		"with ports":                    {"[2001:db8::1]:80", []string{"[2001:db9::5]:99, 10.0.0.2:8080"}, "2001:db9::5"},
		"all are proxies":               {"10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"rubbish":                       {"10.0.0.1:80", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"empty":                         {"10.0.0.1:80", []string{""}, "10.0.0.1"},
		"an address that is not UTF-8":  {"10.0.0.1:80", []string{"\xff"}, "10.0.0.1"},
		"a proxy that is not the first": {"192.0.2.1:1", []string{"10.0.0.1"}, "192.0.2.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		r.Header["X-Forwarded-For"] = tt.forwarded
		if got := clientAddress(r, trusted).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// A proxy that is trusted must not make all of its clients share one fate.
func TestFailuresBehindAProxyAreThrottledOneByOne(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	stranger := newAPI(t).ada().key
	var last answer
	for range 21 {
		last = a.get("/v1/me", stranger, "X-Forwarded-For", "198.51.100.1")
	}
	last.refused(http.StatusTooManyRequests, "too_many_failures")
	if wait := last.header.Get("Retry-After"); wait == "" || wait == "0" {
		t.Errorf("Retry-After is %q", wait)
	}
	a.get("/v1/me", stranger, "X-Forwarded-For", "198.51.100.2").refused(http.StatusUnauthorized, "unknown_key")
	a.get("/v1/me", a.ada().key, "X-Forwarded-For", "198.51.100.2").wants(http.StatusOK)
}
