package export

import (
	"encoding/xml"
	"io"
	"strconv"

	"github.com/health-export/health-export/internal/health"
)

// gpx is a GPX 1.1 document (topografix.com/GPX/1/1). Its schema prescribes the order of elements.
type gpx struct {
	XMLName   xml.Name    `xml:"gpx"`
	Namespace string      `xml:"xmlns,attr"`
	Extension string      `xml:"xmlns:gpxtpx,attr"`
	Own       string      `xml:"xmlns:he,attr,omitempty"`
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
	Latitude   decimal        `xml:"lat,attr"`
	Longitude  decimal        `xml:"lon,attr"`
	Elevation  *decimal       `xml:"ele"`
	Time       string         `xml:"time,omitempty"`
	Extensions *gpxExtensions `xml:"extensions"`
}

// gpxExtensions holds Garmin's TrackPointExtension, version 2, in which other programs look for speed (m/s) and course
// (degrees), which GPX itself does not have.
type gpxExtensions struct {
	Point *gpxExtension `xml:"gpxtpx:TrackPointExtension"`
	// Outlier is true for a point that does not belong to the way, see health.Outliers.
	Outlier bool `xml:"he:outlier,omitempty"`
}

type gpxExtension struct {
	Speed  *decimal `xml:"gpxtpx:speed"`
	Course *decimal `xml:"gpxtpx:course"`
}

// decimal is a number without an exponent, as the schema requires.
type decimal float64

func (d decimal) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(d), 'f', -1, 64), nil
}

// GPX writes the route of a workout as a GPX 1.1 track of one segment: points with elevation (m) and time (UTC), speed
// and course as an extension, and he:outlier for points that do not belong to the way.
func GPX(w io.Writer, workout *health.Workout) error {
	var times timeFormatter
	utc := func(i health.Instant) string { return string(times.append(nil, i, 0)) }
	document := gpx{
		Namespace: "http://www.topografix.com/GPX/1/1",
		Extension: "http://www.garmin.com/xmlschemas/TrackPointExtension/v2",
		Version:   "1.1", Creator: "health-export",
		Metadata: gpxMetadata{Name: workout.Name, Time: utc(workout.Start)},
		Track:    gpxTrack{Name: workout.Name, Source: workout.Source, Type: workout.Name},
	}
	outliers := health.Outliers(workout.Route, workout.Name)
	if outliers != nil {
		document.Own = "https://github.com/health-export/health-export/gpx"
	}
	document.Track.Points = make([]gpxPoint, len(workout.Route))
	for i := range workout.Route {
		from, to := &workout.Route[i], &document.Track.Points[i]
		to.Latitude, to.Longitude = decimal(from.Latitude), decimal(from.Longitude)
		if to.Longitude == 180 { // the schema has -180 for that meridian
			to.Longitude = -180
		}
		to.Elevation = (*decimal)(optionalNumber(from.Altitude))
		if from.Time != 0 {
			to.Time = utc(from.Time)
		}
		to.Extensions = extensionsOf(from, outliers != nil && outliers[i])
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	return xml.NewEncoder(w).Encode(document)
}

func extensionsOf(p *health.RoutePoint, outlier bool) *gpxExtensions {
	extensions := gpxExtensions{Outlier: outlier}
	extension := gpxExtension{(*decimal)(optionalNumber(p.Speed)), (*decimal)(optionalNumber(p.Course))}
	if extension != (gpxExtension{}) {
		extensions.Point = &extension
	}
	if extensions == (gpxExtensions{}) {
		return nil
	}
	return &extensions
}
