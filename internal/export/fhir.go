package export

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// fhirEncoder writes a FHIR R4 Bundle of type collection: the person as a Patient with nothing but the name, and an
// Observation of every sample, night, workout and electrocardiogram. Codes are LOINC where there is an exact one,
// Apple's identifier where there is one, and always the name as text; units are UCUM. The id of an Observation is the
// same in every export.
//
// Measurements of the same time by several sources or in several grains are several Observations: the effectivePeriod
// of a summary is the interval that it summarises.
type fhirEncoder struct {
	w         *bufio.Writer
	user      uuid.UUID
	catalog   *catalog.Catalog
	units     map[string]string // UCUM by canonical unit
	times     timeFormatter
	keyBuffer []byte
}

func newFHIR(w *bufio.Writer, request Request) (*fhirEncoder, error) {
	f := &fhirEncoder{w: w, user: request.User.ID, catalog: request.Catalog, units: map[string]string{}}
	for _, m := range f.catalog.Metrics() {
		if m.Unit != "count" { // which has a different UCUM code by metric
			f.units[m.Unit] = m.UCUM
		}
	}
	fmt.Fprintf(w, `{"resourceType":"Bundle","type":"collection","timestamp":%q,"entry":[`,
		f.times.append(nil, health.InstantOf(request.Now), 0))
	patient := fhirPatient{ResourceType: "Patient", ID: request.User.ID.String()}
	if name := fhirText(request.User.Name); name != "" {
		patient.Name = []fhirName{{name}}
	}
	return f, f.writeEntry(patient.ID, patient)
}

