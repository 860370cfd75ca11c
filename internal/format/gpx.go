package format

import (
	"errors"
	"io"
	"math"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// readGPX reads the places of the tracks of a GPX 1.1 file as Apple's Health app writes it, with speed, course and
// accuracies as extensions, up to most of them. A place without a position on the globe is left out.
func readGPX(file io.Reader, most int) (route []health.RoutePoint, err error) {
	scan := xmlscan.New(file)
	var point health.RoutePoint
	var within string // the element whose text comes next
	for {
		kind, err := scan.Next()
		switch {
		case errors.Is(err, io.EOF):
			return route, nil
		case err != nil:
			return route, xmlProblem(err)
		case kind == xmlscan.Start && string(scan.Name()) == "trkpt":
			point = newRoutePoint(scan.Attrs())
		case kind == xmlscan.Start:
			within = string(scan.Name())
		case kind == xmlscan.Text:
			setRoutePointField(&point, within, scan.Text())
		case string(scan.Name()) == "trkpt":
			if hasValidPosition(&point) && len(route) < most {
				route = append(route, point)
			}
		default:
			within = ""
		}
	}
}

func newRoutePoint(attrs []xmlscan.Attr) health.RoutePoint {
	nan := health.Absent()
	p := health.RoutePoint{
		Latitude: nan, Longitude: nan, Altitude: nan, Speed: nan, Course: nan,
		HorizontalAccuracy: nan, VerticalAccuracy: nan, SpeedAccuracy: nan, CourseAccuracy: nan,
	}
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

// setRoutePointField takes the text of an element within a place.
func setRoutePointField(p *health.RoutePoint, element string, text []byte) {
	if element == "time" {
		p.Time, _, _ = parseTime(text, nil)
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

func hasValidPosition(p *health.RoutePoint) bool {
	return math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 // false where one is absent
}
