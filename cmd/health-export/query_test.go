package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/operation"
)

// Every operation that runs is a command, and answers with the JSON of the HTTP API.
func TestQueryCommand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "query.db")
	tool := func(args ...string) (int, string, string) {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--database", "sqlite:"+path), nil, nil, &out, &errOut)
		return code, out.String(), errOut.String()
	}
	if code, _, text := tool("user", "create", "anna@example.org", "--time-zone", "Europe/Berlin"); code != exitOK {
		t.Fatal(text)
	}
	storeSteps(t, path)
	code, out, text := tool("query", "getSeries", "--user", "anna@example.org", "--name", "step_count", "--start", "2026-03-10", "--end", "2026-03-11")
	if code != exitOK || !strings.Contains(out, `"metric":"step_count"`) || !strings.Contains(out, `"sum":12`) {
		t.Errorf("exit code %d: %s%s", code, out, text)
	}
	for _, refused := range []struct {
		args []string
		code int
	}{
		{[]string{"getSeries", "--user", "anna@example.org"}, exitUsage},
		{[]string{"getSeries", "--user", "anna@example.org", "--name", "step_count", "--start", "yesterday"}, exitUsage},
		{[]string{"getSeries", "--user", "anna@example.org", "--name", "step_count", "--buckets", "1d"}, exitUsage},
		{[]string{"getSeries", "--user", "anna@example.org", "--name", "no_such_metric"}, exitNotFound},
		{[]string{"getWorkout", "--user", "anna@example.org", "--id", "none"}, exitNotFound},
		{[]string{"listMetrics", "--user", "bob@example.org"}, exitNotFound},
		{[]string{"listMetrics"}, exitUsage},
	} {
		if code, out, text := tool(append([]string{"query"}, refused.args...)...); code != refused.code || text == "" {
			t.Errorf("%v: exit code %d, not %d: %s%s", refused.args, code, refused.code, out, text)
		}
	}
	table, err := operation.New(operation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, help, _ := tool("query", "--help")
	for _, o := range table.Operations() {
		if strings.Contains(help, "\n  "+o.Name+" ") != (o.Run != nil) {
			t.Errorf("the help lists %s: %t", o.Name, o.Run == nil)
		}
	}
}