func (f *fhirEncoder) writeEntry(id string, resource any) error {
	text, err := json.Marshal(fhirEntry{"urn:uuid:" + id, resource}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	_, err = f.w.Write(append(text, '\n'))
	return err
}

// writeObservation writes an Observation; key distinguishes it from all others of this person.
func (f *fhirEncoder) writeObservation(o *fhirObservation, source string, key ...any) error {
	f.keyBuffer = fmt.Appendln(f.keyBuffer[:0], key...)
	o.ResourceType, o.ID, o.Status = "Observation", uuid.NewSHA1(f.user, f.keyBuffer).String(), "final"
	o.Subject.Reference = "urn:uuid:" + f.user.String()
	if display := fhirText(source); display != "" {
		o.Device = &fhirReference{Display: display}
	}
	if err := f.w.WriteByte(','); err != nil {
		return err
	}
	return f.writeEntry(o.ID, o)
}

// setEffective sets the time of an Observation: an instant, or a period, which has no end where end is before start.
func (f *fhirEncoder) setEffective(o *fhirObservation, start, end health.Instant, offset, endOffset int32) {
	from := string(f.times.append(nil, start, offset))
	if end == start {
		o.DateTime = from
		return
	}
	o.Period = &fhirPeriod{Start: from}
	if end > start {
		o.Period.End = string(f.times.append(nil, end, endOffset))
	}
}

func (f *fhirEncoder) sample(s *health.Sample) error {
	metric, _ := f.catalog.Lookup(s.Metric)
	o := &fhirObservation{Code: codeOf(metric, s.Metric), Category: categoryOf(metric)}
	_, end := s.Span()
	f.setEffective(o, s.Start, end, s.Offset, s.Offset)
	o.Quantity = f.quantity(metric, s.Value, s.Unit)
	o.addComponent("minimum", f.quantity(metric, s.Min, s.Unit))
	o.addComponent("maximum", f.quantity(metric, s.Max, s.Unit))
	o.addComponent("systolic", f.quantity(metric, s.Systolic, s.Unit), fhirCoding{systemLOINC, "8480-6"})
	o.addComponent("diastolic", f.quantity(metric, s.Diastolic, s.Unit), fhirCoding{systemLOINC, "8462-4"})
	if o.Quantity == nil && len(o.Component) == 0 {
		o.Text = fhirText(s.Attributes) // the values are attributes
	}
	o.explainAbsence()
	key := s.Key()
	return f.writeObservation(o, s.Source, "sample", key.Metric, key.Unit, key.Grain, key.Time, key.End, key.Source, key.PerSource)
}

// codeOf returns the codes and the name of a metric. metric is nil for one that is not in the catalogue.
func codeOf(metric *catalog.Metric, name string) fhirConcept {
	code := fhirConcept{Text: fhirText(name)}
	if metric == nil {
		return code
	}
	for _, loinc := range metric.LOINC {
		code.Coding = append(code.Coding, fhirCoding{systemLOINC, loinc})
	}
	if metric.HealthKitID != "" {
		code.Coding = append(code.Coding, fhirCoding{systemHealthKit, metric.HealthKitID})
	}
	return code
}

// categoryOf returns the FHIR category of a metric; none where it has none, or the catalogue does not have the metric.
func categoryOf(known *catalog.Metric) []fhirConcept {
	if known == nil || known.FHIRCategory == "" {
		return nil
	}
	return category(known.FHIRCategory)
}

func category(code string) []fhirConcept {
	return []fhirConcept{{Coding: []fhirCoding{{systemCategory, code}}}}
}

// quantity returns a value of a metric with its unit; nil where it is absent. metric may be nil.
func (f *fhirEncoder) quantity(metric *catalog.Metric, value float64, unit string) *fhirQuantity {
	if health.IsAbsent(value) {
		return nil
	}
	q := &fhirQuantity{Value: value, Unit: fhirText(unit)}
	if metric != nil && metric.Unit == unit {
		q.Code = metric.UCUM
	} else {
		q.Code = f.units[unit]
	}
	if q.Code != "" {
		q.System = systemUCUM
	}
	return q
}

// addComponent adds a component, unless value is nil.
func (o *fhirObservation) addComponent(name string, value *fhirQuantity, codes ...fhirCoding) {
	if value != nil {
		o.Component = append(o.Component, fhirComponent{fhirConcept{Coding: codes, Text: name}, value})
	}
}

// night writes the durations of a night. Stages that LOINC has too carry its codes.
func (f *fhirEncoder) night(n *health.Night) error {
	start, end, ok := n.Span()
	if !ok {
		start, end = n.Date.Midnight(n.StartOffset()), (n.Date + 1).Midnight(n.Offset)
	}
	o := &fhirObservation{
		Category: category("activity"),
		Code:     fhirConcept{Coding: []fhirCoding{{systemLOINC, "93832-4"}}, Text: "sleep"},
	}
	f.setEffective(o, start, end, n.StartOffset(), n.Offset)
	hours := func(v float64) *fhirQuantity { return f.quantity(nil, v, "hr") }
	o.Quantity = hours(n.TotalSleep())
	o.addComponent("asleep, stage unknown", hours(n.Asleep))
	o.addComponent("core", hours(n.Core))
	o.addComponent("deep", hours(n.Deep), fhirCoding{systemLOINC, "93831-6"})
	o.addComponent("rem", hours(n.REM), fhirCoding{systemLOINC, "93829-0"})
	o.addComponent("awake", hours(n.Awake))
	o.addComponent("in bed", hours(n.InBed))
	o.explainAbsence()
	return f.writeObservation(o, n.Source, "night", n.Date, n.Source, start)
}

// segment writes nothing: R4 has no adequate way to express that an interval was one stage of sleep.
func (f *fhirEncoder) segment(*health.Segment) error { return nil }

func (f *fhirEncoder) workout(w *health.Workout) error {
	o := &fhirObservation{
		Category: category("activity"),
		Code:     fhirConcept{Coding: []fhirCoding{{systemLOINC, "73985-4"}}, Text: "workout"},
	}
	if name := fhirText(w.Name); name != "" {
		o.Concept = &fhirConcept{Text: name}
	}
	f.setEffective(o, w.Start, w.End, w.Offset, w.EndOffset())
	o.addComponent("duration", f.quantity(nil, w.Duration, "s"), fhirCoding{systemLOINC, "55411-3"})
	for _, name := range slices.Sorted(maps.Keys(w.Quantities)) {
		metric, _ := f.catalog.Lookup(name)
		o.addComponent(fhirText(name), f.quantity(metric, w.Quantities[name].Value, w.Quantities[name].Unit), codeOf(metric, name).Coding...)
	}
	o.explainAbsence()
	return f.writeObservation(o, w.Source, "workout", w.ID)
}

// event is not called: ParseTypes rejects events.
func (f *fhirEncoder) event(*health.Event) error { return errors.New("export: FHIR has no events") }

func (f *fhirEncoder) ecg(e *health.ECG) error {
	o := &fhirObservation{
		Category: category("procedure"),
		Code: fhirConcept{
			Coding: []fhirCoding{{systemLOINC, "11524-6"}, {systemMDC, "131328"}}, Text: "electrocardiogram",
		},
	}
	f.setEffective(o, e.Start, e.End, e.Offset, e.Offset)
	if classification := fhirText(e.Classification); classification != "" {
		o.Interpretation = []fhirConcept{{Text: classification}}
	}
	if len(e.Voltages) > 0 && e.SamplingFrequency > 0 {
		origin := fhirQuantity{Unit: fhirText(e.Unit)}
		if e.Unit == "mcV" {
			origin.System, origin.Code = systemUCUM, "uV"
		}
		o.SampledData = &fhirSampledData{
			Origin: origin, Period: 1000 / e.SamplingFrequency, Dimensions: 1, Data: sampledValues(e.Voltages),
		}
	} else {
		o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "not-performed"}}}
	}
	o.addComponent("average heart rate", f.quantity(nil, e.AverageHeartRate, "count/min"), fhirCoding{systemLOINC, "8867-4"})
	return f.writeObservation(o, e.Source, "ecg", e.Start)
}

// sampledValues returns values in the syntax of SampledData, in which E is a missing value.
func sampledValues(values []float64) string {
	var b []byte
	for i, v := range values {
		if i > 0 {
			b = append(b, ' ')
		}
		if health.IsAbsent(v) {
			b = append(b, 'E')
			continue
		}
		b = appendNumber(b, v)
	}
	return string(b)
}

func (f *fhirEncoder) close() error {
	_, err := f.w.WriteString("]}")
	return err
}

// fhirText returns text as FHIR allows it: without control characters, and "" for spaces alone, which the caller must
// omit.
func fhirText(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, text)
	}
	return strings.TrimSpace(text)
}
