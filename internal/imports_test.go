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

// floorPlan says for every room which other rooms it may import. The same table, for people, is in
// docs/architecture.md. A room takes in its sub-folders, unless those have rows of their own.
var floorPlan = map[string][]string{
	"catalog":         {},
	"cache":           {"tracing"},
	"ui":              {},
	"connect":         {},
	"health":          {"catalog"},
	"format":          {"catalog", "health"},
	"export":          {"catalog", "health"},
	"store":           {"catalog", "health", "tracing"},
	"store/postgres":  {"catalog", "health", "store"},
	"store/sqlite":    {"catalog", "health", "store"},
	"store/storetest": {"catalog", "health", "store"},
	"access":          {"cache", "health", "store", "tracing"},
	"query":           {"cache", "catalog", "health", "store"},
	"quality":         {"catalog", "health", "query", "store"},
	"alert":           {"health", "store"},
	"ingest":          {"access", "cache", "catalog", "format", "health", "store", "tracing"},
	"job":             {"access", "alert", "cache", "health", "ingest", "quality", "query", "store", "tracing"},
	"mcp":             {"access", "catalog", "health", "query"},
	"server":          {"access", "alert", "cache", "catalog", "connect", "export", "format", "health", "ingest", "mcp", "query", "store", "tracing", "ui"},
	"tracing":         {"health"},
	"testlog":         {},
	"testdb":          {"store", "store/postgres", "store/sqlite"},
	"cmd/health-export": {
		"access", "alert", "cache", "catalog", "connect", "export", "format", "health", "ingest", "job", "mcp", "quality", "query",
		"server", "store", "store/postgres", "store/sqlite", "tracing", "ui",
	},
	"bench": {
		"access", "cache", "catalog", "format", "health", "ingest", "query", "server", "store", "store/postgres", "store/sqlite",
	},
}

// testsMayImport is what test files may import beside what their room may.
var testsMayImport = []string{"store/postgres", "store/sqlite", "store/storetest", "testdb", "testlog"}

// notBuiltYet are the rooms that have a place in the plan and no code so far.
var notBuiltYet = []string{"alert", "mcp", "quality", "ui"}

