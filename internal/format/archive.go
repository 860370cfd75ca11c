package format

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/flate"

	"github.com/health-export/health-export/internal/problem"
)

// Bounds of archives. Apple's exports reach 4 GB, unpack to ten to thirty times their size, and have a file for every
// workout with a route.
const (
	maxMembers  = 1_000_000
	maxUnpacked = 64 << 30
	maxRatio    = 200      // of the unpacked size to the size of the archive …
	ratioFrom   = 64 << 20 // … for unpacked sizes above this
)

// readAheadFrom is the size of a file from which unpacking it ahead of its reader is worth its cost.
const readAheadFrom = 4 << 20

// Archive is a zip file with the files of a body. Nothing of it is written to disk. Files may be read concurrently.
type Archive struct {
	// ReadAhead, if not nil, wraps large files that are opened, so that they are unpacked while what was unpacked
	// before is decoded. The reader it returns closes the one it was given.
	ReadAhead func(io.ReadCloser) io.ReadCloser

	members     []*zip.File
	byName      map[string]*zip.File
	openedBytes atomic.Int64
	readBytes   atomic.Int64
}

// IsArchive reports whether a body that begins with head is an archive.
func IsArchive(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// OpenArchive reads the directory of an archive of size bytes. Invalid: it is not an archive or is truncated, unpacks
// to more than is plausible for its size (a zip bomb), or has names outside of its directory.
func OpenArchive(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, brokenArchive(err)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	a := &Archive{byName: map[string]*zip.File{}}
	if len(z.File) > maxMembers {
		return nil, archiveTooLarge()
	}
	unpacked := uint64(0)
	for _, f := range z.File {
		name := slashName(f)
		if !safeName(name) {
			return nil, problem.New(problem.Invalid, "unsafe_archive",
				"The archive holds a file whose name leads out of it. Send the archive as the phone made it.")
		}
		if f.UncompressedSize64 > maxUnpacked {
			return nil, archiveTooLarge()
		}
		if unpacked += f.UncompressedSize64; unpacked > maxUnpacked || unpacked > ratioFrom && unpacked/maxRatio > uint64(size) {
			return nil, archiveTooLarge()
		}
		if f.FileInfo().IsDir() || isMacOSMetadata(name) {
			continue
		}
		a.members = append(a.members, f)
		a.byName[name] = f
	}
	return a, nil
}

func brokenArchive(err error) error {
	return problem.New(problem.Invalid, "broken_archive",
		"The archive cannot be read: it is damaged or cut off. Export again, or copy it again from the phone.").Because(err)
}

func archiveTooLarge() error {
	return problem.New(problem.Invalid, "archive_too_large",
		"The archive unpacks to more than is believable for its size. Send the archive as the phone made it, or the file within it.")
}

// slashName returns the name of a file with slashes, in place of which some programs write backslashes.
func slashName(f *zip.File) string { return strings.ReplaceAll(f.Name, `\`, "/") }

// safeName reports whether a name is relative, without a drive letter and without "..".
func safeName(name string) bool {
	if strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':' || strings.ContainsRune(name, 0) {
		return false
	}
	return !slices.Contains(strings.Split(name, "/"), "..")
}

// isMacOSMetadata reports whether a file is one that macOS adds to those that were packed.
func isMacOSMetadata(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, "._") || base == ".DS_Store"
}

// Names returns the names of the files, the largest first.
func (a *Archive) Names() []string {
	members := slices.Clone(a.members)
	slices.SortStableFunc(members, func(x, y *zip.File) int { return cmp.Compare(y.UncompressedSize64, x.UncompressedSize64) })
	names := make([]string, len(members))
	for i, f := range members {
		names[i] = slashName(f)
	}
	return names
}

// Has reports whether there is a file of this name.
func (a *Archive) Has(name string) bool { return a.byName[name] != nil }

// Open opens a file. Its error, or one of reading, is a *problem.Error where the archive is at fault.
func (a *Archive) Open(name string) (io.ReadCloser, error) {
	f, ok := a.byName[name]
	if !ok {
		return nil, problem.New(problem.NotFound, "no_such_file", fmt.Sprintf("The archive has no file %q.", printable(name)))
	}
	content, err := f.Open()
	if err != nil {
		return nil, brokenArchive(err)
	}
	a.openedBytes.Add(int64(f.UncompressedSize64))
	member := &memberReader{ReadCloser: content, archive: a, remaining: int64(f.UncompressedSize64)}
	if a.ReadAhead != nil && f.UncompressedSize64 >= readAheadFrom {
		return a.ReadAhead(member), nil
	}
	return member, nil
}

// Head returns the first bytes of a file, up to size of them.
func (a *Archive) Head(name string, size int) ([]byte, error) {
	f, err := a.byName[name].Open()
	if err != nil {
		return nil, brokenArchive(err)
	}
	defer f.Close()
	head := make([]byte, size)
	n, _ := io.ReadFull(f, head) // an error comes again when the file is read
	return head[:n], nil
}

// Progress returns how many bytes were read of how many in the files that were opened, unpacked. It is safe for
// concurrent use.
func (a *Archive) Progress() (read, of int64) { return a.readBytes.Load(), a.openedBytes.Load() }

// memberReader reads a file, up to the size that the directory says.
type memberReader struct {
	io.ReadCloser
	archive   *Archive
	remaining int64
}

func (m *memberReader) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.archive.readBytes.Add(int64(n))
	if m.remaining -= int64(n); m.remaining < 0 {
		return n, archiveTooLarge()
	}
	if err != nil && err != io.EOF {
		if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) || isCorrupt(err) {
			err = brokenArchive(err)
		}
	}
	return n, err
}

func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt
}
