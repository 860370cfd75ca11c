// Package upload keeps uploads to be imported as files in a directory until they have been processed.
package upload

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/spool"
)

// Dir is the import directory. It has a name of its own, so that of several servers the one whose directory holds a file
// imports it. The zero value is no directory.
type Dir struct {
	path string
	name string
}

// nameFile holds the name of the directory.
const nameFile = "name"

// Open opens the directory at path and creates it if it is not there. "" stands for no directory. Unavailable: it cannot
// be written to.
func Open(path string) (Dir, error) {
	if path == "" {
		return Dir{}, nil
	}
	d := Dir{path: path}
	err := os.MkdirAll(path, 0o700)
	if err == nil {
		err = d.loadName()
	}
	if err != nil {
		return Dir{}, problem.New(problem.Unavailable, "no_import_directory",
			"The directory for uploads cannot be written to. Create it, or name another one in import.dir.").Because(err)
	}
	return d, nil
}

// Available returns an error of kind Unavailable if there is no directory.
func (d Dir) Available() error {
	if d.path == "" {
		return problem.New(problem.Unavailable, "no_import_directory",
			"This server takes no imports: it has no directory for them. Name one in import.dir.")
	}
	return nil
}

// Name returns the directory's own name; "" where there is no directory.
func (d Dir) Name() string { return d.name }

// loadName reads the name, and gives the directory one if it has none. Of two processes that do so at the same time the
// first one's name stays.
func (d *Dir) loadName() error {
	path := filepath.Join(d.path, nameFile)
	fresh, err := os.CreateTemp(d.path, nameFile+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.WriteString(uuid.NewString())
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if err := os.Link(fresh.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(d.path); err != nil {
		return err
	}
	name, err := os.ReadFile(path) // #nosec G304 -- the operator configures the directory
	if err == nil && len(name) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	d.name = string(name)
	return err
}

func (d Dir) file(user, ingestion uuid.UUID) string {
	return filepath.Join(d.path, user.String()+"_"+ingestion.String())
}

// partial is the suffix of a file that is still being received.
const partial = ".part"

// Receive reads a body to its end into the file of an ingestion. When it returns nil the file is durable; otherwise there
// is none. A failure to write is marked as spool.ErrDisk, any other error is that of body.
func (d Dir) Receive(user, ingestion uuid.UUID, body io.Reader) (err error) {
	path := d.file(user, ingestion)
	file, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the ids of user and ingestion in the server's directory
	if err != nil {
		return spool.DiskError(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + partial)
		}
	}()
	if _, err := io.Copy(diskWriter{file}, body); err != nil {
		return errors.Join(err, file.Close())
	}
	err = errors.Join(file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(path+partial, path)
	}
	if err == nil {
		err = syncDir(d.path)
	}
	if err != nil {
		return spool.DiskError(err)
	}
	return nil
}

// Open opens the file of an ingestion. The error is fs.ErrNotExist where it is gone.
func (d Dir) Open(user, ingestion uuid.UUID) (*os.File, error) {
	return os.Open(d.file(user, ingestion))
}

// Remove deletes the file of an ingestion.
func (d Dir) Remove(user, ingestion uuid.UUID) { _ = os.Remove(d.file(user, ingestion)) }

// abandonedAfter is how long a file is kept that nobody writes to, or whose ingestion is not unfinished: the ingestion may
// be about to be recorded.
const abandonedAfter = 24 * time.Hour

// Sweep removes what a crash has left: partial uploads, and files whose ingestion was never recorded or is finished,
// which unfinished reports.
func (d Dir) Sweep(now time.Time, unfinished func(user, ingestion uuid.UUID) bool) {
	if d.path == "" {
		return
	}
	entries, _ := os.ReadDir(d.path)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.Name() == nameFile || now.Sub(info.ModTime()) < abandonedAfter {
			continue
		}
		userText, idText, _ := strings.Cut(strings.TrimSuffix(entry.Name(), partial), "_")
		user, errUser := uuid.Parse(userText)
		id, errID := uuid.Parse(idText)
		if errUser != nil || errID != nil || !strings.HasSuffix(entry.Name(), partial) && unfinished(user, id) {
			continue
		}
		_ = os.Remove(filepath.Join(d.path, entry.Name()))
	}
}

// diskWriter marks errors of writing, to distinguish them from those of the body that is read.
type diskWriter struct{ io.Writer }

func (w diskWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = spool.DiskError(err)
	}
	return n, err
}

// syncDir makes new names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- the operator configures the directory
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) { // systems that cannot sync a directory
		err = nil
	}
	return errors.Join(err, dir.Close())
}
