package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/testdb"
)

func TestCacheCommandsWithoutRedis(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		url  string
		code int
		want string
	}{
		{"", exitUsage, "memory of the server process"},
		{"localhost", exitUsage, "rediss://"},
		{"redis://127.0.0.1:1", exitUnavailable, "Redis does not answer"},
	} {
		for _, command := range []string{"stats", "flush"} {
			var out, errOut bytes.Buffer
			code := run(t.Context(), []string{"cache", command, "--redis", c.url}, nil, nil, &out, &errOut)
			if code != c.code || !strings.Contains(errOut.String(), c.want) {
				t.Errorf("cache %s --redis %q: exit code %d, %s", command, c.url, code, errOut.String())
			}
		}
	}
}

func TestCacheStats(t *testing.T) {
	url := testdb.Service(t, "TEST_REDIS_URL")
	t.Chdir(t.TempDir())
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"cache", "stats", "--json"}, map[string]string{"REDIS_URL": url}, nil, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var stats cache.Stats
	if err := json.Unmarshal(out.Bytes(), &stats); err != nil || stats.Nodes != 1 || stats.Memory == 0 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

func TestLimitsSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newSettings(map[string]string{
		"HEALTH_EXPORT_LIMITS_DEFAULT_INGEST_BYTES": "20MiB", "HEALTH_EXPORT_LIMITS_BULK_READS": "0",
		"HEALTH_EXPORT_LIMITS_BULK_INGEST_BYTES": "0",
	})
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.addFlags(flags)
	if err := s.load(flags); err != nil {
		t.Fatal(err)
	}
	want := access.DefaultAllowances()
	want["default"] = access.Allowance{IngestRequests: 100, IngestBytes: 20 << 20, Reads: 1000}
	want["bulk"] = access.Allowance{IngestRequests: 2000}
	if diff := cmp.Diff(want, s.allowances()); diff != "" {
		t.Error(diff)
	}
}
