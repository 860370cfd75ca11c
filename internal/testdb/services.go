package testdb

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// incomplete counts the tests that were skipped, or left something out, because a service is missing.
var incomplete atomic.Int64

// Service returns the address of a service that tests need: what the environment has under a name, such as TEST_REDIS_URL.
// Where it has none the test is skipped, unless CI=true: there it is a failure.
func Service(t testing.TB, variable string) string {
	t.Helper()
	if !HasService(t, variable) {
		t.Skipf("%s is not set: run it with make test", variable)
	}
	return os.Getenv(variable)
}

// Program returns the path of a program that tests start themselves. Where it is not installed the test is skipped as by
// Service.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacks(t, err.Error())
		t.Skipf("%v: run it with make test", err)
	}
	return path
}

// HasService is Service for a test that leaves something out instead of being skipped.
func HasService(t testing.TB, variable string) bool {
	t.Helper()
	if os.Getenv(variable) != "" {
		return true
	}
	lacks(t, variable+" is not set")
	return false
}

func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: run the tests with make test", what)
	}
	incomplete.Add(1)
}

// Main runs the tests of a package whose tests need services, and says in one line how many were without one. It does not
// return.
func Main(m *testing.M) {
	code := m.Run()
	if n := incomplete.Load(); n > 0 {
		notice(fmt.Sprintf("%d tests of %s need PostgreSQL or Redis: run them with make test\n", n, packageName()), code != 0)
	}
	os.Exit(code)
}

// packageName is the folder of the package, from the root of the repository: go test runs tests there.
func packageName() string {
	folder, err := os.Getwd()
	for root := folder; err == nil && root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			if name, err := filepath.Rel(root, folder); err == nil {
				return filepath.ToSlash(name)
			}
		}
	}
	return filepath.Base(folder)
}

// notice prints a line where somebody sees it. What a package prints whose tests pass is kept back by go test, unless it was
// asked for with -v or is the package in the present folder. So the line also goes to the standard error of the go command
// itself, if that is a terminal or a pipe: in a file it would be written over. There is such a way on Linux. A result from
// Go's cache prints nothing.
func notice(line string, failed bool) {
	fmt.Print(line)
	if failed || testing.Verbose() {
		return
	}
	process := fmt.Sprintf("/proc/%d/", os.Getppid())
	// #nosec G304 -- the path is made of a number
	if name, err := os.ReadFile(process + "comm"); err != nil || strings.TrimSpace(string(name)) != "go" {
		return
	}
	ours, err := os.Stdout.Stat()
	theirs, err2 := os.Stat(process + "fd/1")
	if err != nil || err2 != nil || os.SameFile(ours, theirs) { // nothing is kept back
		return
	}
	if info, err := os.Stat(process + "fd/2"); err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0 {
		return
	}
	out, err := os.OpenFile(process+"fd/2", os.O_WRONLY, 0) // #nosec G304 -- as above
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	_, _ = out.WriteString(line)
}
