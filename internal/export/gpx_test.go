package export_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
)

const (
	spaceGPX    = "http://www.topografix.com/GPX/1/1"
	spaceGarmin = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
)

// gpxOrder is what the schemas of GPX 1.1 and of Garmin's extension allow inside an element, in this order; of those
// not marked as several there is at most one.
var gpxOrder = map[string][]string{
	"gpx":                 {"metadata", "wpt*", "rte*", "trk*", "extensions"},
	"metadata":            {"name", "desc", "author", "copyright", "link*", "time", "keywords", "bounds", "extensions"},
	"trk":                 {"name", "cmt", "desc", "src", "link*", "number", "type", "extensions", "trkseg*"},
	"trkseg":              {"trkpt*", "extensions"},
	"trkpt":               {"ele", "time", "magvar", "geoidheight", "name", "cmt", "desc", "src", "link*", "sym", "type", "fix", "sat", "hdop", "vdop", "pdop", "ageofdgpsdata", "dgpsid", "extensions"},
	"extensions":          {"TrackPointExtension"},
	"TrackPointExtension": {"atemp", "wtemp", "depth", "hr", "cad", "speed", "course", "bearing"},
}

// checkGPX checks a document, token by token, against the rules of the schemas.
func checkGPX(document []byte) (points int, err error) {
	type open struct {
		name string
		last int // index in gpxOrder of the last child
	}
	var path []*open
	var text strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return points, nil
		}
		if err != nil {
			return points, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			name, space := token.Name.Local, spaceGPX
			if len(path) > 0 {
				parent := path[len(path)-1]
				if parent.name == "extensions" || parent.name == "TrackPointExtension" {
					space = spaceGarmin
				}
				order := gpxOrder[parent.name]
				at := slices.IndexFunc(order, func(child string) bool { return strings.TrimSuffix(child, "*") == name })
				if at < parent.last || at == parent.last && !strings.HasSuffix(order[at], "*") {
					return points, fmt.Errorf("%s has its child %s in the wrong place", parent.name, name)
				}
				parent.last = at
			}
			if token.Name.Space != space {
				return points, fmt.Errorf("%s is in the namespace %s", name, token.Name.Space)
			}
			if err := checkAttributes(token); err != nil {
				return points, err
			}
			if name == "trkpt" {
				points++
			}
			path = append(path, &open{name, -1})
			text.Reset()
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if err := checkText(token.Name.Local, text.String()); err != nil {
				return points, err
			}
			path = path[:len(path)-1]
		}
	}
}

func checkAttributes(element xml.StartElement) error {
	values := map[string]string{}
	for _, attribute := range element.Attr {
		values[attribute.Name.Local] = attribute.Value
	}
	switch element.Name.Local {
	case "gpx":
		if values["version"] != "1.1" || values["creator"] == "" {
			return fmt.Errorf("gpx has version %q and creator %q", values["version"], values["creator"])
		}
	case "trkpt":
		if strings.ContainsAny(values["lat"]+values["lon"], "eE") {
			return fmt.Errorf("a decimal has no exponent: %v", values)
		}
		latitude, latitudeErr := strconv.ParseFloat(values["lat"], 64)
		longitude, longitudeErr := strconv.ParseFloat(values["lon"], 64)
		if latitudeErr != nil || longitudeErr != nil || latitude < -90 || latitude > 90 || longitude < -180 || longitude >= 180 {
			return fmt.Errorf("a point at %q, %q", values["lat"], values["lon"])
		}
	}
	return nil
}

func checkText(name, text string) error {
	switch name {
	case "time":
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || !strings.HasSuffix(text, "Z") || t.IsZero() {
			return fmt.Errorf("time is %q", text)
		}
	case "ele", "speed":
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return err
		}
	case "course":
		if v, err := strconv.ParseFloat(text, 64); err != nil || v < 0 || v > 360 {
			return fmt.Errorf("course is %q", text)
		}
	}
	return nil
}

func TestGPX(t *testing.T) {
	t.Parallel()
	sparse := run(3)
	sparse.Name, sparse.Source = "Läufe & <Räder>\x01", ""
	sparse.Route[1] = health.RoutePoint{
		Latitude: -33.5, Longitude: -70.25, Altitude: health.Absent(), Speed: health.Absent(), Course: 359.5,
	}
	sparse.Route[2].Longitude, sparse.Route[2].Latitude = 180, 0.00001
	for name, workout := range map[string]*health.Workout{"route": run(3), "values-missing": sparse, "no-route": run(0)} {
		var out bytes.Buffer
		if err := export.GPX(&out, workout); err != nil {
			t.Fatal(err)
		}
		points, err := checkGPX(out.Bytes())
		if err != nil || points != len(workout.Route) {
			t.Errorf("%s: %d points, error %v\n%s", name, points, err, out.String())
		}
		checkGolden(t, "testdata/gpx/"+name+".gpx", out.Bytes())
	}
	if err := export.GPX(closedWriter{}, run(1)); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want that of the writer", err)
	}
}

func TestCheckGPXFindsFaults(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := export.GPX(&out, run(2)); err != nil {
		t.Fatal(err)
	}
	for _, fault := range [][2]string{
		{`version="1.1"`, `version="1.0"`},
		{"<metadata>", "<metadata><time>2026-03-10T16:00:00Z</time>"},
		{`lon="23.72"`, `lon="223.72"`},
		{"Z</time>", "</time>"},
		{"</ele>", "</ele><ele>1</ele>"},
		{spaceGarmin, "http://example.org"},
	} {
		if _, err := checkGPX([]byte(strings.Replace(out.String(), fault[0], fault[1], 1))); err == nil {
			t.Errorf("%s instead of %s is not noticed", fault[1], fault[0])
		}
	}
}
