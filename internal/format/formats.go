package format

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/problem"
)

// Formats returns the formats that can be read. Each body is in at most one of them.
func Formats() []Format {
	return []Format{
		{Name: "hae", Detect: isJSONKind(haeJSON), Decode: decodeJSON},
		{Name: "typed", Detect: isJSONKind(typedJSON), Decode: decodeJSON},
		{
			Name: "apple", Detect: isApple, Decode: decodeApple,
			DetectArchive: isAppleArchive, DecodeArchive: decodeAppleArchive, WithoutEntries: true,
		},
		{
			Name: "hae-csv", Detect: isCSV, Decode: decodeCSV,
			DetectArchive: isCSVArchive, DecodeArchive: decodeCSVArchive, WithoutEntries: true,
		},
	}
}

// Detect returns the format of a body that begins with head, the first DetectSize bytes of it or all there are.
//
// The error is a *problem.Error: Invalid with code not_json where the body is nothing that could be read, Unrecognised
// with code unrecognised_format where it is JSON but of no known form. A body that breaks off, or turns out to be no
// JSON further on, is detected by its beginning; its decoder will say so.
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

// DetectArchive returns the format of the files of an archive. Unrecognised: they are in none that is known.
func DetectArchive(a *Archive) (Format, error) {
	for _, format := range Formats() {
		if format.DetectArchive != nil && format.DetectArchive(a) {
			return format, nil
		}
	}
	return Format{}, problem.New(problem.Unrecognised, "unrecognised_archive",
		"The archive holds nothing that is known. Send the export.zip that the Health app makes (your picture, then Export All Health Data), or a zip of the CSV files of Health Auto Export, as it is.")
}

// jsonKind is what a body looks like from its beginning.
type jsonKind uint8

const (
	notJSON   jsonKind = iota // no JSON
	otherJSON                 // JSON, but nothing that is known
	haeJSON
	typedJSON
)

func isJSONKind(wanted jsonKind) func(head []byte) bool {
	return func(head []byte) bool { return detectJSON(head) == wanted }
}

func detectJSON(head []byte) jsonKind {
	head = bytes.TrimPrefix(head, byteOrderMark)
	start := skipSpace(head, 0)
	if start == len(head) {
		return notJSON
	}
	switch c := head[start]; {
	case c == '{':
		look := jsonDetector{decoder: jsontext.NewDecoder(bytes.NewReader(head[start:]), jsontext.AllowDuplicateNames(true))}
		return look.envelope()
	case c == '[':
		return otherJSON
	}
	scan := valueScan{final: true}
	end, done, err := scan.run(head, start)
	if err != nil || !done || skipSpace(head, end) < len(head) {
		return notJSON
	}
	return otherJSON
}

// jsonDetector looks at the beginning of a body until it is clear what it is. The two forms have the same envelope; it is
// the first entry of a list that tells them apart.
type jsonDetector struct {
	decoder *jsontext.Decoder
	known   bool // a member of the envelope was one that is known
}

// envelope looks at the objects down to the lists. Where the head ends before anything is clear, the body is taken for
// the app's own form.
func (l *jsonDetector) envelope() jsonKind {
	for depth := 0; ; {
		token, err := l.decoder.ReadToken()
		if err != nil {
			return haeJSON
		}
		switch token.Kind() {
		case '{':
			depth++
			continue
		case '}':
			if depth--; depth == 0 {
				return l.undecided()
			}
			continue
		}
		if found, ok := l.member(token.String()); ok {
			return found
		}
	}
}

// undecided is the form of a body that was seen whole without telling which it is.
func (l *jsonDetector) undecided() jsonKind {
	if l.known {
		return haeJSON
	}
	return otherJSON
}

// member looks at a member of the envelope, up to where an object in it begins that belongs to the envelope too.
func (l *jsonDetector) member(name string) (found jsonKind, ok bool) {
	kind := l.decoder.PeekKind()
	switch {
	case name == "data" && kind == '{':
		l.known = true
		return 0, false
	case name == "payload" && kind == '{':
		return 0, false
	case name == "data" && (kind == '[' || kind == 'n'), isKnownList(name):
		l.known = true
	case name == "type" && l.known:
		return typedJSON, true
	}
	if kind == '[' && (name == "data" || name == "metrics" || name == "workouts") {
		return l.list()
	}
	if name == "metrics" && kind == '{' {
		return typedJSON, true
	}
	if l.decoder.SkipValue() != nil {
		return haeJSON, true
	}
	return 0, false
}

// list looks at the entries of a list until one of them tells the form.
func (l *jsonDetector) list() (found jsonKind, ok bool) {
	if _, err := l.decoder.ReadToken(); err != nil {
		return haeJSON, true
	}
	for l.decoder.PeekKind() != ']' {
		if l.decoder.PeekKind() == '{' {
			return l.entry(), true
		}
		if l.decoder.SkipValue() != nil {
			return haeJSON, true
		}
	}
	_, err := l.decoder.ReadToken()
	return haeJSON, err != nil
}

func (l *jsonDetector) entry() jsonKind {
	if _, err := l.decoder.ReadToken(); err != nil {
		return haeJSON
	}
	for {
		name, err := l.decoder.ReadToken()
		if err != nil || name.Kind() != '"' {
			return haeJSON
		}
		switch name.String() {
		case "data":
			return haeJSON
		case "type", "recorded_at", "workout_type", "start_time", "started_at":
			return typedJSON
		}
		if l.decoder.SkipValue() != nil {
			return haeJSON
		}
	}
}
