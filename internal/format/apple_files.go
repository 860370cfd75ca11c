package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// readOtherFiles reads the files that stand for themselves: the electrocardiograms, which the main file does not mention, and
// routes and health records to which nothing in it refers.
func (a *appleDecoder) readOtherFiles() error {
	names := a.archive.Names()
	slices.Sort(names)
	for _, name := range names {
		folder := path.Base(path.Dir(name))
		switch {
		case folder == "electrocardiograms" && strings.EqualFold(path.Ext(name), ".csv"):
			if err := a.emitECG(name); err != nil {
				return err
			}
		case folder == "workout-routes" && !a.referenced[name]:
			if err := a.emitUnreferencedRoute(name); err != nil {
				return err
			}
		case folder == "clinical-records" && !a.referenced[name]:
			if err := a.emitUnreferencedResource(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// emitUnreferencedRoute keeps a route that no workout refers to as an event, with a list for each thing that its points say.
func (a *appleDecoder) emitUnreferencedRoute(name string) error {
	const typ = "WorkoutRoute"
	at := a.nextPosition(typ, "workout_route")
	reject := func(message string) error {
		return a.reject(at, typ, "", fmt.Sprintf("Nothing in the export refers to the route %q, and %s", printable([]byte(path.Base(name))), message),
			"Export again: the file may be damaged.")
	}
	file, err := a.archive.Open(name)
	if err != nil {
		return reject("it cannot be read.")
	}
	defer file.Close()
	route, err := readGPX(file, maxPoints)
	switch {
	case err != nil:
		return reject("it cannot be read.")
	case len(route) == 0:
		return reject("it has no point.")
	}
	sortByTime(route, func(p *health.RoutePoint) health.Instant { return p.Time })
	e := &health.Event{
		Kind: "route", Name: path.Base(name), Start: route[0].Time, End: route[len(route)-1].Time, Attributes: jsonText(routeColumns(route)),
	}
	e.Offset = a.zones.offset(e.Start, nil)
	return a.emitFile(at, typ, e)
}

// routeColumns returns the points of a route as one list for each thing they say.
func routeColumns(route []health.RoutePoint) map[string]any {
	object := map[string]any{}
	for name, of := range map[string]func(*health.RoutePoint) float64{
		"latitude":            func(p *health.RoutePoint) float64 { return p.Latitude },
		"longitude":           func(p *health.RoutePoint) float64 { return p.Longitude },
		"altitude":            func(p *health.RoutePoint) float64 { return p.Altitude },
		"speed":               func(p *health.RoutePoint) float64 { return p.Speed },
		"course":              func(p *health.RoutePoint) float64 { return p.Course },
		"horizontal_accuracy": func(p *health.RoutePoint) float64 { return p.HorizontalAccuracy },
		"vertical_accuracy":   func(p *health.RoutePoint) float64 { return p.VerticalAccuracy },
	} {
		list, said := make([]any, len(route)), false
		for i := range route {
			if v := of(&route[i]); !health.IsAbsent(v) {
				list[i], said = v, true
			}
		}
		if said {
			object[name] = list
		}
	}
	times := make([]any, len(route))
	for i := range route {
		if route[i].Time != 0 {
			times[i] = route[i].Time.String()
		}
	}
	object["time"] = times
	return object
}

// emitUnreferencedResource keeps a health record that no element refers to.
func (a *appleDecoder) emitUnreferencedResource(name string) error {
	const typ = "ClinicalRecord"
	at := a.nextPosition(typ, "clinical_record")
	resource := a.readResource(name)
	if resource == nil {
		return a.reject(at, typ, "", fmt.Sprintf("Nothing in the export refers to the health record %q, and it cannot be read.", printable([]byte(path.Base(name)))),
			"Export again: the file may be damaged.")
	}
	return a.emitFile(at, typ, &health.Event{
		Kind: "clinical_record", Name: path.Base(name), Attributes: jsonText(map[string]any{"resource": resource}),
	})
}

// emitFile yields what a file of its own holds.
func (a *appleDecoder) emitFile(at health.Position, typ string, e *health.Event) error {
	if reason := unstorable([]byte(e.Name)); reason != "" || len(e.Attributes) > maxElement {
		return a.reject(at, typ, "", "The file, or its name, is too large.", "Export again: the file may be damaged.")
	}
	e.Name = sanitize([]byte(e.Name))
	if e.Start == 0 {
		digest := sha256.Sum256([]byte(e.Attributes))
		e.Digest = hex.EncodeToString(digest[:])
	}
	return a.emit(health.Record{Position: at, Type: typ, Event: e})
}

// emitECG reads one file.
func (a *appleDecoder) emitECG(name string) error {
	at := a.nextPosition("Electrocardiogram", "ecg")
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
