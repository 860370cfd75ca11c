package format

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// Bounds on a zip of tables, whose members may be a thousand times as long as it is.
const (
	maxZipFiles = 10_000
	maxUnzipped = 2 << 30 // bytes, of all files together
	zipMemory   = 1 << 20 // of the zip itself that is kept in memory; a longer one goes to a temporary file
)

func isZip(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) }

// holdsTables recognises a zip whose first file is a table or a route of the app. Apple's own archive holds tables, too, in
// folders that the app does not have.
func holdsTables(head []byte) bool {
	for len(head) >= 30 && isZip(head) {
		nameLength, extra := int(binary.LittleEndian.Uint16(head[26:])), int(binary.LittleEndian.Uint16(head[28:]))
		if len(head) < 30+nameLength {
			return false
		}
		name := string(head[30 : 30+nameLength])
		if !strings.HasSuffix(name, "/") {
			folders := strings.Split(path.Dir(name), "/")
			apples := slices.ContainsFunc(folders, func(f string) bool {
				return f == "apple_health_export" || f == "electrocardiograms" || f == "workout-routes"
			})
			return !apples && slices.Contains([]string{".csv", ".gpx"}, strings.ToLower(path.Ext(name)))
		}
		head = head[min(len(head), 30+nameLength+extra):]
	}
	return false
}

// zip decodes the files of a zip in the order of its directory. The directory is at the end, so the whole zip has to be
// there first.
func (d *tables) zip(body io.Reader) error {
	spooled, size, done, err := spoolZip(body, d.options.TempDir)
	if err != nil {
		return err
	}
	defer done()
	archive, err := zip.NewReader(spooled, size)
	if err != nil {
		return health.NewError(health.Invalid, "broken_zip", "The zip is broken, or its end is missing. Send it again.").Because(err)
	}
	if err := checkZip(archive); err != nil {
		return err
	}
	left := int64(maxUnzipped)
	for _, member := range archive.File {
		if member.FileInfo().IsDir() || strings.HasPrefix(member.Name, "__MACOSX/") {
			continue
		}
		if err := d.zipFile(member, &left); err != nil {
			return err
		}
	}
	return nil
}

// checkZip refuses a zip that nobody would make of an export.
func checkZip(archive *zip.Reader) error {
	if len(archive.File) > maxZipFiles {
		return health.NewError(health.TooLarge, "zip_too_large", fmt.Sprintf("The zip has more than %d files. Send it in several parts.", maxZipFiles))
	}
	for _, member := range archive.File {
		if strings.Contains(member.Name, `\`) || !filepath.IsLocal(strings.TrimSuffix(member.Name, "/")) {
			return health.NewError(health.Invalid, "unsafe_zip",
				"The zip has a file whose name leads out of it, such as ../name. No export has that; look at where it comes from.")
		}
	}
	return nil
}

func (d *tables) zipFile(member *zip.File, left *int64) error {
	content, err := member.Open()
	if err != nil {
		at := health.Position{Type: "file", Item: d.files, Point: -1}
		d.files++
		return d.reject(at, "", fmt.Sprintf("The file %q of the zip cannot be read.", shown([]byte(member.Name))), "Make the zip again without a password.")
	}
	defer content.Close()
	return d.file(&unzipped{reader: content, left: left}, parseFileName(member.Name, ""))
}

// unzipped reads a file of a zip and counts what comes out.
type unzipped struct {
	reader io.Reader
	left   *int64
}

func (u *unzipped) Read(p []byte) (int, error) {
	n, err := u.reader.Read(p)
	if *u.left -= int64(n); *u.left < 0 {
		return 0, health.NewError(health.TooLarge, "body_too_large", fmt.Sprintf(
			"The files of the zip are longer than %d GiB together. Send it in several parts.", maxUnzipped>>30))
	}
	if err != nil && err != io.EOF {
		err = health.NewError(health.Invalid, "broken_zip", "The file is broken. Make the zip again.").Because(err)
	}
	return n, err
}

// spoolZip keeps a zip where any part of it can be read. done gives the room back.
func spoolZip(body io.Reader, dir string) (spooled io.ReaderAt, size int64, done func(), err error) {
	head, err := io.ReadAll(io.LimitReader(body, zipMemory))
	if err != nil {
		return nil, 0, nil, err
	}
	if len(head) < zipMemory {
		return bytes.NewReader(head), int64(len(head)), func() {}, nil
	}
	file, err := os.CreateTemp(dir, "health-export-*")
	if err != nil {
		return nil, 0, nil, err
	}
	_ = os.Remove(file.Name()) // so that nothing stays behind, whatever happens
	done = func() {
		_ = file.Close()
		_ = os.Remove(file.Name()) // where open files cannot be removed
	}
	size, err = io.Copy(file, io.MultiReader(bytes.NewReader(head), body))
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return file, size, done, nil
}
