package format

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// isGPX recognises a GPX file by its root element.
func isGPX(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	return bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head[:min(len(head), 4096)], []byte("<gpx"))
}

// gpxRoute is what can be read of a GPX file.
type gpxRoute struct {
	points []health.RoutePoint
	droppedPoints
	// broken is set where the file breaks off, or cannot be read from some place on.
	broken bool
}

// warnings returns what is to be said of a file that was not read whole.
func (g *gpxRoute) warnings(file string) []health.Warning {
	list := g.droppedPoints.warnings(file)
	if g.broken {
		list = append(list, health.Warning{
			Code:    health.IncompleteFile,
			Message: "The file of the route breaks off, or cannot be read from some place on. The points before that are kept.",
			Details: map[string]any{"file": file, "points": len(g.points)},
		})
	}
	return list
}

// readGPX reads up to limit points of the tracks of a GPX 1.1 file as Apple's Health app writes it, with speed, course
// and accuracies as extensions. Times without a zone are in UTC. Points that are impossible are dropped. The error is one
// of reading that does not come from the file itself.
func readGPX(file io.Reader, limit int, times *timeReader) (route gpxRoute, err error) {
	scan := xmlscan.New(file)
	utc := *times
	utc.location = time.UTC
	point := gpxPoint{fault: "it has no latitude or no longitude"}
	var element string // whose text comes next
	for i := 0; ; {
		kind, err := scan.Next()
		switch {
		case errors.Is(err, io.EOF):
			return route, nil
		case err != nil:
			route.broken = true
			return route, unlessOfFile(xmlProblem(err))
		case kind == xmlscan.Start && string(scan.Name()) == "trkpt":
			point = gpxPointOf(scan.Attrs())
		case kind == xmlscan.Start:
			element = string(scan.Name())
		case kind == xmlscan.Text:
			point.set(element, scan.Text(), &utc)
		case string(scan.Name()) == "trkpt":
			route.add(i, &point, limit)
			i++
		default:
			element = ""
		}
	}
}

// unlessOfFile returns err, or nil where it is one of the file that was read.
func unlessOfFile(err error) error {
	if failure, ok := errors.AsType[*problem.Error](err); ok && isFileProblem(failure) {
		return nil
	}
	return err
}

// add adds the point with index i, or drops it.
func (g *gpxRoute) add(i int, p *gpxPoint, limit int) {
	fault := p.fault
	if fault == "" {
		fault = routePointFault(&p.RoutePoint)
	}
	if fault == "" && len(g.points) >= limit {
		fault = "the element has too many points"
	}
	if fault != "" {
		g.drop(i, fault)
		return
	}
	g.points = append(g.points, p.RoutePoint)
}

// gpxPoint is a trkpt while it is read. fault is what is wrong with it, "" so far.
type gpxPoint struct {
	health.RoutePoint
	fault string
}

// gpxPointOf returns a point with the position in the attributes of a trkpt.
func gpxPointOf(attrs []xmlscan.Attr) gpxPoint {
	p := gpxPoint{RoutePoint: newRoutePoint()}
	for _, attr := range attrs {
		v, ok := xmlNumber(attr.Raw)
		switch {
		case !ok:
		case string(attr.Name) == "lat":
			p.Latitude = v
		case string(attr.Name) == "lon":
			p.Longitude = v
		}
	}
	return p
}

// set sets what the text of an element within a trkpt says.
func (p *gpxPoint) set(element string, text []byte, times *timeReader) {
	if element == "time" {
		var ok bool
		if p.Time, _, ok = times.parse(text); !ok {
			p.fault = unreadableTime
		}
		return
	}
	v, ok := xmlNumber(text)
	if !ok {
		return
	}
	switch element {
	case "ele":
		p.Altitude = v
	case "speed":
		p.Speed = nonNegative(v)
	case "course":
		p.Course = nonNegative(v)
	case "hAcc":
		p.HorizontalAccuracy = v
	case "vAcc":
		p.VerticalAccuracy = nonNegative(v)
	}
}
