package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const configurationFile = "../../docs/configuration.md"

// docs/configuration.md is made from the table of settings: go test ./cmd/health-export -run ConfigurationDocument -update
func TestConfigurationDocument(t *testing.T) {
	want := configurationDocument()
	if *update {
		if err := os.WriteFile(configurationFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, read(t, configurationFile)); diff != "" {
		t.Errorf("docs/configuration.md does not fit the table of settings; run this test with -update (-want +have):\n%s", diff)
	}
}

// The file that the document shows must be valid.
func TestConfigurationExample(t *testing.T) {
	_, example, _ := strings.Cut(configurationPreface, "```toml\n")
	example, _, _ = strings.Cut(example, "```")
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "health-export.toml")
	write(t, file, example)
	got := printed(t, nil, "--config", file)
	for key, want := range map[string]string{"listen": "0.0.0.0:8080", "ingest.max_body": "100MiB", "limits.default.ingest_requests": "500"} {
		if got[key].Value != want || got[key].From != file {
			t.Errorf("%s is %+v, want %s", key, got[key], want)
		}
	}
}

const configurationPreface = `# Configuration

<!-- Made from cmd/health-export/config.go by: go test ./cmd/health-export -run ConfigurationDocument -update -->

Nothing has to be configured. What is in force comes from, in this order: the flag, the environment, the file ` + "`.env`" + ` in the
working directory, a TOML file, the default. ` + "`health-export config print`" + ` shows every setting, its value and where that
comes from; a name that is not in the list below is refused. ` + "`.env.example`" + ` is the same list to be copied.

The TOML file is named by ` + "`--config` or `HEALTH_EXPORT_CONFIG`" + `; the part of a key before its last dot is a table:

` + "```toml" + `
listen = "0.0.0.0:8080"

[ingest]
max_body = "100MiB"

[limits.default]
ingest_requests = 500
` + "```" + `

- A duration is a number with a unit: ` + "`90s`, `5m`, `1h30m`" + `. A size is in ` + "`KiB`, `MiB` or `GiB`" + `. Lists are separated by commas.
- A secret may be in a file, which the name of its variable with ` + "`_FILE`" + ` behind it names: ` + "`DATABASE_URL_FILE=/run/secrets/database-url`" + `.
  It is read when the program starts.
- A change is in force after a restart. Only the files of a certificate are read again when they change, and the level of the log
  can be changed while the server runs ([monitoring](operations/monitoring.md)).
- Of Go's own variables, ` + "`GOMEMLIMIT`" + ` (` + "`900MiB`" + `) keeps the program's memory below a limit, and ` + "`GOGC`" + ` is 50 unless it is set.

| variable | key in TOML | flag | default | what it is |
|---|---|---|---|---|
`

func configurationDocument() string {
	var b strings.Builder
	b.WriteString(configurationPreface)
	for _, s := range newSettings(map[string]string{"XDG_DATA_HOME": "~/.local/share"}).list {
		variable, flag, initial := "`"+s.variable+"`", "", ""
		if s.secret {
			variable += ", `" + s.variable + "_FILE`"
		}
		if s.flag != "" {
			flag = "`--" + s.flag + "`"
		}
		if s.initial != "" {
			initial = "`" + s.initial + "`"
		}
		b.WriteString("| " + strings.Join([]string{variable, "`" + s.key + "`", flag, initial, strings.ReplaceAll(s.usage, "|", `\|`)}, " | ") + " |\n")
	}
	return b.String()
}
