package generator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/health-export/health-export/internal/format/generator"
)

type envelope struct {
	Data struct {
		Metrics []struct {
			Name, Units string
			Data        []struct{ Date, Source string }
		}
		Workouts []struct{ ID, Name string }
	}
}

func write(t *testing.T, o generator.Options) ([]byte, int) {
	t.Helper()
	var body bytes.Buffer
	points, err := generator.Write(&body, o)
	if err != nil {
		t.Fatal(err)
	}
	return body.Bytes(), points
}

func read(t *testing.T, body []byte) (e envelope, points int) {
	t.Helper()
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	for _, metric := range e.Data.Metrics {
		if metric.Name == "" || metric.Units == "" {
			t.Errorf("a metric without name or units: %q, %q", metric.Name, metric.Units)
		}
		points += len(metric.Data)
	}
	return e, points
}

func TestBytes(t *testing.T) {
	t.Parallel()
	const size = 2_000_000
	body, points := write(t, generator.Options{Bytes: size, Seed: 1})
	if len(body) < size || len(body) > size+50_000 {
		t.Errorf("the body has %d bytes, wanted about %d", len(body), size)
	}
	e, found := read(t, body)
	if found != points {
		t.Errorf("Write returned %d points, the body has %d", points, found)
	}
	if len(e.Data.Workouts) == 0 {
		t.Error("there are no workouts")
	}
}

func TestPointsAndDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options generator.Options
		want    int
	}{
		{generator.Options{Points: 1}, 1},
		{generator.Options{Points: 1003}, 1003},
		{generator.Options{Days: 1, Sources: []string{"a \"quoted\" one"}}, 10 * 24 * 60},
	} {
		body, points := write(t, c.options)
		_, found := read(t, body)
		if points != c.want || found != c.want {
			t.Errorf("%+v: Write returned %d points, the body has %d, wanted %d", c.options, points, found, c.want)
		}
	}
}

func TestSameSeedSameBody(t *testing.T) {
	t.Parallel()
	one, _ := write(t, generator.Options{Bytes: 100_000, Seed: 7})
	two, _ := write(t, generator.Options{Bytes: 100_000, Seed: 7})
	other, _ := write(t, generator.Options{Bytes: 100_000, Seed: 8})
	if !bytes.Equal(one, two) {
		t.Error("the same options wrote different bodies")
	}
	if bytes.Equal(one, other) {
		t.Error("another seed wrote the same body")
	}
}

var errFull = errors.New("full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriterFails(t *testing.T) {
	t.Parallel()
	if _, err := generator.Write(fullDisk{}, generator.Options{Points: 5000}); !errors.Is(err, errFull) {
		t.Errorf("the error is %v, wanted that of the writer", err)
	}
}
