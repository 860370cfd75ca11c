package format

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// readOtherFiles emits the files that are elements of their own: the electrocardiograms, which the main file does not
// mention, and the routes and health records that it does not refer to.
func (a *appleDecoder) readOtherFiles() error {
	names := a.archive.Names()
	slices.Sort(names)
	for _, name := range names {
		directory := path.Base(path.Dir(name))
		switch {
		case directory == "electrocardiograms" && strings.EqualFold(path.Ext(name), ".csv"):
			if err := a.emitECG(name); err != nil {
				return err
			}
		case directory == "workout-routes" && !a.referenced[name]:
			if err := a.emitUnreferencedRoute(name); err != nil {
				return err
			}
		case directory == "clinical-records" && !a.referenced[name]:
			if err := a.emitUnreferencedResource(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// emitUnreferencedRoute emits a route that no workout refers to as an event, with a list for each value of its points.
func (a *appleDecoder) emitUnreferencedRoute(name string) error {
	const typ = "WorkoutRoute"
	at := a.nextPosition(typ, "workout_route")
	reject := func(message string) error {
		return a.reject(at, typ, "", fmt.Sprintf("Nothing in the export refers to the route %q, and %s", printable(path.Base(name)), message),
			exportAgain)
	}
	file, err := a.archive.Open(name)
	if err != nil {
		return reject("it cannot be read.")
	}
	defer file.Close()
	route, err := readGPX(file, maxPoints, a.times)
	points := route.points
	switch {
	case err != nil:
		return reject("it cannot be read.")
	case len(points) == 0:
		return reject("it has no point that can be read.")
	}
	sortRoute(points)
	e := &health.Event{
		Kind: "route", Name: path.Base(name), Start: points[0].Time, End: points[len(points)-1].Time, Attributes: mustCanonicalObject(routeColumns(points)),
	}
	e.Offset = a.zones.offset(e.Start, nil)
	return a.emitFile(at, typ, e, route.warnings(printable(path.Base(name)))...)
}

// routeColumns returns the points of a route as one list for each of their values.
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
		list, present := make([]any, len(route)), false
		for i := range route {
			if v := of(&route[i]); !health.IsAbsent(v) {
				list[i], present = v, true
			}
		}
		if present {
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

// emitUnreferencedResource emits a health record that no element refers to.
func (a *appleDecoder) emitUnreferencedResource(name string) error {
	const typ = "ClinicalRecord"
	at := a.nextPosition(typ, "clinical_record")
	resource := a.readResource(name)
	if resource == nil {
		return a.reject(at, typ, "", fmt.Sprintf("Nothing in the export refers to the health record %q, and it cannot be read.", printable(path.Base(name))),
			exportAgain)
	}
	return a.emitFile(at, typ, &health.Event{
		Kind: "clinical_record", Name: path.Base(name), Attributes: mustCanonicalObject(map[string]any{"resource": resource}),
	})
}

// emitFile emits the event in a file.
func (a *appleDecoder) emitFile(at health.Position, typ string, e *health.Event, warnings ...health.Warning) error {
	if reason := unstorable([]byte(e.Name)); reason != "" || len(e.Attributes) > maxElement {
		return a.reject(at, typ, "", "The file, or its name, is too large.", exportAgain)
	}
	e.Name = sanitize([]byte(e.Name))
	if e.Start == 0 {
		e.Digest = digestOf(e.Attributes)
	}
	return a.emit(health.Record{Position: at, Type: typ, Event: e, Warnings: warnings})
}

// emitECG emits the electrocardiogram in a file.
func (a *appleDecoder) emitECG(name string) error {
	at := a.nextPosition("Electrocardiogram", "ecg")
	file, err := a.archive.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	ecg, reason := readECGFile(file, a.times)
	if reason != "" {
		return a.reject(at, "Electrocardiogram", "", reason, exportAgain)
	}
	ecg.Offset = a.zones.offset(ecg.Start, nil)
	return a.emit(health.Record{Position: at, Type: "Electrocardiogram", ECG: &ecg})
}
