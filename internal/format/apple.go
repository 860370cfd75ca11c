package format

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// isApple recognises the XML that Apple's Health app exports by its root element, which the definition of the
// document's type in front of it names too.
func isApple(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	return bytes.HasPrefix(head, []byte("<")) &&
		(bytes.Contains(head, []byte("<HealthData")) || bytes.Contains(head, []byte("<!DOCTYPE HealthData")))
}

// isAppleArchive recognises the archive that Apple's Health app makes.
func isAppleArchive(a *Archive) bool { return findAppleXML(a) != "" }

// findAppleXML returns the name of the file that holds the data: whatever the language of the phone calls it, it is known
// by its content. "" where there is none.
func findAppleXML(a *Archive) string {
	const candidates = 100 // it is one of the largest
	looked := 0
	for _, name := range a.Names() {
		if !strings.EqualFold(path.Ext(name), ".xml") {
			continue
		}
		if head, err := a.Head(name, DetectSize); err == nil && isApple(head) {
			return name
		}
		if looked++; looked == candidates {
			return ""
		}
	}
	return ""
}

// decodeApple reads export.xml alone.
func decodeApple(body io.Reader, o Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		newAppleDecoder(o, nil, "", yield).run(body)
	}
}

// decodeAppleArchive reads the archive: the main file, the routes and health records it refers to, and the
// electrocardiograms.
func decodeAppleArchive(archive *Archive, o Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		main := findAppleXML(archive)
		file, err := archive.Open(main)
		if err != nil {
			yield(health.Record{}, err)
			return
		}
		defer file.Close()
		newAppleDecoder(o, archive, path.Dir(main), yield).run(file)
	}
}

// appleDecoder is one export while it is read.
type appleDecoder struct {
	scan           *xmlscan.Scanner
	archive        *Archive // nil for the XML alone
	directory      string   // of the main file in the archive
	referenced     map[string]bool
	options        Options
	yield          func(health.Record, error) bool
	zones          zoneCache
	textCache      textCache // sources and units
	attributeCache textCache // attributes
	stageCache     textCache // of sleep
	types          map[string]*appleType
	record         appleRecord
	sample         [1]health.Sample
	segment        health.Segment
	counts         map[string]int // how many elements there were of each name
	scratch        []byte
}

func newAppleDecoder(o Options, archive *Archive, folder string, yield func(health.Record, error) bool) *appleDecoder {
	return &appleDecoder{
		archive: archive, directory: folder, referenced: map[string]bool{}, options: o, yield: yield, zones: newZones(o.Location),
		textCache: textCache{}, attributeCache: textCache{}, stageCache: textCache{}, types: map[string]*appleType{}, counts: map[string]int{},
	}
}

// run reads the main file to its end, and then the files that stand for themselves.
func (a *appleDecoder) run(main io.Reader) {
	a.scan = xmlscan.New(main)
	err := a.readElements()
	if err == nil && a.archive != nil {
		err = a.readOtherFiles()
	}
	if err != nil && !errors.Is(err, errStopped) {
		a.yield(health.Record{}, xmlProblem(err))
	}
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

// nextPosition counts the elements of a name and says where this one stands: its index among them.
func (a *appleDecoder) nextPosition(name, typ string) health.Position {
	at := health.Position{Type: typ, Entry: a.counts[name], Point: -1}
	a.counts[name]++
	return at
}

// emit yields a record; reject a refusal.
func (a *appleDecoder) emit(r health.Record) error {
	for i := range r.Warnings {
		r.Warnings[i].Position = r.Position
	}
	if !a.yield(r, nil) {
		return errStopped
	}
	return nil
}

func (a *appleDecoder) reject(at health.Position, typ, field, message, suggestion string) error {
	if !a.yield(health.Record{Position: at, Type: typ}, newRejection(at, field, message, suggestion)) {
		return errStopped
	}
	return nil
}

// text returns what was sent as a string that may be kept: valid, and without the characters no store takes. A text that
// came before is not copied.
func (a *appleDecoder) text(sent []byte) string {
	if text, ok := a.textCache.get(sent); ok {
		return text
	}
	return a.textCache.put(sent, sanitize(sent))
}

func sanitize(sent []byte) string {
	text := strings.ToValidUTF8(string(sent), "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "")
}

// xmlProblem says what is wrong with a document.
func xmlProblem(err error) error {
	fault, ok := errors.AsType[*xmlscan.Error](err)
	if !ok {
		return err
	}
	code, message := "malformed_xml", "The XML cannot be read: it is not well-formed. Export again, or tell us, so that we can learn to read it."
	switch fault.Cause {
	case xmlscan.ErrCutOff:
		code, message = "incomplete_body", "The XML breaks off before its end. Export again with enough free space on the phone, and send the whole file."
	case xmlscan.ErrEntities:
		code, message = "xml_entities", "The XML defines entities of its own, which the Health app never does. It is refused, because such a file can be made to grow without end."
	case xmlscan.ErrTooDeep, xmlscan.ErrTooLong:
		code, message = "xml_too_large", "The XML has an element that is nested too deeply or is too long. Send the file as the phone made it."
	}
	return problem.New(problem.Invalid, code, message).Because(fault)
}

// zoneCache finds out what the clock of a person showed: the export writes the offset of the day it was made for all times.
type zoneCache struct {
	home  cachedZone
	named map[string]*cachedZone
}

// cachedZone is a time zone with the stretch of time around the last look-up in which its offset is the same.
type cachedZone struct {
	location *time.Location
	from, to health.Instant
	offset   int32
}

// maxZones is more than there are.
const maxZones = 1000

func newZones(home *time.Location) zoneCache {
	if home == nil {
		home = time.UTC
	}
	return zoneCache{home: cachedZone{location: home}, named: map[string]*cachedZone{}}
}

// offset returns the offset at an instant in the zone of that name, an IANA name, or at home where there is none.
func (z *zoneCache) offset(at health.Instant, name []byte) int32 {
	if len(name) == 0 {
		return z.home.offsetAt(at)
	}
	named, ok := z.named[string(name)]
	if !ok {
		named = &z.home
		if location, err := time.LoadLocation(string(name)); err == nil && string(name) != "Local" {
			named = &cachedZone{location: location}
		}
		if len(z.named) < maxZones {
			z.named[string(name)] = named
		}
	}
	return named.offsetAt(at)
}

func (z *cachedZone) offsetAt(at health.Instant) int32 {
	if at >= z.from && at < z.to {
		return z.offset
	}
	local := at.Time().In(z.location)
	_, offset := local.Zone()
	z.offset, z.from, z.to = int32(offset), health.MinInstant, health.MaxInstant
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		z.from = health.InstantOf(start)
	}
	if !end.IsZero() {
		z.to = health.InstantOf(end)
	}
	return z.offset
}
