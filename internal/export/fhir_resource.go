package export

// The parts of FHIR R4 (hl7.org/fhir/R4) that are written: Observation with its parts, and Patient.

// The systems of codes.
const (
	systemLOINC     = "http://loinc.org"
	systemUCUM      = "http://unitsofmeasure.org"
	systemHealthKit = "http://developer.apple.com/documentation/healthkit"
	systemCategory  = "http://terminology.hl7.org/CodeSystem/observation-category"
	systemAbsent    = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
	systemMDC       = "urn:oid:2.16.840.1.113883.6.24" // ISO/IEEE 11073-10101, as FHIR names it
)

type fhirCoding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type fhirConcept struct {
	Coding []fhirCoding `json:"coding,omitempty"`
	Text   string       `json:"text,omitempty"`
}

type fhirReference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

type fhirPeriod struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
}

type fhirQuantity struct {
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	System string  `json:"system,omitempty"`
	Code   string  `json:"code,omitempty"`
}

// fhirSampledData is a series of values at intervals of Period milliseconds, separated by spaces.
type fhirSampledData struct {
	Origin     fhirQuantity `json:"origin"`
	Period     float64      `json:"period"`
	Dimensions int          `json:"dimensions"`
	Data       string       `json:"data"`
}

type fhirComponent struct {
	Code  fhirConcept   `json:"code"`
	Value *fhirQuantity `json:"valueQuantity"`
}

type fhirObservation struct {
	ResourceType     string           `json:"resourceType"`
	ID               string           `json:"id"`
	Status           string           `json:"status"`
	Category         []fhirConcept    `json:"category,omitempty"`
	Code             fhirConcept      `json:"code"`
	Subject          fhirReference    `json:"subject"`
	DateTime         string           `json:"effectiveDateTime,omitempty"`
	Period           *fhirPeriod      `json:"effectivePeriod,omitempty"`
	Quantity         *fhirQuantity    `json:"valueQuantity,omitempty"`
	Concept          *fhirConcept     `json:"valueCodeableConcept,omitempty"`
	Text             string           `json:"valueString,omitempty"`
	SampledData      *fhirSampledData `json:"valueSampledData,omitempty"`
	DataAbsentReason *fhirConcept     `json:"dataAbsentReason,omitempty"`
	Interpretation   []fhirConcept    `json:"interpretation,omitempty"`
	Device           *fhirReference   `json:"device,omitempty"`
	Component        []fhirComponent  `json:"component,omitempty"`
}

// explainAbsence sets the reason for the absence of a value, which FHIR requires where an Observation has none.
func (o *fhirObservation) explainAbsence() {
	if o.Quantity == nil && o.Concept == nil && o.Text == "" && len(o.Component) == 0 {
		o.DataAbsentReason = &fhirConcept{Coding: []fhirCoding{{systemAbsent, "unknown"}}}
	}
}

type fhirName struct {
	Text string `json:"text"`
}

type fhirPatient struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id"`
	Name         []fhirName `json:"name,omitempty"`
}

type fhirEntry struct {
	FullURL  string `json:"fullUrl"`
	Resource any    `json:"resource"`
}
