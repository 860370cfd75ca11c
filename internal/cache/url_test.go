package cache

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedisURLs(t *testing.T) {
	t.Parallel()
	type read struct {
		Addresses               []string
		User, Password          string
		Database                int
		TLS                     string // the name of the server
		Set, SentinelPassword   string
		SentinelTLS, Refreshing bool
	}
	for url, want := range map[string]read{
		"redis://localhost":             {Addresses: []string{"localhost:6379"}},
		"redis://anna:geheim@r:1234/5":  {Addresses: []string{"r:1234"}, User: "anna", Password: "geheim", Database: 5},
		"rediss://:geheim@r.example":    {Addresses: []string{"r.example:6379"}, Password: "geheim", TLS: "r.example"},
		"redis://a:1?addr=b:2&addr=c:3": {Addresses: []string{"a:1", "b:2", "c:3"}},
		"rediss://:geheim@s1:26379?addr=s2:26379&master_set=main": {
			Addresses: []string{"s1:26379", "s2:26379"}, Password: "geheim", TLS: "s1",
			Set: "main", SentinelPassword: "geheim", SentinelTLS: true, Refreshing: true,
		},
	} {
		option, err := clientOption(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := read{
			Addresses: option.InitAddress, User: option.Username, Password: option.Password, Database: option.SelectDB,
			Set: option.Sentinel.MasterSet, SentinelPassword: option.Sentinel.Password,
			SentinelTLS: option.Sentinel.TLSConfig != nil, Refreshing: option.Sentinel.TopologyRefreshInterval > 0,
		}
		if option.TLSConfig != nil {
			got.TLS = option.TLSConfig.ServerName
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", url, diff)
		}
	}
}
