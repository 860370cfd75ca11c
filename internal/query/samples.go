package query

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// The limits of a page of samples.
const (
	samplesOnPage = 1000
	maxSamples    = 10_000
	// maxSampleBytes is the size of the attributes with which a page ends early: those of points of unknown shape may be long.
	maxSampleBytes = 8 << 20
	samplesCursor  = "samples"
)

// Object is a JSON object as it was sent.
type Object = jsontext.Value

// SamplesRequest selects the samples of one metric as they are stored.
type SamplesRequest struct {
	// Metric is a name, an alias or a HealthKit identifier.
	Metric string
	// Start and End bound the starts of the samples; a zero time leaves that end open.
	Start, End time.Time
	Source     string        // "": all
	Grain      *health.Grain // nil: all
	// Unit is what to convert to; "" is the unit the metric is stored in.
	Unit   string
	Cursor string
	Limit  int // 0 is 1,000
}

// SamplesPage is one page of samples, in order of time. NextCursor is null on the last one.
type SamplesPage struct {
	Metric     string   `json:"metric"`
	Unit       string   `json:"unit"`
	Samples    []Sample `json:"samples"`
	NextCursor *string  `json:"next_cursor"`
}

// Sample is one sample. It has Value; or any of Min, Avg and Max; or Systolic and Diastolic; or, where it has only
// named values, none of them and Attributes.
type Sample struct {
	Start time.Time `json:"start"`
	// End of a summary is the end of its interval: of a day, the next local midnight.
	End time.Time `json:"end"`
	Readings
	// Unit is set where it is not the page's: the sample came in a unit that cannot be converted.
	Unit   *string      `json:"unit,omitzero"`
	Grain  health.Grain `json:"grain"`
	Source string       `json:"source"`
	// Attributes is what else was sent with the sample.
	Attributes Object `json:"attributes,omitempty"`
}

// Readings are the values of one sample. Those that it does not have are left out.
type Readings struct {
	Value     *float64 `json:"value,omitempty"`
	Min       *float64 `json:"min,omitempty"`
	Avg       *float64 `json:"avg,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	Systolic  *float64 `json:"systolic,omitempty"`
	Diastolic *float64 `json:"diastolic,omitempty"`
}

// readingsOf returns the values of a sample; its value is Avg where it has a minimum or a maximum.
func readingsOf(s *health.Sample) Readings {
	r := Readings{
		Value: orNull(s.Value), Min: orNull(s.Min), Max: orNull(s.Max),
		Systolic: orNull(s.Systolic), Diastolic: orNull(s.Diastolic),
	}
	if r.Min != nil || r.Max != nil {
		r.Value, r.Avg = nil, r.Value
	}
	return r
}

// Samples returns the samples of a metric as they are stored, all grains and sources side by side.
func (s *Service) Samples(ctx context.Context, user account.User, request SamplesRequest) (SamplesPage, error) {
	limit, err := pageLimit(request.Limit, samplesOnPage, maxSamples)
	if err != nil {
		return SamplesPage{}, err
	}
	query := store.SampleQuery{Source: request.Source, Limit: limit + 1}
	if query.Range, err = rangeOf(request.Start, request.End); err != nil {
		return SamplesPage{}, err
	}
	if request.Grain != nil {
		query.Grains = []health.Grain{*request.Grain}
	}
	if query.After, err = decodeCursor[health.SampleKey](samplesCursor, request.Cursor); err != nil {
		return SamplesPage{}, err
	}
	sel, err := s.selector(ctx, user.ID, request.Metric, request.Unit)
	if err != nil {
		return SamplesPage{}, err
	}
	query.Metric = sel.metric
	if query.After != nil && query.After.Metric != sel.metric {
		return SamplesPage{}, cursorError(nil)
	}
	page := SamplesPage{Metric: sel.metric, Unit: sel.unit, Samples: []Sample{}}
	var last health.SampleKey
	bytes := 0
	for sample, err := range s.Config.Samples.Samples(ctx, user.ID, query) {
		if err != nil {
			return SamplesPage{}, err
		}
		if bytes += len(sample.Attributes); len(page.Samples) == limit || bytes > maxSampleBytes && len(page.Samples) > 0 {
			page.NextCursor, err = encodeCursor(samplesCursor, last)
			return page, err
		}
		last = sample.Key()
		page.Samples = append(page.Samples, s.sample(&sel, &sample))
	}
	return page, nil
}

func (s *Service) sample(sel *selector, sample *health.Sample) Sample {
	shown := Sample{Grain: sample.Grain, Source: sample.Source, Attributes: objectOrNull(sample.Attributes)}
	conversion, ok := sel.conversion, sample.Unit == sel.storedUnit
	if !ok && sel.known == nil {
		conversion, ok = s.Catalog.Conversion(sample.Unit, sel.unit)
	}
	switch {
	case ok:
		convert(sample, conversion)
	case sample.Unit != sel.unit:
		shown.Unit = &sample.Unit
	}
	_, end := sample.Span()
	shown.Start, shown.End = sample.Start.In(sample.Offset), end.In(sample.Offset)
	shown.Readings = readingsOf(sample)
	return shown
}
