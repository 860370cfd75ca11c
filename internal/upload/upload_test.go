package upload

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/spool"
)

func TestDirKeepsItsName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "imports")
	first, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil || first.Name() == "" || again.Name() != first.Name() {
		t.Errorf("opened as %q and %q, error %v", first.Name(), again.Name(), err)
	}
	none, err := Open("")
	if err != nil || none.Name() != "" || !errors.Is(none.Available(), problem.Unavailable) || first.Available() != nil {
		t.Errorf("no directory is %+v, error %v", none, err)
	}
	if _, err := Open(filepath.Join(path, nameFile)); !errors.Is(err, problem.Unavailable) {
		t.Errorf("a directory that is a file: %v", err)
	}
}

func TestReceive(t *testing.T) {
	t.Parallel()
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	user, whole, broken := uuid.New(), uuid.New(), uuid.New()
	if err := d.Receive(user, whole, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	file, err := d.Open(user, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || string(got) != "content" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := d.Receive(user, whole, strings.NewReader("")); err != nil {
		t.Errorf("received again: %v", err)
	}
	d.Remove(user, whole)
	if err := d.Receive(user, broken, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, spool.ErrDisk) {
		t.Errorf("a body that breaks off: %v", err)
	}
	for _, id := range []uuid.UUID{whole, broken} {
		if _, err := d.Open(user, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is a file: %v", err)
		}
	}
	if entries, err := os.ReadDir(d.path); err != nil || len(entries) != 1 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	user, now := uuid.New(), time.Now()
	unfinished := uuid.New()
	kept := map[string]bool{} // by path
	add := func(id uuid.UUID, suffix string, age time.Duration, keep bool) {
		path := d.file(user, id) + suffix
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		kept[path] = keep
	}
	add(uuid.New(), partial, 48*time.Hour, false)
	add(uuid.New(), partial, time.Hour, true)
	add(uuid.New(), "", 48*time.Hour, false)
	add(uuid.New(), "", time.Hour, true)
	add(unfinished, "", 48*time.Hour, true)
	d.Sweep(now, func(_, id uuid.UUID) bool { return id == unfinished })
	for path, keep := range kept {
		if _, err := os.Stat(path); (err == nil) != keep {
			t.Errorf("%s: %v, want it kept: %t", filepath.Base(path), err, keep)
		}
	}
}
