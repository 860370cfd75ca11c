package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// newUser makes a user in a new database.
func newUser(t *testing.T, database string) {
	t.Helper()
	if code, _, errOut := tool(t, database, "user", "create", "anna@example.org"); code != exitOK {
		t.Fatal(errOut)
	}
}

func TestConnect(t *testing.T) {
	t.Chdir(t.TempDir())
	database := newDatabase(t)
	newUser(t, database)
	code, out, errOut := tool(t, database, "connect", "--user", "anna@example.org", "--json")
	var made printedConnection
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errOut)
	}
	if made.URL != "http://127.0.0.1:8080" || !strings.Contains(made.Warning, "--listen 0.0.0.0:8080") || len(made.Automations) != 4 ||
		!strings.Contains(made.Automations[0].Link, "headers=X-API-Key,"+made.Key.Key+"&") || len(made.Key.Scopes) != 1 || made.Key.Scopes[0] != "ingest" {
		t.Errorf("printed %s", out)
	}
	code, out, errOut = tool(t, database, "connect", "--user", "anna@example.org", "--public-url", "https://health.example.org/")
	if code != exitOK || strings.Count(out, "com.HealthExport://automation?url=https%3A%2F%2Fhealth.example.org%2Fv1%2Fingest&") != 4 || errOut != "" {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	if before, _, _ := strings.Cut(out, "\x1b["); !strings.Contains(before, "four automations") || !strings.Contains(before, "4. The workouts") {
		t.Errorf("what the codes do is not explained before the first of them:\n%s", before)
	}
	for widest := range strings.Lines(out) {
		if n := strings.Count(widest, "") - 2; n > 80 && !strings.HasPrefix(widest, "\x1b[") && !strings.HasPrefix(widest, "com.") && !strings.Contains(widest, "The phone will") {
			t.Errorf("a line of %d columns: %s", n, widest)
		}
		if n := strings.Count(widest, "") - 1; strings.HasPrefix(widest, "\x1b[") && n > 80+len("\x1b[30;47m\x1b[0m\n") {
			t.Errorf("a QR code is %d columns wide", n)
		}
	}
	if _, out, _ := tool(t, database, "key", "list", "--user", "anna@example.org"); strings.Count(out, "phone") != 2 {
		t.Errorf("two calls made these keys:\n%s", out)
	}
	for want, args := range map[int][]string{
		exitNotFound: {"--user", "nobody@example.org"},
		exitUsage:    {"--user", "anna@example.org", "--url", "nowhere"},
	} {
		if code, _, errOut := tool(t, database, append([]string{"connect"}, args...)...); code != want {
			t.Errorf("%v: exit code %d, want %d: %s", args, code, want, errOut)
		}
	}
	if code, _, _ := tool(t, database, "connect", "--user", "anna@example.org", "--data", "dreams"); code != exitUsage {
		t.Errorf("exit code %d for what the app does not send", code)
	}
}

// examined runs doctor and returns what it found, by check; of several the worst.
func examined(t *testing.T, database string, args ...string) (code int, found map[string]checkResult) {
	t.Helper()
	code, out, errOut := tool(t, database, append([]string{"doctor", "--json"}, args...)...)
	var list []checkResult
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	found = map[string]checkResult{}
	for _, c := range list {
		if (c.Advice == "") != (c.Condition == statusOK) || c.Finding == "" {
			t.Errorf("%+v", c)
		}
		if had, ok := found[c.Check]; !ok || had.Condition == statusOK {
			found[c.Check] = c
		}
	}
	return code, found
}

func TestDoctor(t *testing.T) {
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			server, _, _ := start(t, database)
			address := strings.TrimPrefix(server.url, "http://")
			code, found := examined(t, database, "--listen", address, "--metrics-listen", "off")
			for check, want := range map[string]string{
				"database": "the schema is up to date", "redis": "none is configured", "clocks": "differs", "ingestions": "0 bodies", "listen": "the server listens",
			} {
				if c := found[check]; c.Condition != statusOK || !strings.Contains(c.Finding, want) {
					t.Errorf("%s: %+v, want %q", check, c, want)
				}
			}
			if code != exitOK {
				t.Errorf("exit code %d: %+v", code, found)
			}
			if kind != "postgres" {
				return
			}
			// The server prepares its partitions while it answers already.
			for deadline := time.Now().Add(20 * time.Second); found["partitions"].Condition != statusOK; _, found = examined(t, database, "--listen", address) {
				if time.Now().After(deadline) {
					t.Fatalf("%+v", found["partitions"])
				}
			}
			if found["extensions"].Condition != statusOK {
				t.Errorf("%+v", found["extensions"])
			}
		})
	}
}

func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	database := "sqlite:" + filepath.Join(dir, "health.db")
	if _, found := examined(t, database, "--listen", "127.0.0.1:0", "--metrics-listen", "off"); found["database"].Condition != statusWarning {
		t.Errorf("before the first start: %+v", found["database"])
	}
	if _, err := os.Stat(filepath.Join(dir, "health.db")); err == nil {
		t.Error("the doctor has made a database")
	}
	newUser(t, database)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() { // a server that closes every connection
		for {
			conn, err := other.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	if runtime.GOOS != "windows" {
		if err := os.Chmod(filepath.Join(dir, "health.db"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, found := examined(t, database, "--listen", other.Addr().String(), "--metrics-listen", "127.0.0.1:0")
	if code != exitFailed || found["listen"].Condition != statusFailure || found["metrics"].Condition != statusOK {
		t.Errorf("exit code %d, %+v, %+v", code, found["listen"], found["metrics"])
	}
	if runtime.GOOS != "windows" && (found["permissions"].Condition != statusWarning || !strings.Contains(found["permissions"].Advice, "chmod 600")) {
		t.Errorf("%+v", found["permissions"])
	}
	write(t, filepath.Join(dir, "garbage.db"), strings.Repeat("no database at all ", 100))
	if code, found := examined(t, "sqlite:"+filepath.Join(dir, "garbage.db"), "--listen", "127.0.0.1:0"); code != exitFailed || found["database"].Condition != statusFailure {
		t.Errorf("a file that is no database: exit code %d, %+v", code, found["database"])
	}
	if code, found := examined(t, "postgres://nobody@127.0.0.1:1/none", "--listen", "127.0.0.1:0"); code != exitFailed || found["database"].Condition != statusFailure {
		t.Errorf("no server: exit code %d, %+v", code, found["database"])
	}
}
