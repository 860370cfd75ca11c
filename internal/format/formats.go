package format

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/problem"
)

// Formats returns the formats that can be read. Each body is in at most one of them.
func Formats() []Format {
	return []Format{
		{Name: "hae", Detect: isForm(formHAE), Decode: decodeBody},
		{Name: "typed", Detect: isForm(formTyped), Decode: decodeBody},
		{
			Name: "apple", Detect: isApple, Decode: decodeApple,
			DetectArchive: isAppleArchive, DecodeArchive: decodeAppleArchive, WithoutItems: true,
		},
		{
			Name: "hae-csv", Detect: isTables, Decode: decodeTables,
			DetectArchive: holdsTables, DecodeArchive: decodeTableArchive, WithoutItems: true,
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
	if formOf(head) == formOther {
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

// form is what a body looks like from its beginning.
type form uint8

const (
	formNone  form = iota // no JSON
	formOther             // JSON, but nothing that is known
	formHAE
	formTyped
)

func isForm(wanted form) func(head []byte) bool {
	return func(head []byte) bool { return formOf(head) == wanted }
}

func formOf(head []byte) form {
	head = bytes.TrimPrefix(head, byteOrderMark)
	start := skipSpace(head, 0)
	if start == len(head) {
		return formNone
	}
	switch c := head[start]; {
	case c == '{':
		look := formLook{decoder: jsontext.NewDecoder(bytes.NewReader(head[start:]), jsontext.AllowDuplicateNames(true))}
		return look.envelope()
	case c == '[':
		return formOther
	}
	scan := valueScan{last: true}
	end, done, err := scan.run(head, start)
	if err != nil || !done || skipSpace(head, end) < len(head) {
		return formNone
	}
	return formOther
}

// formLook looks at the beginning of a body until it is clear what it is. The two forms have the same envelope; it is
// the first entry of a list that tells them apart.
type formLook struct {
	decoder *jsontext.Decoder
	known   bool // a member of the envelope was one that is known
}

// envelope looks at the objects down to the lists. Where the head ends before anything is clear, the body is taken for
// the app's own form.
func (l *formLook) envelope() form {
	for depth := 0; ; {
		token, err := l.decoder.ReadToken()
		if err != nil {
			return formHAE
		}
		switch token.Kind() {
		case '{':
			depth++
			continue
		case '}':
			if depth--; depth == 0 {
				return l.untold()
			}
			continue
		}
		if found, ok := l.member(token.String()); ok {
			return found
		}
	}
}

// untold is the form of a body that was seen whole without telling which it is.
func (l *formLook) untold() form {
	if l.known {
		return formHAE
	}
	return formOther
}

// member looks at a member of the envelope, up to where an object in it begins that belongs to the envelope too.
func (l *formLook) member(name string) (found form, ok bool) {
	kind := l.decoder.PeekKind()
	switch {
	case name == "data" && kind == '{':
		l.known = true
		return 0, false
	case name == "payload" && kind == '{':
		return 0, false
	case name == "data" && (kind == '[' || kind == 'n'), isContent(name):
		l.known = true
	case name == "type" && l.known:
		return formTyped, true
	}
	if kind == '[' && (name == "data" || name == "metrics" || name == "workouts") {
		return l.list()
	}
	if name == "metrics" && kind == '{' {
		return formTyped, true
	}
	if l.decoder.SkipValue() != nil {
		return formHAE, true
	}
	return 0, false
}

// list looks at the entries of a list until one of them tells the form.
func (l *formLook) list() (found form, ok bool) {
	if _, err := l.decoder.ReadToken(); err != nil {
		return formHAE, true
	}
	for l.decoder.PeekKind() != ']' {
		if l.decoder.PeekKind() == '{' {
			return l.entry(), true
		}
		if l.decoder.SkipValue() != nil {
			return formHAE, true
		}
	}
	_, err := l.decoder.ReadToken()
	return formHAE, err != nil
}

func (l *formLook) entry() form {
	if _, err := l.decoder.ReadToken(); err != nil {
		return formHAE
	}
	for {
		name, err := l.decoder.ReadToken()
		if err != nil || name.Kind() != '"' {
			return formHAE
		}
		switch name.String() {
		case "data":
			return formHAE
		case "type", "recorded_at", "workout_type", "start_time", "started_at":
			return formTyped
		}
		if l.decoder.SkipValue() != nil {
			return formHAE
		}
	}
}
