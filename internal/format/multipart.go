package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// isFormData recognises multipart/form-data by its first lines: the boundary, and the header of the first part.
func isFormData(head []byte) bool {
	line, rest, ok := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !ok || len(line) < 3 || len(line) > 72 || !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	header, _, _ := bytes.Cut(rest, []byte("\n"))
	name, _, ok := bytes.Cut(header, []byte(":"))
	return ok && bytes.HasPrefix(bytes.ToLower(name), []byte("content-"))
}

// boundaryOf returns the boundary of a form that begins with head. The one in the Content-Type header is not used:
// formats are detected from content alone.
func boundaryOf(head []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	return strings.TrimPrefix(string(bytes.TrimRight(line, "\r ")), "--")
}

// decodeMultipart decodes the parts of a multipart form in order.
func (d *csvDecoder) decodeMultipart(body io.Reader, head []byte) error {
	boundary := boundaryOf(head)
	source := &multipartBody{reader: body}
	parts := multipart.NewReader(source, boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF && bytes.Contains(source.tail, []byte("--"+boundary+"--")) {
			return nil
		}
		if err != nil {
			return source.problem(err)
		}
		if err := d.decodeFile(partReader{part, source}, parseFileName(part.FileName(), part.FormName())); err != nil {
			return err
		}
	}
}

// multipartBody reads a multipart form. It keeps errors of reading apart from those of a malformed form, which package
// multipart does not distinguish.
type multipartBody struct {
	reader    io.Reader
	readError error
	tail      []byte // the last bytes read, to check for the final boundary: package multipart accepts a form that ends in a part's header
}

// maxTail is at least what package multipart reads at once.
const maxTail = 8 << 10

func (b *multipartBody) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	if err != nil && err != io.EOF {
		b.readError = err
	}
	if b.tail = append(b.tail, p[:n]...); len(b.tail) > maxTail {
		b.tail = append(b.tail[:0], b.tail[len(b.tail)-maxTail:]...)
	}
	return n, err
}

// problem returns the error of reading where there was one, and otherwise that the form is malformed.
func (b *multipartBody) problem(err error) error {
	if b.readError != nil {
		return b.readError
	}
	return problem.New(problem.Invalid, "broken_form", "The form breaks off before its end, or is not multipart/form-data. Send it again.").Because(err)
}

// partReader reads one part of a form.
type partReader struct {
	part *multipart.Part
	body *multipartBody
}

func (p partReader) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	if err != nil && err != io.EOF {
		err = p.body.problem(err)
	}
	return n, err
}

// decodeFile decodes one file of several. An error in it rejects the file, which stays in the archive, and not the
// others.
func (d *csvDecoder) decodeFile(content io.Reader, name fileName) error {
	at := health.Position{Type: "file", Entry: d.files, Point: -1}
	d.files++
	head, content, err := peek(content)
	if err != nil {
		return err
	}
	switch trimmed := bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n"); {
	case len(trimmed) == 0:
		return nil
	case trimmed[0] == '{':
		err = d.decodeJSONFile(content)
	case trimmed[0] == '<':
		err = d.decodeGPX(content, name)
	case IsArchive(head) || isFormData(head):
		err = unknownTable()
	default:
		err = d.decodeTable(content, name)
	}
	failure, ok := errors.AsType[*problem.Error](err)
	if !ok || !isFileProblem(failure) {
		return err
	}
	return d.reject(at, "", fmt.Sprintf("The file %q was not read to its end: %s", printable(name.name), failure.Message),
		"The file is kept in the archive. Send CSV or JSON as the app exports it.")
}

// isFileProblem reports whether an error is one of a file and not of the body that contains it.
func isFileProblem(failure *problem.Error) bool {
	switch failure.Code {
	case "broken_form", "archive_too_large":
		return false
	}
	return failure.Kind == problem.Invalid || failure.Kind == problem.Unrecognised || failure.Kind == problem.TooLarge
}

// decodeJSONFile decodes a file in the app's JSON.
func (d *csvDecoder) decodeJSONFile(content io.Reader) error {
	for record, err := range decodeJSON(content, d.options) {
		if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
			return err
		}
		if err := d.emitWith(record, err); err != nil {
			return err
		}
	}
	return nil
}
