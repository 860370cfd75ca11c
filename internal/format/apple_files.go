package format

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// otherFiles reads the electrocardiograms, which the main file does not mention, and tells of routes and records to
// which nothing in it refers.
func (a *apple) otherFiles() error {
	names := a.archive.Names()
	slices.Sort(names)
	for _, name := range names {
		folder := path.Base(path.Dir(name))
		switch {
		case folder == "electrocardiograms" && strings.EqualFold(path.Ext(name), ".csv"):
			if err := a.electrocardiogram(name); err != nil {
				return err
			}
		case (folder == "workout-routes" || folder == "clinical-records") && !a.used[name]:
			if err := a.emit(unusedFile(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func unusedFile(name string) health.Record {
	return health.Record{
		Position: health.Position{Type: "file", Point: -1},
		Warnings: []health.Warning{{
			Code:    health.UnusedFile,
			Message: fmt.Sprintf("Nothing in the export refers to the file %q. It is not stored.", shown([]byte(path.Base(name)))),
		}},
	}
}

// electrocardiogram reads one file.
func (a *apple) electrocardiogram(name string) error {
	at := a.position("Electrocardiogram", "ecg")
	file, err := a.archive.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	ecg, fault := readECGFile(file, a.zones.home.location)
	if fault != "" {
		return a.reject(at, "Electrocardiogram", "", fault, "Export again: the file may be damaged.")
	}
	ecg.Offset = a.zones.offset(ecg.Start, nil)
	return a.emit(health.Record{Position: at, Type: "Electrocardiogram", ECG: &ecg})
}
