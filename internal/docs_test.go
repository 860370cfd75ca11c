package internal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// decisionFile is the file name of an architecture decision record.
var decisionFile = regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)

// TestDecisionsAreNumbered compares the file name of every record in docs/adr with its heading, and the index with both.
func TestDecisionsAreNumbered(t *testing.T) {
	t.Parallel()
	files, err := fs.ReadDir(os.DirFS("../docs"), "adr")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, file := range files {
		name := file.Name()
		if name == "README.md" {
			continue
		}
		parts := decisionFile.FindStringSubmatch(name)
		if parts == nil {
			t.Errorf("docs/adr/%s: the name of a record is four digits and lower-case words, joined by hyphens", name)
			continue
		}
		content, err := os.ReadFile(path.Join("../docs/adr", name))
		if err != nil {
			t.Fatal(err)
		}
		number, _ := strconv.Atoi(parts[1])
		title, numbered := strings.CutPrefix(firstLine(content), fmt.Sprintf("# %d. ", number))
		if number != len(want)+1 || !numbered {
			t.Errorf("docs/adr/%s: record number %d in order has the heading %q", name, len(want)+1, firstLine(content))
		}
		want = append(want, fmt.Sprintf("%d. [%s](%s)", number, title, name))
	}
	index, err := os.ReadFile("../docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`(?m)^\d+\. .*$`).FindAllString(string(index), -1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/adr/README.md differs from the records (-records +index):\n%s", diff)
	}
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	faults, err := brokenLinks(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	t.Parallel()
	got, err := brokenLinks(fstest.MapFS{
		"README.md": {Data: []byte("[here](docs/a.md#two-words), [site](https://example.org/x.md), [gone](docs/b.md)\n" +
			"`[code](nowhere.md)`\n```\n[code](nowhere.md)\n```\n[up](#top) [ADR 9](docs/adr/0010-x.md)\n")},
		"docs/a.md":                {Data: []byte("# Top\n## Two `words`\n[back](../README.md) [folder](adr/) [no](../README.md#none)\n")},
		"docs/adr/0010-x.md":       {Data: []byte("[adr/0009](0010-x.md) [10](0010-x.md) [ADR 10](0010-x.md) [adr/0010](0010-x.md)\n")},
		"node_modules/x/README.md": {Data: []byte("[gone](gone.md)\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"README.md: docs/b.md does not exist",
		"README.md: there is no heading for #top",
		"README.md: the link [ADR 9] leads to docs/adr/0010-x.md",
		"docs/a.md: there is no heading for ../README.md#none",
		"docs/adr/0010-x.md: the link [adr/0009] leads to 0010-x.md",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var (
	codeInMarkdown    = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]*`")
	linkInMarkdown    = regexp.MustCompile(`\[([^\[\]]*)\]\(([^()\s]+)\)`)
	headingInMarkdown = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	fenceInMarkdown   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	// numberedLink is a link text that names the number of a record.
	numberedLink = regexp.MustCompile(`^(?i:adr[ /]?|decision )?0*(\d+)$`)
)

// brokenLinks returns the links in Markdown files whose file or heading does not exist, and links to a decision record
// whose text names another number. Links to other sites are not followed.
func brokenLinks(root fs.FS) (faults []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		for _, link := range linkInMarkdown.FindAllSubmatch(codeInMarkdown.ReplaceAll(text, []byte("`code`")), -1) {
			if fault := checkLink(root, name, string(link[1]), string(link[2])); fault != "" {
				faults = append(faults, name+": "+fault)
			}
		}
		return nil
	})
	return faults, err
}

func checkLink(root fs.FS, from, text, target string) (fault string) {
	if strings.Contains(target, ":") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	full := from
	if file != "" {
		full = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(root, full); err != nil {
		return file + " does not exist"
	}
	if anchor != "" && !hasHeading(root, full, anchor) {
		return "there is no heading for " + target
	}
	record, number := decisionFile.FindStringSubmatch(path.Base(file)), numberedLink.FindStringSubmatch(text)
	if record != nil && number != nil && strings.TrimLeft(record[1], "0") != number[1] {
		return fmt.Sprintf("the link [%s] leads to %s", text, target)
	}
	return ""
}

// hasHeading reports whether a Markdown file has a heading with the anchor that GitHub gives it.
func hasHeading(root fs.FS, name, anchor string) bool {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return false
	}
	for _, heading := range headingInMarkdown.FindAllSubmatch(fenceInMarkdown.ReplaceAll(text, nil), -1) {
		if anchorOf(heading[1]) == anchor {
			return true
		}
	}
	return false
}

// anchorOf returns the anchor of a heading: lower case, blanks as hyphens, without punctuation.
func anchorOf(heading []byte) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAll(bytes.ToLower(bytes.TrimSpace(heading)), nil)
	return strings.ReplaceAll(string(kept), " ", "-")
}

// codeInGlossary is a type, or another exported name, that the glossary says a word stands for.
var codeInGlossary = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)`")

// TestGlossaryNamesTheCode looks for every package.Name of the glossary in the code.
func TestGlossaryNamesTheCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	names := codeInGlossary.FindAllStringSubmatch(string(text), -1)
	if len(names) < 20 {
		t.Errorf("the glossary names %d types: it is read wrongly", len(names))
	}
	for _, name := range names {
		if !declares(t, name[1], name[2]) {
			t.Errorf("docs/glossary.md: %s does not exist", name[0])
		}
	}
}

// declares reports whether a package of internal declares an exported name.
func declares(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range tree.Decls {
			if declaresName(declaration, name) {
				return true
			}
		}
	}
	return false
}

func declaresName(declaration ast.Decl, name string) bool {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		return d.Recv == nil && d.Name.Name == name
	case *ast.GenDecl:
		return slices.ContainsFunc(d.Specs, func(spec ast.Spec) bool {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				return s.Name.Name == name
			case *ast.ValueSpec:
				return slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.Name == name })
			}
			return false
		})
	}
	return false
}

// testInDocument is the name of a test, as documents cite it as a proof.
var testInDocument = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")

func TestCitedTestsExist(t *testing.T) {
	t.Parallel()
	tests := testsOf(t, "..")
	for document, text := range documents(t) {
		for _, name := range testInDocument.FindAllStringSubmatch(text, -1) {
			if !tests[name[1]] {
				t.Errorf("%s: %s does not exist", document, name[1])
			}
		}
	}
}

// fileInDocument is the path of a file or folder of the repository, as documents name it.
var fileInDocument = regexp.MustCompile("`((?:bench|clients|cmd|deploy|docs|internal|scripts)/[\\w./-]+)`")

func TestNamedFilesExist(t *testing.T) {
	t.Parallel()
	for document, text := range documents(t) {
		for _, name := range fileInDocument.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(name[1], "deploy/secrets/") || name[1] == "deploy/.env" { // written by an operator
				continue
			}
			if _, err := os.Stat(filepath.Join("..", name[1])); err != nil {
				t.Errorf("%s: %s does not exist", document, name[1])
			}
		}
	}
}

// documents returns the texts of all documents by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no documents, error %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	return texts
}
