package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much of a spool stays in memory.
const spoolMemory = 1 << 20

// errSpoolFull marks a failure to write to the temporary directory.
var errSpoolFull = errors.New("temporary file")

// spool keeps bytes between writing and reading them, the first megabyte in memory and the rest in a temporary file.
type spool struct {
	dir    string
	memory bytes.Buffer
	file   *os.File
	size   int64
}

func newSpool(dir string) *spool { return &spool{dir: dir} }

// Write appends p.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(p) <= spoolMemory {
		s.size += int64(len(p))
		return s.memory.Write(p)
	}
	if s.file == nil {
		file, err := tempFile(s.dir)
		if err != nil {
			return 0, err
		}
		s.file = file
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	return n, nil
}

// Size is how many bytes were written.
func (s *spool) Size() int64 { return s.size }

// Reader returns everything that was written, from the beginning. Nothing may be written after it.
func (s *spool) Reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes()), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(s.memory.Bytes()), s.file), nil
}

// Close gives the space back.
func (s *spool) Close() error {
	s.memory = bytes.Buffer{}
	if s.file == nil {
		return nil
	}
	return removeTemp(s.file)
}

// tempFile returns a file that has no name any more, so that nothing stays behind whatever happens. (Where the system
// does not remove open files, removeTemp does it.)
func tempFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "health-export-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	_ = os.Remove(file.Name())
	return file, nil
}

func removeTemp(file *os.File) error {
	err := file.Close()
	_ = os.Remove(file.Name())
	return err
}
