package internal_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/health-export/health-export"

// allowedImports says for every package which other packages it may import, and does: an edge that no file needs is a
// fault too. docs/architecture.md has the same table for people. A package takes in its sub-folders, unless those have
// rows of their own.
var allowedImports = map[string][]string{
	"catalog":         {},
	"problem":         {},
	"account":         {"problem"},
	"health":          {},
	"aggregate":       {"catalog", "health", "problem"},
	"format":          {"catalog", "health", "problem"},
	"export":          {"account", "catalog", "health", "problem"},
	"connect":         {},
	"tracing":         {"problem"},
	"cache":           {"tracing"},
	"store":           {"account", "aggregate", "health"},
	"store/backend":   {"aggregate", "catalog", "health", "problem", "store", "tracing"},
	"store/postgres":  {"account", "aggregate", "catalog", "health", "problem", "store", "store/backend"},
	"store/sqlite":    {"account", "aggregate", "catalog", "health", "problem", "store", "store/backend"},
	"store/storetest": {"account", "aggregate", "catalog", "health", "problem", "store"},
	"access":          {"account", "cache", "problem", "store", "tracing"},
	"query":           {"account", "aggregate", "cache", "catalog", "health", "problem", "store"},
	"operation":       {"access", "account", "cache", "health", "problem", "query"},
	"spool":           {},
	"assemble":        {"catalog", "health", "spool"},
	"upload":          {"problem", "spool"},
	"ingest": {
		"access", "account", "assemble", "cache", "catalog", "format", "health", "problem", "spool", "store", "tracing",
		"upload",
	},
	"job":      {"tracing"},
	"delivery": {"problem", "store"},
	"server": {
		"access", "account", "aggregate", "catalog", "connect", "export", "health", "ingest", "operation", "problem",
		"query", "store", "tracing",
	},
	"testdb":    {"store", "store/postgres", "store/sqlite"},
	"testlog":   {},
	"phonetest": {},
	"cmd/health-export": {
		"access", "account", "cache", "catalog", "connect", "delivery", "export", "health", "ingest", "job", "operation",
		"problem", "query", "server", "store", "store/postgres", "store/sqlite", "tracing",
	},
	"bench": {
		"access", "account", "catalog", "format", "health", "ingest", "operation", "query", "server", "store",
		"store/postgres", "store/sqlite",
	},
}

// testsMayImport is what test files may import beside what their package may.
var testsMayImport = []string{"store/postgres", "store/sqlite", "store/storetest", "testdb", "testlog"}

