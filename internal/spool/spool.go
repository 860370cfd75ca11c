// Package spool holds bytes between writing and reading them: the first megabyte in memory, the rest in a temporary
// file that has no name.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxMemory is how much of a spool stays in memory.
const maxMemory = 1 << 20

// ErrDisk marks a failure to create or write a file of this server's own: most often there is no space left.
var ErrDisk = errors.New("temporary file")

// DiskError returns err marked as ErrDisk.
func DiskError(err error) error { return fmt.Errorf("%w: %w", ErrDisk, err) }

// Spool is a buffer that is written first and read afterwards.
type Spool struct {
	dir    string
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// New returns an empty spool whose temporary file, if it needs one, is in dir; "" is the system's directory. The caller
// closes it.
func New(dir string) *Spool { return &Spool{dir: dir} }

// Write appends p.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(p) <= maxMemory {
		s.size += int64(len(p))
		return s.memory.Write(p)
	}
	if s.file == nil {
		file, err := TempFile(s.dir)
		if err != nil {
			return 0, err
		}
		s.file = file
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	if err != nil {
		return n, DiskError(err)
	}
	return n, nil
}

// Size returns how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Reader returns everything that was written, from the beginning. Nothing may be written after it is called.
func (s *Spool) Reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes()), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(s.memory.Bytes()), s.file), nil
}

// Close frees the memory and the disk space.
func (s *Spool) Close() error {
	s.memory = bytes.Buffer{}
	if s.file == nil {
		return nil
	}
	return RemoveTemp(s.file)
}

// TempFile returns a temporary file that has no name any more, so that nothing is left on disk even after a crash.
// RemoveTemp closes it.
func TempFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "health-export-*")
	if err != nil {
		return nil, DiskError(err)
	}
	_ = os.Remove(file.Name())
	return file, nil
}

// RemoveTemp closes a file of TempFile, and removes it on systems that cannot remove an open file.
func RemoveTemp(file *os.File) error {
	err := file.Close()
	_ = os.Remove(file.Name())
	return err
}
