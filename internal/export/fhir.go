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

// fhirEncoder writes a FHIR R4 Bundle of type collection: the person as a Patient without anything but the name, and an
// Observation of every sample, night, workout and electrocardiogram. Codes are LOINC where one means exactly this,
// Apple's identifier where there is one, and always the name as text; units are UCUM. The id of an Observation is the
// same in every export.
//
// What the same moment was measured by, several sources or several grains, is several Observations: the effectivePeriod
// of a summary is the stretch that it sums up.
type fhirEncoder struct {
	w       *bufio.Writer
	user    uuid.UUID
	catalog *catalog.Catalog
	units   map[string]string // UCUM by canonical unit
	times   timeFormatter
	buffer  []byte
}

func newFHIR(w *bufio.Writer, request Request) (*fhirEncoder, error) {
	f := &fhirEncoder{w: w, user: request.User.ID, catalog: request.Catalog, units: map[string]string{}}
	for _, m := range f.catalog.Metrics() {
		if m.Unit != "count" { // what is counted differs
			f.units[m.Unit] = m.UCUM
		}
	}
	fmt.Fprintf(w, `{"resourceType":"Bundle","type":"collection","timestamp":%q,"entry":[`,
		f.times.append(nil, health.InstantOf(request.Now), 0))
	patient := fhirPatient{ResourceType: "Patient", ID: request.User.ID.String()}
	if name := legible(request.User.Name); name != "" {
		patient.Name = []fhirName{{name}}
	}
	return f, f.entry(patient.ID, patient)
}

func (f *fhirEncoder) entry(id string, resource any) error {
	text, err := json.Marshal(fhirEntry{"urn:uuid:" + id, resource}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	_, err = f.w.Write(append(text, '\n'))
	return err
}

// observe writes an Observation; key is what makes it another than all others of this person.
func (f *fhirEncoder) observe(o *fhirObservation, source string, key ...any) error {
	f.buffer = fmt.Appendln(f.buffer[:0], key...)
	o.ResourceType, o.ID, o.Status = "Observation", uuid.NewSHA1(f.user, f.buffer).String(), "final"
	o.Subject.Reference = "urn:uuid:" + f.user.String()
	if display := legible(source); display != "" {
		o.Device = &fhirReference{Display: display}
	}
	if err := f.w.WriteByte(','); err != nil {
		return err
	}
	return f.entry(o.ID, o)
}

// when sets the time of an Observation: a moment, or a stretch; one that has no end begins and was not seen to end.
func (f *fhirEncoder) when(o *fhirObservation, start, end health.Instant, offset int32) {
	from := string(f.times.append(nil, start, offset))
	if end == start {
		o.DateTime = from
		return
	}
	o.Period = &fhirPeriod{Start: from}
	if end > start {
		o.Period.End = string(f.times.append(nil, end, offset))
	}
}

func (f *fhirEncoder) sample(s *health.Sample) error {
	known, _ := f.catalog.Lookup(s.Metric)
	o := &fhirObservation{Code: codeOf(known, s.Metric), Category: categoryOf(known)}
	_, end := s.Span()
	f.when(o, s.Start, end, s.Offset)
	o.Quantity = f.quantity(known, s.Value, s.Unit)
	o.add("minimum", f.quantity(known, s.Min, s.Unit))
	o.add("maximum", f.quantity(known, s.Max, s.Unit))
	o.add("systolic", f.quantity(known, s.Systolic, s.Unit), fhirCoding{systemLOINC, "8480-6"})
	o.add("diastolic", f.quantity(known, s.Diastolic, s.Unit), fhirCoding{systemLOINC, "8462-4"})
	if o.Quantity == nil && len(o.Component) == 0 {
		if o.Text = legible(s.Attributes); o.Text == "" { // values under names of their own
			o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "unknown"}}}
		}
	}
	key := s.Key()
	return f.observe(o, s.Source, "sample", key.Metric, key.Unit, key.Grain, key.Time, key.End, key.Source, key.PerSource)
}