// testImports is what the test files of one package import besides.
var testImports = map[string][]string{
	"delivery":          {"account"},
	"server":            {"cache"},
	"phonetest":         {"account", "catalog", "health", "ingest", "query", "store"},
	"cmd/health-export": {"format"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	faults, err := inspect(os.DirFS(".."), allowedImports, testImports)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestAllowedImportsMakeSense(t *testing.T) {
	t.Parallel()
	for pkg, others := range allowedImports {
		if !slices.IsSorted(others) {
			t.Errorf("%s: the packages it may import are not in order", pkg)
		}
		for _, other := range others {
			if _, ok := allowedImports[other]; !ok {
				t.Errorf("%s may import %s, which has no row", pkg, other)
			}
			if slices.Contains(allowedImports[other], pkg) {
				t.Errorf("%s and %s may import each other", pkg, other)
			}
		}
	}
	for _, pkg := range testsMayImport {
		if _, ok := allowedImports[pkg]; !ok {
			t.Errorf("%s has no row", pkg)
		}
	}
}

// The table that people read must be the one that is tested.
func TestArchitectureDocumentHasTheImports(t *testing.T) {
	t.Parallel()
	const file = "../docs/architecture.md"
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for pkg, others := range allowedImports {
		want[pkg] = strings.Join(others, ", ")
		if len(others) == 0 {
			want[pkg] = "none"
		}
	}
	if diff := cmp.Diff(want, tableUnder(string(document), "| package |")); diff != "" {
		t.Errorf("%s differs from allowedImports (-allowed +document):\n%s", file, diff)
	}
}

// tableUnder returns the first two cells of each row of the Markdown table whose header begins with the given text.
func tableUnder(document, header string) map[string]string {
	rows := map[string]string{}
	_, table, _ := strings.Cut(document, "\n"+header)
	for i, line := range strings.Split(table, "\n") {
		if i < 2 { // the remaining cells of the header, and the rule under it
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			break
		}
		rows[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
	}
	return rows
}

// inspect walks a module and returns where it differs from the table of allowed imports.
func inspect(tree fs.FS, allowed, inTests map[string][]string) (faults []string, err error) {
	type edge struct{ pkg, other string }
	built, used, usedInTests := map[string]bool{}, map[edge]bool{}, map[edge]bool{}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || path.Dir(name) == "internal" && strings.HasSuffix(name, "_test.go"):
			return nil
		}
		imports, err := ownImports(tree, name)
		if err != nil {
			return err
		}
		pkg, ok := packageOf(path.Dir(name), allowed)
		if !ok {
			if pkg != "" || len(imports) > 0 {
				faults = append(faults, fmt.Sprintf("%s: %s has no row in allowedImports", name, path.Dir(name)))
			}
			return nil
		}
		built[pkg] = true
		for _, imported := range imports {
			other, ok := packageOf(imported, allowed)
			may := ok && (pkg == other || slices.Contains(allowed[pkg], other))
			if strings.HasSuffix(name, "_test.go") {
				may = may || ok && (slices.Contains(testsMayImport, other) || slices.Contains(inTests[pkg], other))
				usedInTests[edge{pkg, other}] = true
			} else {
				used[edge{pkg, other}] = true
			}
			if !may {
				faults = append(faults, fmt.Sprintf("%s: %s may not import %s", name, pkg, other))
			}
		}
		return nil
	})
	for _, pkg := range slices.Sorted(maps.Keys(allowed)) {
		if !built[pkg] {
			faults = append(faults, fmt.Sprintf("%s has a row in allowedImports and no code", pkg))
			continue
		}
		for _, other := range allowed[pkg] {
			if !used[edge{pkg, other}] {
				faults = append(faults, fmt.Sprintf("%s does not import %s: take it out of allowedImports", pkg, other))
			}
		}
		for _, other := range inTests[pkg] {
			if !usedInTests[edge{pkg, other}] || used[edge{pkg, other}] {
				faults = append(faults, fmt.Sprintf("%s does not import %s in tests alone: take it out of testImports", pkg, other))
			}
		}
	}
	return faults, err
}

// ownImports returns the folders of this module that a file imports, from the module's root.
func ownImports(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if folder, ok := strings.CutPrefix(imported, module); ok && (folder == "" || folder[0] == '/') {
			folders = append(folders, strings.TrimPrefix(folder, "/"))
		}
	}
	return folders, nil
}

// packageOf returns the row of allowedImports that a folder belongs to. Where there is none, ok is false, and pkg is the
// name that such a row would have; it is "" for a folder outside internal, cmd and bench.
func packageOf(folder string, allowed map[string][]string) (pkg string, ok bool) {
	name, inside := strings.CutPrefix(folder, "internal/")
	if !inside && folder != "bench" && !strings.HasPrefix(folder, "cmd/") {
		if folder == "internal" || folder == "cmd" {
			return folder, false
		}
		return "", false
	}
	for pkg := name; pkg != "."; pkg = path.Dir(pkg) {
		if _, ok := allowed[pkg]; ok {
			return pkg, pkg == name || !hasSubPackages(pkg, allowed)
		}
	}
	return name, false
}

// hasSubPackages reports whether sub-folders of a package have rows of their own; then each of them needs one.
func hasSubPackages(pkg string, allowed map[string][]string) bool {
	for other := range allowed {
		if strings.HasPrefix(other, pkg+"/") {
			return true
		}
	}
	return false
}

