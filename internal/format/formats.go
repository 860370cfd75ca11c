package format

import (
	"bytes"

	"github.com/health-export/health-export/internal/problem"
)

// Formats returns the formats that can be decoded. Each body is in at most one of them.
func Formats() []Format {
	return []Format{
		{Name: "hae", Detect: isJSONKind(haeJSON), Decode: decodeJSON},
		{Name: "typed", Detect: isJSONKind(typedJSON), Decode: decodeJSON},
		{
			Name: "apple", Detect: isApple, Decode: decodeApple,
			DetectArchive: isAppleArchive, DecodeArchive: decodeAppleArchive, WithoutEntries: true, LocalTimes: true, ByHomeZone: true,
		},
		{
			Name: "hae-csv", Detect: isCSV, Decode: decodeCSV,
			DetectArchive: isCSVArchive, DecodeArchive: decodeCSVArchive, WithoutEntries: true, LocalTimes: true,
		},
	}
}

// Detect returns the format of a body that begins with head, the first DetectSize bytes of it or all there are.
//
// The error is a *problem.Error: Invalid with code not_json where the body is in none of the syntaxes, Unrecognised
// with code unrecognised_format where it is JSON of no known format. A body that is truncated, or malformed further on,
// is detected by its beginning; its decoder returns the error.
func Detect(head []byte) (Format, error) {
	for _, format := range Formats() {
		if format.Detect(head) {
			return format, nil
		}
	}
	if detectJSON(head) == otherJSON {
		return Format{}, unrecognised()
	}
	message := "The body is neither JSON nor CSV of Health Auto Export, nor an export of Apple's Health app, nor an archive of such files. Send what the app exports; JSON says more than CSV."
	if len(bytes.TrimSpace(head)) == 0 {
		message = "The body is empty. Send the data as JSON in the body of the request."
	}
	return Format{}, problem.New(problem.Invalid, "not_json", message)
}

// DetectArchive returns the format of the files of an archive. Unrecognised: they are in no known format.
func DetectArchive(a *Archive) (Format, error) {
	for _, format := range Formats() {
		if format.DetectArchive != nil && format.DetectArchive(a) {
			return format, nil
		}
	}
	return Format{}, problem.New(problem.Unrecognised, "unrecognised_archive",
		"The archive holds nothing that is known. Send the export.zip that the Health app makes (your picture, then Export All Health Data), or a zip of the CSV files of Health Auto Export, as it is.")
}
