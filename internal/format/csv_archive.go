package format

import (
	"iter"
	"path"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// isCSVArchive recognises an archive with a table or a route of the app. Apple's own archive holds tables too, so that
// format comes first in the list.
func isCSVArchive(a *Archive) bool {
	const candidates = 100
	for i, name := range a.Names() {
		if i == candidates {
			return false
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".gpx":
			return true
		case ".csv":
			if head, err := a.Head(name, DetectSize); err == nil {
				header := firstRow(head)
				if header != nil && tableKindOf(header, parseFileName(name, "")) != noTable {
					return true
				}
			}
		}
	}
	return false
}

// decodeCSVArchive decodes the files of an archive in the order of its directory.
func decodeCSVArchive(a *Archive, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newCSVDecoder(options, yield)
		for _, member := range a.members {
			err := d.decodeMember(a, slashName(member))
			if err == errStopped {
				return
			}
			if err != nil {
				yield(health.Record{}, err)
				return
			}
		}
	}
}

func (d *csvDecoder) decodeMember(a *Archive, name string) error {
	content, err := a.Open(name)
	if err != nil {
		at := health.Position{Type: "file", Entry: d.files, Point: -1}
		d.files++
		return d.reject(at, "", "The file "+printable([]byte(name))+" of the archive cannot be read.", "Make the archive again without a password.")
	}
	defer content.Close()
	return d.decodeFile(content, parseFileName(name, ""))
}
