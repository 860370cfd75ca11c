package format

import (
	"errors"
	"io"
	"time"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// readGPX reads up to limit points of the tracks of a GPX 1.1 file as Apple's Health app writes it, with speed, course
// and accuracies as extensions. Times without a zone are in UTC. Points without a valid position are dropped.
func readGPX(file io.Reader, limit int, times *timeReader) (route []health.RoutePoint, err error) {
	scan := xmlscan.New(file)
	utc := *times
	utc.location = time.UTC
	var point health.RoutePoint
	var element string // whose text comes next
	for {
		kind, err := scan.Next()
		switch {
		case errors.Is(err, io.EOF):
			return route, nil
		case err != nil:
			return route, xmlProblem(err)
		case kind == xmlscan.Start && string(scan.Name()) == "trkpt":
			point = routePointOf(scan.Attrs())
		case kind == xmlscan.Start:
			element = string(scan.Name())
		case kind == xmlscan.Text:
			setRoutePointField(&point, element, scan.Text(), &utc)
		case string(scan.Name()) == "trkpt":
			if hasValidPosition(&point) && len(route) < limit {
				route = append(route, point)
			}
		default:
			element = ""
		}
	}
}

// routePointOf returns a point with the position in the attributes of a trkpt.
func routePointOf(attrs []xmlscan.Attr) health.RoutePoint {
	p := newRoutePoint()
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

// setRoutePointField sets what the text of an element within a trkpt says.
func setRoutePointField(p *health.RoutePoint, element string, text []byte, times *timeReader) {
	if element == "time" {
		p.Time, _, _ = times.parse(text)
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
		p.HorizontalAccuracy = nonNegative(v)
	case "vAcc":
		p.VerticalAccuracy = nonNegative(v)
	}
}
