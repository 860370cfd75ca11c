package query

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pointSize is about how many bytes a point takes in JSON.
const pointSize = 220

// AppendJSON appends what json.Marshal returns, in a third of the time: a year has thousands of points.
func (s *Series) AppendJSON(to []byte) ([]byte, error) {
	if size := len(to) + pointSize*(len(s.Points)+2); cap(to) < size {
		to = append(make([]byte, 0, size), to...)
	}
	for _, field := range []struct{ name, text string }{
		{`{"metric":`, s.Metric}, {`,"unit":`, s.Unit}, {`,"bucket":`, s.Bucket}, {`,"tz":`, s.TZ}, {`,"aggregation":`, s.Aggregation},
	} {
		to = appendText(append(to, field.name...), field.text)
	}
	to = append(to, `,"points":[`...)
	var err error
	for i := range s.Points {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = s.Points[i].appendJSON(to); err != nil {
			return to, err
		}
	}
	to = append(to, `],"next_cursor":`...)
	if s.NextCursor == nil {
		return append(to, "null}"...), nil
	}
	return append(appendText(to, *s.NextCursor), '}'), nil
}

func (p *Point) appendJSON(to []byte) ([]byte, error) {
	if p.Systolic != nil || p.Diastolic != nil || p.Percentile != nil {
		return appendAny(to, p) // they are few
	}
	to = appendTime(append(to, `{"start":`...), p.Start)
	to = appendTime(append(to, `,"end":`...), p.End)
	var err error
	for _, field := range [...]struct {
		name   string
		number *float64
	}{{`,"value":`, p.Value}, {`,"sum":`, p.Sum}, {`,"avg":`, p.Avg}, {`,"min":`, p.Min}, {`,"max":`, p.Max}} {
		if to, err = appendNumber(append(to, field.name...), field.number); err != nil {
			return to, err
		}
	}
	to = strconv.AppendInt(append(to, `,"count":`...), int64(p.Count), 10)
	to = append(to, `,"grain":`...)
	if p.Grain == nil {
		to = append(to, "null"...)
	} else {
		to = strconv.AppendInt(to, int64(*p.Grain), 10)
	}
	if p.Basis != "" {
		to = appendText(append(to, `,"basis":`...), p.Basis)
	}
	if p.Weighting != "" {
		to = appendText(append(to, `,"weighting":`...), p.Weighting)
	}
	for _, field := range [...]struct {
		name   string
		number *float64
	}{{`,"covered_seconds":`, p.CoveredSeconds}, {`,"unplaced":`, p.Unplaced}} {
		if field.number == nil {
			continue
		}
		if to, err = appendNumber(append(to, field.name...), field.number); err != nil {
			return to, err
		}
	}
	to = append(to, `,"sources":[`...)
	for i, source := range p.Sources {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendText(to, source)
	}
	return append(to, "]}"...), nil
}

func appendAny(to []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true))
	return append(to, text...), err
}

// appendText replaces invalid UTF-8, as the server's JSON does.
func appendText(to []byte, text string) []byte {
	to, _ = jsontext.AppendQuote(to, text)
	return to
}

func appendTime(to []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(to, '"'), time.RFC3339Nano), '"')
}

// appendNumber formats numbers as ECMAScript does, which is what JSON has. Very large and small ones are rare.
func appendNumber(to []byte, v *float64) ([]byte, error) {
	if v == nil {
		return append(to, "null"...), nil
	}
	if size := math.Abs(*v); size != 0 && !(size >= 1e-6 && size < 1e21) {
		return appendAny(to, *v)
	}
	return strconv.AppendFloat(to, *v, 'f', -1, 64), nil
}
