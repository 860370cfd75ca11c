package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/health-export/health-export/internal/testdb"
)

// twoInstances starts two servers on one PostgreSQL and one Redis. Both have a key of the tier default.
func twoInstances(t *testing.T) [2]*instance {
	t.Helper()
	redis := testdb.Service(t, "TEST_REDIS_URL")
	database := testdb.EmptyPostgresURL(t)
	one, _, _ := start(t, database, "REDIS_URL", redis)
	two, _, _ := start(t, database, "REDIS_URL", redis)
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{
		"key", "create", "--user", firstUser, "--name", "iPhone", "--json", "--database", database,
	}, nil, nil, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var made printedKey
	if err := json.Unmarshal(out.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	one.key, two.key = made.Key, made.Key
	return [2]*instance{one, two}
}

// stepsOfDay is what the summary of a day says.
func (i *instance) stepsOfDay(day string) float64 {
	i.t.Helper()
	_, summary := i.call("GET", "/v1/summary?date="+day, "")
	metrics, _ := summary["metrics"].(map[string]any)
	activity, _ := metrics["activity"].(map[string]any)
	steps, _ := activity["step_count"].(map[string]any)
	value, _ := steps["value"].(float64)
	return value
}

// What was sent to one instance is read from the other at once, although both remember their answers.
func TestInstancesSeeEachOthersWrites(t *testing.T) {
	servers := twoInstances(t)
	for n := 1; n <= 20; n++ {
		if status, report := servers[n%2].call("POST", "/v1/ingest", steps(n, "2026-03-10")); status != http.StatusOK {
			t.Fatalf("ingest answered %d %v", status, report)
		}
		for which, s := range servers {
			for range 2 { // found, and remembered
				if got := s.stepsOfDay("2026-03-10"); got != float64(n) {
					t.Errorf("after %d steps were sent to server %d, server %d says %v", n, n%2, which, got)
				}
			}
		}
	}
}

func TestInstancesCountRequestsTogether(t *testing.T) {
	servers := twoInstances(t)
	allowed := 0
	for n := range 110 {
		if status, _ := servers[n%2].call("POST", "/v1/ingest", `{"data":{}}`); status == http.StatusOK {
			allowed++
		}
	}
	// A Redis that is too busy to answer in time is done without: that request is counted by one instance alone.
	if alone := servers[0].redisErrors() + servers[1].redisErrors(); allowed < 100 || allowed > 100+alone {
		t.Errorf("%d requests were allowed, want 100; Redis did not answer %d times", allowed, alone)
	}
}

// redisErrors is how often Redis did not answer a server, as its metrics say.
func (i *instance) redisErrors() (errors int) {
	i.t.Helper()
	for _, found := range regexp.MustCompile(`(?m)^health_export_redis_errors_total\{.*\} (\d+)$`).FindAllStringSubmatch(i.scrape(), -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			i.t.Fatal(err)
		}
		errors += n
	}
	return errors
}
