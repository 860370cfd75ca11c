package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryRiskHasAProof reads docs/security.md: every risk must name a test. That the tests exist is checked by
// TestCitedTestsExist.
func TestEveryRiskHasAProof(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	risks := 0
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| API") {
			risks++
			if !testInDocument.MatchString(line) {
				t.Errorf("no test proves: %s", line)
			}
		}
	}
	if risks != 10 {
		t.Errorf("docs/security.md has %d risks of 10", risks)
	}
}

// testsOf returns the names of all tests, fuzz targets and benchmarks below a folder.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// speakHTTP are the packages that may send or answer HTTP requests: no other package fetches a URL from a request or a body.
var speakHTTP = []string{"alert", "mcp", "server", "ui"}

func TestNothingBelowTheServerSpeaksHTTP(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		pkg, _, _ := strings.Cut(path.Dir(name), "/")
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"net/http"` && !slices.Contains(speakHTTP, pkg) {
				t.Errorf("%s imports net/http", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// logsElsewhere are the tests that do not log through testlog: its own, those of spans in log lines, and benchmarks.
var logsElsewhere = []string{"internal/testlog/testlog_test.go", "internal/tracing/tracing_test.go", "internal/server/benchmark_test.go"}

// Every test logs through testlog, which fails the test if the log has a secret or a value that was sent. So the whole suite
// searches for leaks.
func TestTestsLogWhereLeaksAreFound(t *testing.T) {
	t.Parallel()
	handlers := regexp.MustCompile(`slog\.(DiscardHandler|NewTextHandler\(|NewJSONHandler\(|Default\(|SetDefault\()`)
	seen := 0
	for _, folder := range []string{"internal", "cmd"} {
		err := fs.WalkDir(os.DirFS(".."), folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") || name == "internal/security_test.go" {
				return err
			}
			text, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				return err
			}
			if strings.Contains(string(text), "testlog.") {
				seen++
			}
			if found := handlers.Find(text); found != nil && !slices.Contains(logsElsewhere, name) {
				t.Errorf("%s makes a logger with %s; use testlog.Logger, which searches it for leaks", name, found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 10 {
		t.Errorf("only %d files of tests log through testlog", seen)
	}
}
