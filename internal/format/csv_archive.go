package format

import (
	"iter"
	"path"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// isCSVArchive recognises an archive with a table or a route of the app. Apple's archive holds tables too, so that
// format comes first in Formats.
func isCSVArchive(a *Archive) bool {
	const maxCandidates = 100
	for i, name := range a.Names() {
		if i == maxCandidates {
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
	return records(func(e emitter) error {
		d := newCSVDecoder(options, e)
		for _, member := range a.members {
			if err := d.decodeMember(a, slashName(member)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *csvDecoder) decodeMember(a *Archive, name string) error {
	content, err := a.Open(name)
	if err != nil {
		at := health.Position{Type: "file", Entry: d.files, Point: -1}
		d.files++
		return d.reject(at, "", "The file "+printable(name)+" of the archive cannot be read.", "Make the archive again without a password.")
	}
	defer content.Close()
	return d.decodeFile(content, parseFileName(name, ""))
}
