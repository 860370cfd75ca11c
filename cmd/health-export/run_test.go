package main

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	database := newDatabase(t)
	tool := func(args ...string) (int, string) {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--database", database), nil, nil, &out, &errOut)
		return code, errOut.String()
	}
	if code, text := tool("user", "create", "anna@example.org"); code != exitOK {
		t.Fatal(text)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"user", "create", "ANNA@example.org"}, exitConflict, "address"},
		{[]string{"user", "create", "notmail"}, exitUsage, "email address"},
		{[]string{"user", "create", "b@example.org", "--time-zone", "Mars/X"}, exitUsage, "time zone"},
		{[]string{"user", "create"}, exitUsage, "accepts 1 arg"},
		{[]string{"key", "create", "--user", "nobody@example.org", "--name", "x"}, exitNotFound, "nobody@example.org"},
		{[]string{"key", "create", "--user", "anna@example.org"}, exitUsage, "name"},
		{[]string{"key", "create", "--user", "anna@example.org", "--name", "x", "--tier", "zzz"}, exitUsage, "tier"},
		{[]string{"key", "create", "--user", "anna@example.org", "--name", "x", "--expires", "2020-01-01"}, exitUsage, ""},
		{[]string{"key", "create", "--user", "anna@example.org", "--name", "x", "--scopes", "foo"}, exitUsage, "scope"},
		{[]string{"key", "revoke", "nothing", "--user", "anna@example.org"}, exitNotFound, ""},
		{[]string{"frobnicate"}, exitUsage, "unknown command"},
		{[]string{"config", "print", "--config", "none.toml"}, exitUsage, "none.toml"},
	} {
		code, text := tool(c.args...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%v: exit code %d, want %d; printed %s", c.args, code, c.code, text)
		}
		if strings.Contains(text, "constraint") || strings.Contains(text, "SQL") {
			t.Errorf("%v: a driver's words reach the person: %s", c.args, text)
		}
	}
}

// A port that is taken must be noticed before anything is made, and the right flag named.
func TestMetricsPortTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{
		"serve", "--database", "sqlite:" + filepath.Join(t.TempDir(), "x.db"), "--listen", "127.0.0.1:0",
		"--metrics-listen", taken.Addr().String(),
	}, nil, nil, &out, &errOut)
	if code != exitFailed || !strings.Contains(errOut.String(), "--metrics-listen") || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q and %q", code, out.String(), errOut.String())
	}
}
