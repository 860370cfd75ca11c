//go:build ignore

// Command vulndb writes .ci/vulndb.tgz anew: the part of the Go vulnerability database (https://vuln.go.dev, CC-BY-4.0)
// that is about the modules of go.mod and the standard library. Run it in the root of the repository:
//
//	go run scripts/vulndb.go                  from the network
//	go run scripts/vulndb.go -from FOLDER     from an unpacked copy
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	source = "https://vuln.go.dev/vulndb.zip"
	target = ".ci/vulndb.tgz"
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
	return pack(files)
}

func read(database fs.FS, name string, into any) error {
	content, err := fs.ReadFile(database, name)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// pack writes the files in order, so that the same database makes the same archive.
func pack(files map[string][]byte) error {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var packed bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, name := range names {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return err
		}
		if _, err := archive.Write(files[name]); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d vulnerabilities, %d KiB\n", target, len(files)-3, packed.Len()>>10)
	return os.WriteFile(target, packed.Bytes(), 0o644)
}
