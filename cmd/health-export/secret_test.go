package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretFromFile(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "database-url")
	write(t, file, "postgres://anna:geheim@localhost/health\n")

	got := printed(t, map[string]string{"DATABASE_URL_FILE": file})["database"]
	if got.Value != "postgres://anna:…@localhost/health" || got.From != "DATABASE_URL_FILE" {
		t.Errorf("database = %q from %q", got.Value, got.From)
	}
	write(t, ".env", "DATABASE_URL_FILE="+file+"\n")
	if got := printed(t, nil)["database"]; got.Value != "postgres://anna:…@localhost/health" || got.From != ".env" {
		t.Errorf("database = %q from %q", got.Value, got.From)
	}
	if got := printed(t, map[string]string{"DATABASE_URL": "sqlite:x.db"})["database"].Value; got != "sqlite:x.db" {
		t.Errorf("database = %q: the environment does not win over a file that .env names", got)
	}
	if got := printed(t, map[string]string{"HEALTH_EXPORT_LISTEN_FILE": file})["listen"].From; got != "default" {
		t.Errorf("listen comes from %q: what is no secret was read from a file", got)
	}
}

func TestSecretFromFileRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "database-url")
	write(t, file, "postgres://anna:geheim@localhost/health\n")
	for name, c := range map[string]struct {
		environment map[string]string
		want        string
	}{
		"no such file": {map[string]string{"DATABASE_URL_FILE": file + "x"}, "DATABASE_URL_FILE: open"},
		"both":         {map[string]string{"DATABASE_URL_FILE": file, "DATABASE_URL": "sqlite:x.db"}, "both DATABASE_URL and DATABASE_URL_FILE"},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), []string{"config", "print"}, c.environment, nil, &out, &errOut)
		if code != exitUsage || !strings.Contains(errOut.String(), c.want) || strings.Contains(errOut.String(), "geheim") {
			t.Errorf("%s: exit code %d, printed %q, want %q", name, code, errOut.String(), c.want)
		}
	}
}