// codeOf names a metric in all the ways that others know it by.
func codeOf(known *catalog.Metric, name string) fhirConcept {
	code := fhirConcept{Text: legible(name)}
	if known == nil {
		return code
	}
	for _, loinc := range known.LOINC {
		code.Coding = append(code.Coding, fhirCoding{systemLOINC, loinc})
	}
	if known.HealthKitID != "" {
		code.Coding = append(code.Coding, fhirCoding{systemHealthKit, known.HealthKitID})
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

// quantity returns a value of a metric with its unit; nil where it is absent. known may be nil.
func (f *fhirEncoder) quantity(known *catalog.Metric, value float64, unit string) *fhirQuantity {
	if health.IsAbsent(value) {
		return nil
	}
	q := &fhirQuantity{Value: value, Unit: legible(unit)}
	if known != nil && known.Unit == unit {
		q.Code = known.UCUM
	} else {
		q.Code = f.units[unit]
	}
	if q.Code != "" {
		q.System = systemUCUM
	}
	return q
}

// add adds a component, unless there is no value.
func (o *fhirObservation) add(name string, value *fhirQuantity, codes ...fhirCoding) {
	if value != nil {
		o.Component = append(o.Component, fhirComponent{fhirConcept{Coding: codes, Text: name}, value})
	}
}

// night writes the sums of a night. Those of the app's stages that LOINC has too carry its codes.
func (f *fhirEncoder) night(n *health.Night) error {
	start, end, ok := n.Span()
	if !ok {
		start, end = n.Date.Midnight(n.Offset), (n.Date + 1).Midnight(n.Offset)
	}
	o := &fhirObservation{
		Category: category("activity"),
		Code:     fhirConcept{Coding: []fhirCoding{{systemLOINC, "93832-4"}}, Text: "sleep"},
	}
	f.when(o, start, end, n.Offset)
	hours := func(v float64) *fhirQuantity { return f.quantity(nil, v, "hr") }
	o.Quantity = hours(n.Total)
	o.add("asleep, stage unknown", hours(n.Asleep))
	o.add("core", hours(n.Core))
	o.add("deep", hours(n.Deep), fhirCoding{systemLOINC, "93831-6"})
	o.add("rem", hours(n.REM), fhirCoding{systemLOINC, "93829-0"})
	o.add("awake", hours(n.Awake))
	o.add("in bed", hours(n.InBed))
	if o.Quantity == nil && len(o.Component) == 0 {
		o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "unknown"}}}
	}
	return f.observe(o, n.Source, "night", n.Date, n.Source, start)
}

// segment writes nothing: R4 has no sound way to say that a stretch of time was one stage of sleep.
func (f *fhirEncoder) segment(*health.Segment) error { return nil }

func (f *fhirEncoder) workout(w *health.Workout) error {
	o := &fhirObservation{
		Category: category("activity"),
		Code:     fhirConcept{Coding: []fhirCoding{{systemLOINC, "73985-4"}}, Text: "workout"},
	}
	if name := legible(w.Name); name != "" {
		o.Concept = &fhirConcept{Text: name}
	}
	f.when(o, w.Start, w.End, w.Offset)
	o.add("duration", f.quantity(nil, w.Duration, "s"), fhirCoding{systemLOINC, "55411-3"})
	for _, name := range slices.Sorted(maps.Keys(w.Quantities)) {
		known, _ := f.catalog.Lookup(name)
		o.add(legible(name), f.quantity(known, w.Quantities[name].Value, w.Quantities[name].Unit), codeOf(known, name).Coding...)
	}
	if o.Concept == nil && len(o.Component) == 0 {
		o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "unknown"}}}
	}
	return f.observe(o, w.Source, "workout", w.ID)
}

// event is not reached: ParseTypes refuses events.
func (f *fhirEncoder) event(*health.Event) error { return errors.New("export: FHIR has no events") }

func (f *fhirEncoder) ecg(e *health.ECG) error {
	o := &fhirObservation{
		Category: category("procedure"),
		Code: fhirConcept{
			Coding: []fhirCoding{{systemLOINC, "11524-6"}, {systemMDC, "131328"}}, Text: "electrocardiogram",
		},
	}
	f.when(o, e.Start, e.End, e.Offset)
	if classification := legible(e.Classification); classification != "" {
		o.Interpretation = []fhirConcept{{Text: classification}}
	}
	if len(e.Voltages) > 0 && e.SamplingFrequency > 0 {
		origin := fhirQuantity{Unit: legible(e.Unit)}
		if e.Unit == "mcV" {
			origin.System, origin.Code = systemUCUM, "uV"
		}
		o.SampledData = &fhirSampledData{
			Origin: origin, Period: 1000 / e.SamplingFrequency, Dimensions: 1, Data: curve(e.Voltages),
		}
	} else {
		o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "not-performed"}}}
	}
	o.add("average heart rate", f.quantity(nil, e.AverageHeartRate, "count/min"), fhirCoding{systemLOINC, "8867-4"})
	return f.observe(o, e.Source, "ecg", e.Start)
}

// curve writes values as SampledData has them: E stands for one that is not there.
func curve(values []float64) string {
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

// legible returns text as FHIR allows it: neither empty (but for blanks) nor with control characters.
func legible(text string) string {
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
