package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// printed runs config print and returns the settings by key.
func printed(t *testing.T, environment map[string]string, args ...string) map[string]printedSetting {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := run(t.Context(), append([]string{"config", "print", "--json"}, args...), environment, nil, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var list []printedSetting
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	byKey := map[string]printedSetting{}
	for _, s := range list {
		byKey[s.Key] = s
	}
	return byKey
}

func TestSettingsLayers(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "health-export.toml")
	write(t, file, "listen = \"1.1.1.1:1\"\n[ingest]\nwait = \"1s\"\nmax_body = \"1MiB\"\nconcurrency = 3\n")
	write(t, ".env", "HEALTH_EXPORT_LISTEN=2.2.2.2:2\nHEALTH_EXPORT_INGEST_WAIT=2s\n")
	environment := map[string]string{"HEALTH_EXPORT_CONFIG": file, "HEALTH_EXPORT_LISTEN": "3.3.3.3:3"}

	got := printed(t, environment, "--metrics-listen", "off")
	for key, want := range map[string][2]string{
		"listen":             {"3.3.3.3:3", "HEALTH_EXPORT_LISTEN"},
		"ingest.wait":        {"2s", ".env"},
		"ingest.max_body":    {"1MiB", file},
		"ingest.concurrency": {"3", file},
		"metrics_listen":     {"off", "--metrics-listen"},
		"log.level":          {"info", "default"},
	} {
		if got[key].Value != want[0] || got[key].From != want[1] {
			t.Errorf("%s = %q from %q, want %q from %q", key, got[key].Value, got[key].From, want[0], want[1])
		}
	}
	if got := printed(t, environment, "--listen", "4.4.4.4:4")["listen"].Value; got != "4.4.4.4:4" {
		t.Errorf("listen = %q: a flag does not win over the environment", got)
	}
}

func TestSettingsHideThePassword(t *testing.T) {
	t.Chdir(t.TempDir())
	got := printed(t, nil, "--database", "postgres://anna:geheim@localhost/health")["database"].Value
	if strings.Contains(got, "geheim") || !strings.Contains(got, "anna:…@localhost/health") {
		t.Errorf("database is printed as %q", got)
	}
}

func TestSettingsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "bad.toml")
	write(t, file, "lissen = \"1.1.1.1:1\"\n")
	for name, c := range map[string]struct {
		environment map[string]string
		args        []string
		want        string
	}{
		"unknown setting": {nil, []string{"--config", file}, `"lissen" is not a setting`},
		"missing file":    {nil, []string{"--config", file + "x"}, "no such file"},
		"not a duration":  {map[string]string{"HEALTH_EXPORT_INGEST_WAIT": "soon"}, nil, "ingest.wait (from HEALTH_EXPORT_INGEST_WAIT)"},
		"not a size":      {map[string]string{"HEALTH_EXPORT_INGEST_MAX_BODY": "-1"}, nil, "is not a size such as 200MiB"},
		"not a level":     {nil, []string{"--log-level", "loud"}, "is none of debug, info, warn, error"},
		"unknown flag":    {nil, []string{"--listn", "x"}, "unknown flag"},
		"not a format":    {nil, []string{"--log-format", "xml"}, "is none of json, text"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := run(t.Context(), append([]string{"config", "print"}, c.args...), c.environment, nil, &out, &errOut)
			if code == exitOK || !strings.Contains(errOut.String(), c.want) {
				t.Errorf("exit code %d, printed %q, want a failure that says %q", code, errOut.String(), c.want)
			}
		})
	}
}

// The example file must name every variable and its default, so that it cannot fall behind.
func TestEnvExampleIsComplete(t *testing.T) {
	example, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range newSettings(map[string]string{"HOME": "$HOME"}).list {
		line := "#" + s.variable + "=" + s.initial + "\n"
		if !strings.Contains(string(example), line) {
			t.Errorf(".env.example lacks the line %q", line)
		}
	}
	for _, variable := range []string{"TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_REDIS_CLUSTER_URL"} {
		if !strings.Contains(string(example), "\n#"+variable+"=\n") {
			t.Errorf(".env.example lacks %s", variable)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