func TestRoomsImportWhatTheFloorPlanAllows(t *testing.T) {
	t.Parallel()
	faults, err := inspect(os.DirFS(".."), floorPlan, notBuiltYet)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestFloorPlanMakesSense(t *testing.T) {
	t.Parallel()
	for room, others := range floorPlan {
		if !slices.IsSorted(others) {
			t.Errorf("%s: the rooms it may import are not in order", room)
		}
		for _, other := range others {
			if _, ok := floorPlan[other]; !ok {
				t.Errorf("%s may import %s, which has no row", room, other)
			}
			if slices.Contains(floorPlan[other], room) {
				t.Errorf("%s and %s may import each other", room, other)
			}
		}
	}
	for _, room := range slices.Concat(notBuiltYet, testsMayImport) {
		if _, ok := floorPlan[room]; !ok {
			t.Errorf("%s has no row", room)
		}
	}
}

// The table that people read must be the one that is tested.
func TestArchitectureDocumentHasTheFloorPlan(t *testing.T) {
	t.Parallel()
	const file = "../docs/architecture.md"
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for room, others := range floorPlan {
		want[room] = strings.Join(others, ", ")
		if len(others) == 0 {
			want[room] = "nothing of ours"
		}
	}
	if diff := cmp.Diff(want, tableUnder(string(document), "| room |")); diff != "" {
		t.Errorf("%s differs from floorPlan (-plan +document):\n%s", file, diff)
	}
}

// tableUnder returns the first two cells of each row of the Markdown table whose header begins with the given text.
func tableUnder(document, header string) map[string]string {
	rows := map[string]string{}
	_, table, _ := strings.Cut(document, "\n"+header)
	for i, line := range strings.Split(table, "\n") {
		if i < 2 { // the rest of the header, and the rule
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

// inspect walks a module and returns what is not as the plan says.
func inspect(tree fs.FS, plan map[string][]string, unbuilt []string) (faults []string, err error) {
	built := map[string]bool{}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || name == "internal/imports_test.go", name == "internal/security_test.go":
			return nil
		}
		imports, err := ownImports(tree, name)
		if err != nil {
			return err
		}
		room, ok := roomOf(path.Dir(name), plan)
		if !ok {
			if room != "" || len(imports) > 0 {
				faults = append(faults, fmt.Sprintf("%s: %s has no row in the floor plan", name, path.Dir(name)))
			}
			return nil
		}
		built[room] = true
		for _, imported := range imports {
			other, ok := roomOf(imported, plan)
			if !ok || !mayImport(plan, room, other, strings.HasSuffix(name, "_test.go")) {
				faults = append(faults, fmt.Sprintf("%s: %s may not import %s", name, room, other))
			}
		}
		return nil
	})
	for _, room := range slices.Sorted(maps.Keys(plan)) {
		switch listed := slices.Contains(unbuilt, room); {
		case !built[room] && !listed:
			faults = append(faults, fmt.Sprintf("%s has a row in the floor plan and no code", room))
		case built[room] && listed:
			faults = append(faults, fmt.Sprintf("%s is built: take it off the list of those that are not", room))
		}
	}
	return faults, err
}

func mayImport(plan map[string][]string, room, other string, test bool) bool {
	return room == other || slices.Contains(plan[room], other) || test && slices.Contains(testsMayImport, other)
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

// roomOf returns the room that a folder belongs to. Where that has no row, ok is false, and room is how it would be
// called; it is "" for a folder outside internal, cmd and bench.
func roomOf(folder string, plan map[string][]string) (room string, ok bool) {
	name, inside := strings.CutPrefix(folder, "internal/")
	if !inside && folder != "bench" && !strings.HasPrefix(folder, "cmd/") {
		if folder == "internal" || folder == "cmd" {
			return folder, false
		}
		return "", false
	}
	for room := name; room != "."; room = path.Dir(room) {
		if _, ok := plan[room]; ok {
			return room, room == name || !hasRooms(room, plan)
		}
	}
	return name, false
}

// hasRooms reports whether sub-folders of a room have rows of their own; then each of them needs one.
func hasRooms(room string, plan map[string][]string) bool {
	for other := range plan {
		if strings.HasPrefix(other, room+"/") {
			return true
		}
	}
	return false
}

func TestInspectFindsFaults(t *testing.T) {
	t.Parallel()
	plan := map[string][]string{
		"health": {}, "store": {"health"}, "store/sqlite": {"health", "store"}, "testdb": {"store", "store/sqlite"},
		"format": {"health"}, "cmd/tool": {"store", "store/sqlite"}, "bench": {"store", "store/sqlite"},
	}
	sound := map[string]string{
		"internal/health/health.go":        "",
		"internal/store/store.go":          "internal/health",
		"internal/store/sqlite/sqlite.go":  "internal/store",
		"internal/testdb/testdb.go":        "internal/store/sqlite",
		"internal/format/format.go":        "internal/health",
		"internal/format/generator/gen.go": "internal/format",
		"internal/format/format_test.go":   "internal/testdb",
		"cmd/tool/main.go":                 "internal/store/sqlite",
		"bench/main.go":                    "internal/store/sqlite",
		"scripts/tool.go":                  "",
		"internal/format/testdata/x.go":    "internal/testdb",
		".cache/x.go":                      "internal/testdb",
	}
	for name, tt := range map[string]struct {
		file, imports string // added to the sound tree; no imports: the file is taken away
		unbuilt       []string
		want          []string
	}{
		"sound": {file: "internal/store/doc.go", imports: "internal/health"},
		"forbidden import": {
			file: "internal/health/x.go", imports: "internal/store",
			want: []string{"internal/health/x.go: health may not import store"},
		},
		"forbidden import of a sub-room": {
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
		"test rooms outside tests": {
			file: "cmd/tool/x.go", imports: "internal/testdb",
			want: []string{"cmd/tool/x.go: cmd/tool may not import testdb"},
		},
		"import of a room without a row": {
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
		"room without a row": {
			file: "internal/utils/x.go", imports: "internal/health",
			want: []string{"internal/utils/x.go: internal/utils has no row in the floor plan"},
		},
		"sub-room without a row": {
			file: "internal/store/mysql/x.go", imports: "internal/store",
			want: []string{"internal/store/mysql/x.go: internal/store/mysql has no row in the floor plan"},
		},
		"command without a row": {
			file: "cmd/other/main.go", imports: "internal/health",
			want: []string{"cmd/other/main.go: cmd/other has no row in the floor plan"},
		},
		"code outside the house": {
			file: "tools/x.go", imports: "internal/health",
			want: []string{"tools/x.go: tools has no row in the floor plan"},
		},
		"code between the rooms": {
			file: "internal/x.go", imports: "internal/health",
			want: []string{"internal/x.go: internal has no row in the floor plan"},
		},
		"row without code": {
			file: "cmd/tool/main.go",
			want: []string{"cmd/tool has a row in the floor plan and no code"},
		},
		"row without code, as known": {file: "cmd/tool/main.go", unbuilt: []string{"cmd/tool"}},
		"built, but listed": {
			file: "internal/store/doc.go", imports: "internal/health", unbuilt: []string{"format"},
			want: []string{"format is built: take it off the list of those that are not"},
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
				if imports != "" {
					source += "import _ \"" + module + "/" + imports + "\"\n"
				}
				tree[file] = &fstest.MapFile{Data: []byte(source)}
			}
			got, err := inspect(tree, plan, tt.unbuilt)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}
