package format

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// isApple recognises the XML that Apple's Health app exports by its root element or its DOCTYPE.
func isApple(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	return bytes.HasPrefix(head, []byte("<")) &&
		(bytes.Contains(head, []byte("<HealthData")) || bytes.Contains(head, []byte("<!DOCTYPE HealthData")))
}

// isAppleArchive recognises the archive that Apple's Health app exports.
func isAppleArchive(a *Archive) bool { return findAppleXML(a) != "" }

// findAppleXML returns the name of the file with the data, "" where there is none. It depends on the language of the
// phone, so the file is recognised by its content.
func findAppleXML(a *Archive) string {
	const maxCandidates = 100 // it is one of the largest files
	candidates := 0
	for _, name := range a.Names() {
		if !strings.EqualFold(path.Ext(name), ".xml") {
			continue
		}
		if head, err := a.Head(name, DetectSize); err == nil && isApple(head) {
			return name
		}
		if candidates++; candidates == maxCandidates {
			return ""
		}
	}
	return ""
}

// decodeApple decodes export.xml alone. It is a Decoder.
func decodeApple(body io.Reader, o Options) iter.Seq2[health.Record, error] {
	return records(func(e emitter) error { return newAppleDecoder(o, nil, "", e).decode(body) })
}

// decodeAppleArchive decodes the archive: the main file, the routes and health records it refers to, and the
// electrocardiograms.
func decodeAppleArchive(archive *Archive, o Options) iter.Seq2[health.Record, error] {
	return records(func(e emitter) error {
		main := findAppleXML(archive)
		file, err := archive.Open(main)
		if err != nil {
			return err
		}
		defer file.Close()
		return newAppleDecoder(o, archive, path.Dir(main), e).decode(file)
	})
}

// appleDecoder decodes one export.
type appleDecoder struct {
	emitter
	scan           *xmlscan.Scanner
	archive        *Archive        // nil for the XML alone
	directory      string          // of the main file in the archive
	referenced     map[string]bool // files of the archive that the main file refers to
	options        Options
	times          *timeReader
	zones          zoneCache
	texts          textCache // sources and units
	attributeTexts textCache // attributes
	stages         textCache // of sleep
	types          map[string]*hkType
	devices        deviceCache
	record         appleRecord
	sample         [1]health.Sample
	segment        health.Segment
	counts         map[string]int // of the elements so far, by name
	scratch        []byte
}

func newAppleDecoder(o Options, archive *Archive, directory string, e emitter) *appleDecoder {
	return &appleDecoder{
		emitter: e, archive: archive, directory: directory, referenced: map[string]bool{}, options: o, times: o.timeReader(), zones: newZoneCache(o.Location),
		texts: textCache{}, attributeTexts: textCache{}, stages: textCache{}, types: map[string]*hkType{}, counts: map[string]int{},
	}
}

// decode decodes the main file, and then the files of the archive that are elements of their own.
func (a *appleDecoder) decode(main io.Reader) error {
	a.scan = xmlscan.New(main)
	err := a.readElements()
	if err == nil && a.archive != nil {
		err = a.readOtherFiles()
	}
	return xmlProblem(err)
}

// readElements reads the root element and everything in it.
func (a *appleDecoder) readElements() error {
	kind, err := a.scan.Next()
	if err != nil {
		return err
	}
	if kind != xmlscan.Start || string(a.scan.Name()) != "HealthData" {
		return problem.New(problem.Unrecognised, "unrecognised_format",
			"The XML is not an export of the Health app: its first element is not HealthData.")
	}
	for {
		switch kind, err = a.scan.Next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case kind != xmlscan.Start:
			continue
		}
		if string(a.scan.Name()) == "Record" {
			err = a.readRecord()
		} else {
			err = a.readElement()
		}
		if err != nil {
			return err
		}
	}
}

// nextPosition returns the position of the next element of a name: its index among those of that name.
func (a *appleDecoder) nextPosition(name, typ string) health.Position {
	at := health.Position{Type: typ, Entry: a.counts[name], Point: -1}
	a.counts[name]++
	return at
}

func (a *appleDecoder) reject(at health.Position, typ, field, message, suggestion string) error {
	return a.emitRejection(health.Record{Type: typ}, newRejection(at, field, message, suggestion))
}

// text returns sanitized text. Equal texts are allocated once.
func (a *appleDecoder) text(sent []byte) string {
	if text, ok := a.texts.get(sent); ok {
		return text
	}
	return a.texts.put(sent, sanitize(sent))
}

// xmlProblem returns the *problem.Error for an error of xmlscan, and any other error as it is.
func xmlProblem(err error) error {
	fault, ok := errors.AsType[*xmlscan.Error](err)
	if !ok {
		return err
	}
	code, message := "malformed_xml", "The XML cannot be read: it is not well-formed. Export again, or tell us, so that we can learn to read it."
	switch fault.Cause {
	case xmlscan.ErrTruncated:
		code, message = "incomplete_body", "The XML breaks off before its end. Export again with enough free space on the phone, and send the whole file."
	case xmlscan.ErrEntities:
		code, message = "xml_entities", "The XML defines entities of its own, which the Health app never does. It is refused, because such a file can be made to grow without end."
	case xmlscan.ErrTooDeep, xmlscan.ErrTooLong:
		code, message = "xml_too_large", "The XML has an element that is nested too deeply or is too long. Send the file as the phone made it."
	}
	return problem.New(problem.Invalid, code, message).Because(fault)
}
