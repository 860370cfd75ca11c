package main

import (
	"strings"
	"testing"
)

func TestUserSleep(t *testing.T) {
	t.Parallel()
	database := "sqlite:" + t.TempDir() + "/health.db"
	if code, _, errOut := tool(t, database, "user", "create", "anna@example.org"); code != exitOK {
		t.Fatal(errOut)
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{nil, "180"},
		{[]string{"--gap", "2h30m"}, "150"},
		{[]string{"--json"}, `"gap_minutes":150`},
		{[]string{"--gap", "0"}, "0"},
	} {
		code, out, errOut := tool(t, database, append([]string{"user", "sleep", "anna@example.org"}, step.args...)...)
		if out = strings.ReplaceAll(out, " ", ""); code != exitOK || !strings.Contains(out, step.want) {
			t.Errorf("%v: exit code %d, prints %s%s, want %s", step.args, code, out, errOut, step.want)
		}
	}
	for _, gap := range []string{"13h", "-1m", "90s"} {
		if code, _, _ := tool(t, database, "user", "sleep", "anna@example.org", "--gap", gap); code == exitOK {
			t.Errorf("a gap of %s is set", gap)
		}
	}
}
