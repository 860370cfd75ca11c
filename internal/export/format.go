package export

import (
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/problem"
)

// Format is the format of an export.
type Format string

// The formats.
const (
	FormatCSV     Format = "csv"
	FormatNDJSON  Format = "ndjson"
	FormatParquet Format = "parquet"
	FormatFHIR    Format = "fhir"
	FormatZip     Format = "zip"
)

// Formats returns the names of the formats.
func Formats() []string { return []string{"csv", "ndjson", "parquet", "fhir", "zip"} }

// MediaType returns the content type of the format.
func (f Format) MediaType() string {
	return map[Format]string{
		FormatCSV: "text/csv; charset=utf-8", FormatNDJSON: "application/x-ndjson",
		FormatParquet: "application/vnd.apache.parquet", FormatFHIR: "application/fhir+json", FormatZip: "application/zip",
	}[f]
}

// Extension returns the extension of files in the format.
func (f Format) Extension() string {
	if f == FormatFHIR {
		return ".fhir.json"
	}
	return "." + string(f)
}

// Type is a type of exported data.
type Type string

// The types. Sleep is both nights, as the app sums them, and segments.
const (
	TypeSamples  Type = "samples"
	TypeSleep    Type = "sleep"
	TypeWorkouts Type = "workouts"
	TypeEvents   Type = "events"
	TypeECG      Type = "ecg"
)

var allTypes = []Type{TypeSamples, TypeSleep, TypeWorkouts, TypeEvents, TypeECG}

// standardTypes returns the types of an export that names none. A CSV or Parquet file is one table, so it has one type.
func (f Format) standardTypes() []Type {
	switch f {
	case FormatCSV, FormatParquet:
		return []Type{TypeSamples}
	case FormatFHIR:
		return []Type{TypeSamples, TypeSleep, TypeWorkouts, TypeECG}
	default:
		return allTypes
	}
}

// ParseTypes parses types separated by commas, in any order; "" stands for the standard types of the format. Invalid: a
// type is unknown, or the format cannot hold it, or not together with another.
func ParseTypes(format Format, text string) ([]Type, error) {
	if text == "" {
		return format.standardTypes(), nil
	}
	var types []Type
	for name := range strings.SplitSeq(text, ",") {
		t := Type(strings.TrimSpace(name))
		if !slices.Contains(allTypes, t) {
			return nil, typesError("The types are samples, sleep, workouts, events and ecg, separated by commas.").Allowing(allowedTypes()...)
		}
		if format == FormatFHIR && t == TypeEvents {
			return nil, typesError("FHIR has no code for events as they are recorded here. Export them as ndjson or csv.")
		}
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) > 1 && (format == FormatCSV || format == FormatParquet) {
		return nil, typesError("A " + string(format) + " file is one table. Name one type, or export as ndjson or zip.")
	}
	slices.SortFunc(types, func(a, b Type) int { return slices.Index(allTypes, a) - slices.Index(allTypes, b) })
	return types, nil
}

func allowedTypes() (names []string) {
	for _, t := range allTypes {
		names = append(names, string(t))
	}
	return names
}

func typesError(message string) *problem.Error {
	return problem.New(problem.Invalid, "invalid_types", message).In("types")
}