func TestInspectFindsFaults(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"catalog": {}, "health": {}, "store": {"health"}, "store/sqlite": {"health", "store"}, "testdb": {"store", "store/sqlite"},
		"format": {"health"}, "cmd/tool": {"store", "store/sqlite"}, "bench": {"store", "store/sqlite"},
	}
	inTests := map[string][]string{"health": {"catalog"}}
	sound := map[string]string{
		"internal/health/health.go":        "",
		"internal/store/store.go":          "internal/health",
		"internal/store/sqlite/sqlite.go":  "internal/health internal/store",
		"internal/testdb/testdb.go":        "internal/store internal/store/sqlite",
		"internal/format/format.go":        "internal/health",
		"internal/health/health_test.go":   "internal/catalog",
		"internal/catalog/catalog.go":      "",
		"internal/format/generator/gen.go": "internal/format",
		"internal/format/format_test.go":   "internal/testdb internal/health",
		"cmd/tool/main.go":                 "internal/store internal/store/sqlite",
		"bench/main.go":                    "internal/store internal/store/sqlite",
		"scripts/tool.go":                  "",
		"internal/format/testdata/x.go":    "internal/testdb",
		".cache/x.go":                      "internal/testdb",
	}
	for name, tt := range map[string]struct {
		file, imports string // added to the sound tree, with imports between blanks; no imports: the file is taken away
		want          []string
	}{
		"sound": {file: "internal/store/doc.go", imports: "internal/health"},
		"forbidden import": {
			file: "internal/health/x.go", imports: "internal/store",
			want: []string{"internal/health/x.go: health may not import store"},
		},
		"forbidden import of a sub-package": {
			file: "internal/format/x.go", imports: "internal/store/sqlite",
			want: []string{"internal/format/x.go: format may not import store/sqlite"},
		},
		"forbidden import in a sub-folder": {
			file: "internal/format/generator/x.go", imports: "internal/store",
			want: []string{"internal/format/generator/x.go: format may not import store"},
		},
		"forbidden import in a test": {
			file: "internal/health/x_test.go", imports: "internal/format",
			want: []string{"internal/health/x_test.go: health may not import format"},
		},
		"test packages outside tests": {
			file: "cmd/tool/x.go", imports: "internal/testdb",
			want: []string{"cmd/tool/x.go: cmd/tool may not import testdb"},
		},
		"import of a package without a row": {
			file: "internal/format/x.go", imports: "internal/utils",
			want: []string{"internal/format/x.go: format may not import utils"},
		},
		"forbidden import of the benchmark": {
			file: "bench/x.go", imports: "internal/testdb",
			want: []string{"bench/x.go: bench may not import testdb"},
		},
		"import of the benchmark": {
			file: "cmd/tool/x.go", imports: "bench",
			want: []string{"cmd/tool/x.go: cmd/tool may not import bench"},
		},
		"package without a row": {
			file: "internal/utils/x.go", imports: "internal/health",
			want: []string{"internal/utils/x.go: internal/utils has no row in allowedImports"},
		},
		"sub-package without a row": {
			file: "internal/store/mysql/x.go", imports: "internal/store",
			want: []string{"internal/store/mysql/x.go: internal/store/mysql has no row in allowedImports"},
		},
		"command without a row": {
			file: "cmd/other/main.go", imports: "internal/health",
			want: []string{"cmd/other/main.go: cmd/other has no row in allowedImports"},
		},
		"code outside internal, cmd and bench": {
			file: "tools/x.go", imports: "internal/health",
			want: []string{"tools/x.go: tools has no row in allowedImports"},
		},
		"code in internal itself": {
			file: "internal/x.go", imports: "internal/health",
			want: []string{"internal/x.go: internal has no row in allowedImports"},
		},
		"edge that nothing uses": {
			file: "cmd/tool/main.go", imports: "internal/store/sqlite",
			want: []string{"cmd/tool does not import store: take it out of allowedImports"},
		},
		"edge that only a test uses": {
			file: "internal/format/format.go",
			want: []string{"format does not import health: take it out of allowedImports"},
		},
		"edge of tests that the package uses": {
			file: "internal/health/health.go", imports: "internal/catalog",
			want: []string{
				"internal/health/health.go: health may not import catalog",
				"health does not import catalog in tests alone: take it out of testImports",
			},
		},
		"edge of tests that nothing uses": {
			file: "internal/health/health_test.go",
			want: []string{"health does not import catalog in tests alone: take it out of testImports"},
		},
		"row without code": {
			file: "cmd/tool/main.go",
			want: []string{"cmd/tool has a row in allowedImports and no code"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(sound)
			files[tt.file] = tt.imports
			if tt.imports == "" {
				delete(files, tt.file)
			}
			tree := fstest.MapFS{}
			for file, imports := range files {
				source := "package x\n"
				for imported := range strings.FieldsSeq(imports) {
					source += "import _ \"" + module + "/" + imported + "\"\n"
				}
				tree[file] = &fstest.MapFile{Data: []byte(source)}
			}
			got, err := inspect(tree, allowed, inTests)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}
