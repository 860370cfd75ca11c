package format

import (
	"iter"
	"path"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// holdsTables recognises an archive with a table or a route of the app. Apple's own archive holds tables too, so that
// format comes first in the list.
func holdsTables(a *Archive) bool {
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
				if header != nil && kindOf(header, parseFileName(name, "")) != noTable {
					return true
				}
			}
		}
	}
	return false
}

// decodeTableArchive decodes the files of an archive in the order of its directory.
func decodeTableArchive(a *Archive, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newTables(options, yield)
		for _, member := range a.members {
			err := d.member(a, memberName(member))
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

func (d *tables) member(a *Archive, name string) error {
	content, err := a.Open(name)
	if err != nil {
		at := health.Position{Type: "file", Entry: d.files, Point: -1}
		d.files++
		return d.reject(at, "", "The file "+shown([]byte(name))+" of the archive cannot be read.", "Make the archive again without a password.")
	}
	defer content.Close()
	return d.file(content, parseFileName(name, ""))
}
