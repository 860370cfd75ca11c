//go:build ignore

// Command vulndb writes .ci/vulndb anew: the part of the Go vulnerability database (https://vuln.go.dev, CC-BY-4.0) that is
// about the modules of go.mod and the standard library. Run it in the root of the repository:
//
//	go run scripts/vulndb.go                  from the network
//	go run scripts/vulndb.go -from FOLDER     from an unpacked copy
package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	source = "https://vuln.go.dev/vulndb.zip"
	target = ".ci/vulndb"
)

type module struct {
	Path  string `json:"path"`
	Vulns []struct {
		ID       string `json:"id"`
		Modified string `json:"modified"`
		Fixed    string `json:"fixed,omitempty"`
	} `json:"vulns"`
}

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "folder with an unpacked copy of the database; empty for the network")
	flag.Parse()
	database, err := open(*from)
	if err == nil {
		err = write(database)
	}
	if err != nil {
		log.Fatal("vulndb: ", err)
	}
}

func open(folder string) (fs.FS, error) {
	if folder != "" {
		return os.DirFS(folder), nil
	}
	answer, err := http.Get(source)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", source, answer.Status)
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(content), int64(len(content)))
}

func write(database fs.FS) error {
	listed, err := exec.Command("go", "list", "-m", "-f", "{{.Path}}", "all").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	used := append(strings.Fields(string(listed)), "stdlib", "toolchain")
	var modules []module
	if err := read(database, "index/modules.json", &modules); err != nil {
		return err
	}
	modules = slices.DeleteFunc(modules, func(m module) bool { return !slices.Contains(used, m.Path) })
	kept := map[string]bool{}
	for _, m := range modules {
		for _, v := range m.Vulns {
			kept[v.ID] = true
		}
	}
	var vulns []map[string]any
	if err := read(database, "index/vulns.json", &vulns); err != nil {
		return err
	}
	vulns = slices.DeleteFunc(vulns, func(v map[string]any) bool { return !kept[v["id"].(string)] })
	files := map[string][]byte{}
	if files["index/modules.json"], err = json.Marshal(modules); err != nil {
		return err
	}
	if files["index/vulns.json"], err = json.Marshal(vulns); err != nil {
		return err
	}
	if files["index/db.json"], err = fs.ReadFile(database, "index/db.json"); err != nil {
		return err
	}
	for id := range kept {
		name := "ID/" + id + ".json"
		if files[name], err = fs.ReadFile(database, name); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(target, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %d vulnerabilities\n", target, len(kept))
	return nil
}

func read(database fs.FS, name string, into any) error {
	content, err := fs.ReadFile(database, name)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}
