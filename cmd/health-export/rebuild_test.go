package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
)

func TestRebuild(t *testing.T) {
	t.Parallel()
	database := "sqlite:" + filepath.Join(t.TempDir(), "health.db")
	program := func(want int, args ...string) (out string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append(args, "--database", database), nil, nil, &stdout, &stderr); got != want {
			t.Fatalf("%v ended with %d, want %d: %s", args, got, want, stderr.String())
		}
		return stdout.String()
	}
	program(exitOK, "user", "create", "ada@example.org")
	program(exitOK, "user", "create", "bob@example.org")
	var all []printedRebuild
	if err := json.Unmarshal([]byte(program(exitOK, "rebuild", "--json")), &all); err != nil || len(all) != 2 {
		t.Fatalf("rebuilt %+v, error %v", all, err)
	}
	one := []printedRebuild{}
	if err := json.Unmarshal([]byte(program(exitOK, "rebuild", "--user", "BOB@example.org", "--json")), &one); err != nil ||
		len(one) != 1 || one[0].Email != "bob@example.org" {
		t.Fatalf("rebuilt %+v, error %v", one, err)
	}
	program(exitNotFound, "rebuild", "--user", "eve@example.org")
}
