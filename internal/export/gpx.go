package export

import (
	"encoding/xml"
	"io"

	"github.com/health-export/health-export/internal/health"
)

// gpx is a GPX 1.1 document (topografix.com/GPX/1/1). Its schema prescribes the order of elements.
type gpx struct {
	XMLName   xml.Name    `xml:"gpx"`
	Namespace string      `xml:"xmlns,attr"`
	Extension string      `xml:"xmlns:gpxtpx,attr"`
	Version   string      `xml:"version,attr"`
	Creator   string      `xml:"creator,attr"`
	Metadata  gpxMetadata `xml:"metadata"`
	Track     gpxTrack    `xml:"trk"`
}

type gpxMetadata struct {
	Name string `xml:"name,omitempty"`
	Time string `xml:"time"`
}

type gpxTrack struct {
	Name   string     `xml:"name,omitempty"`
	Source string     `xml:"src,omitempty"`
	Type   string     `xml:"type,omitempty"`
	Points []gpxPoint `xml:"trkseg>trkpt"`
}

type gpxPoint struct {
	Latitude   float64        `xml:"lat,attr"`
	Longitude  float64        `xml:"lon,attr"`
	Elevation  *float64       `xml:"ele"`
	Time       string         `xml:"time,omitempty"`
	Extensions *gpxExtensions `xml:"extensions"`
}

// gpxExtensions holds Garmin's TrackPointExtension, version 2, which is where other programs look for a speed (m/s)
// and a course (degrees); GPX itself has none.
type gpxExtensions struct {
	Point gpxExtension `xml:"gpxtpx:TrackPointExtension"`
}

type gpxExtension struct {
	Speed  *float64 `xml:"gpxtpx:speed"`
	Course *float64 `xml:"gpxtpx:course"`
}

// GPX writes the route of a workout as a GPX 1.1 track of one segment: places with elevation (m) and time (UTC), speed
// and course as an extension.
func GPX(w io.Writer, workout *health.Workout) error {
	var c clock
	utc := func(i health.Instant) string { return string(c.append(nil, i, 0)) }
	document := gpx{
		Namespace: "http://www.topografix.com/GPX/1/1",
		Extension: "http://www.garmin.com/xmlschemas/TrackPointExtension/v2",
		Version:   "1.1", Creator: "health-export",
		Metadata: gpxMetadata{Name: workout.Name, Time: utc(workout.Start)},
		Track:    gpxTrack{Name: workout.Name, Source: workout.Source, Type: workout.Name},
	}
	document.Track.Points = make([]gpxPoint, len(workout.Route))
	for i := range workout.Route {
		from, to := &workout.Route[i], &document.Track.Points[i]
		to.Latitude, to.Longitude, to.Elevation = from.Latitude, from.Longitude, present(from.Altitude)
		if from.Time != 0 {
			to.Time = utc(from.Time)
		}
		if extension := (gpxExtension{present(from.Speed), present(from.Course)}); extension != (gpxExtension{}) {
			to.Extensions = &gpxExtensions{extension}
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	return xml.NewEncoder(w).Encode(document)
}
