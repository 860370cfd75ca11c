package export

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/klauspost/compress/flate"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// readme describes the zip, and is in it.
//
//go:embed readme.txt
var readme string

// zipEncoder writes a zip of files in other formats: a table for every metric, and the others in readme.txt. The last
// file is the manifest, followed by the directory of the zip, without which no program opens it: a truncated zip does
// not look complete.
type zipEncoder struct {
	w        *zip.Writer
	manifest manifest

	name    string    // of the current file; "" for none
	file    io.Writer // writes to the zip, the digest and the byte count
	digest  hash.Hash
	current manifestFile
	buffer  *bufio.Writer // of file
	table   encoder       // writes the current file; nil where it is not a table
}

// manifest lists the content of a zip, so that its completeness can be checked.
type manifest struct {
	CreatedAt time.Time      `json:"created_at"`
	CreatedBy string         `json:"created_by"`
	User      manifestUser   `json:"user"`
	Types     []Type         `json:"types"`
	Files     []manifestFile `json:"files"`
}

type manifestUser struct {
	ID       uuid.UUID `json:"id"`
	Email    string    `json:"email"`
	Name     string    `json:"name,omitempty"`
	TimeZone string    `json:"time_zone"`
}

// manifestFile is one file. Entries counts its records: samples, nights and segments, workouts …
type manifestFile struct {
	Path    string `json:"path"`
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	// Damaged marks a received body whose digest is not that of when it was received.
	Damaged bool `json:"damaged,omitempty"`
}

func newZip(w io.Writer, request Request) (*zipEncoder, error) {
	z := &zipEncoder{w: zip.NewWriter(w), manifest: manifest{
		CreatedAt: request.Now.UTC().Truncate(time.Second), CreatedBy: strings.TrimSpace("health-export " + request.Version),
		User:  manifestUser{request.User.ID, request.User.Email, request.User.Name, request.User.TimeZone},
		Types: request.Types, Files: []manifestFile{},
	}}
	z.w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	if err := z.createFile("README.txt"); err != nil {
		return nil, err
	}
	_, err := z.buffer.WriteString(readme)
	return z, err
}

// createFile completes the current file and creates the next one.
func (z *zipEncoder) createFile(name string) error {
	if err := z.closeFile(); err != nil {
		return err
	}
	file, err := z.w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.manifest.CreatedAt})
	if err != nil {
		return err
	}
	z.name, z.digest, z.current = name, sha256.New(), manifestFile{Path: name}
	z.file = io.MultiWriter(file, z.digest, (*byteCount)(&z.current.Bytes))
	if z.buffer == nil {
		z.buffer = bufio.NewWriterSize(z.file, bufferSize)
	} else {
		z.buffer.Reset(z.file)
	}
	return nil
}

// closeFile completes the current file, if there is one, and adds it to the manifest.
func (z *zipEncoder) closeFile() error {
	if z.name == "" {
		return nil
	}
	if z.table != nil {
		if err := z.table.close(); err != nil {
			return err
		}
		z.table = nil
	}
	if err := z.buffer.Flush(); err != nil {
		return err
	}
	z.current.SHA256 = hex.EncodeToString(z.digest.Sum(nil))
	z.manifest.Files = append(z.manifest.Files, z.current)
	z.name = ""
	return nil
}

// openTable makes name the current file, as a table that begin starts where it is new, and counts an entry.
func (z *zipEncoder) openTable(name string, begin func(*bufio.Writer) encoder) error {
	if z.name != name {
		if err := z.createFile(name); err != nil {
			return err
		}
		z.table = begin(z.buffer)
	}
	z.current.Entries++
	return nil
}

func tableOf(t Type) func(*bufio.Writer) encoder {
	return func(w *bufio.Writer) encoder { return newCSV(w, t) }
}

func (z *zipEncoder) sample(s *health.Sample) error {
	if err := z.openTable("samples/"+fileName(s.Metric)+".csv", tableOf(TypeSamples)); err != nil {
		return err
	}
	return z.table.sample(s)
}

func (z *zipEncoder) night(n *health.Night) error {
	if err := z.openTable("sleep.csv", tableOf(TypeSleep)); err != nil {
		return err
	}
	return z.table.night(n)
}

func (z *zipEncoder) segment(s *health.Segment) error {
	if err := z.openTable("sleep.csv", tableOf(TypeSleep)); err != nil {
		return err
	}
	return z.table.segment(s)
}

// workout writes a workout with its series and route, and the route, if any, once more as GPX.
func (z *zipEncoder) workout(w *health.Workout) error {
	name := "workouts/" + w.Start.In(w.Offset).Format("2006-01-02T150405") + "_" + w.ID.String()
	if err := z.openTable(name+".json", func(w *bufio.Writer) encoder { return newNDJSON(w) }); err != nil {
		return err
	}
	if err := z.table.workout(w); err != nil || len(w.Route) == 0 {
		return err
	}
	if err := z.createFile(name + ".gpx"); err != nil {
		return err
	}
	z.current.Entries = int64(len(w.Route))
	return GPX(z.buffer, w)
}

func (z *zipEncoder) event(e *health.Event) error {
	if err := z.openTable("events.csv", tableOf(TypeEvents)); err != nil {
		return err
	}
	return z.table.event(e)
}

func (z *zipEncoder) ecg(e *health.ECG) error {
	name := fmt.Sprintf("ecg/%s.csv", e.Start.In(e.Offset).Format("2006-01-02T150405.000000-0700"))
	if err := z.openTable(name, tableOf(TypeECG)); err != nil {
		return err
	}
	return z.table.ecg(e)
}

// writeReceived writes every received body unchanged, and a list of them with their times, formats and outcomes.
func (z *zipEncoder) writeReceived(ctx context.Context, archive Archive) error {
	if err := z.createFile("received.ndjson"); err != nil {
		return err
	}
	for ingestion, err := range archive.Ingestions(ctx, z.manifest.User.ID) {
		if err != nil {
			return err
		}
		z.current.Entries++
		if err := json.MarshalWrite(z.buffer, receivedOf(&ingestion), json.Deterministic(true), jsontext.AllowInvalidUTF8(true)); err != nil {
			return err
		}
		if err := z.buffer.WriteByte('\n'); err != nil {
			return err
		}
	}
	for ingestion, err := range archive.Ingestions(ctx, z.manifest.User.ID) {
		if err != nil {
			return err
		}
		if err := z.writeBody(ctx, archive, &ingestion); err != nil {
			return err
		}
	}
	return nil
}

func (z *zipEncoder) writeBody(ctx context.Context, archive Archive, ingestion *health.Ingestion) error {
	body, err := archive.Raw(ctx, ingestion.UserID, ingestion.ID)
	if errors.Is(err, problem.NotFound) { // deleted since the list was written
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	if err := z.createFile(bodyName(ingestion)); err != nil {
		return err
	}
	if _, err := io.Copy(z.buffer, body); err != nil {
		return err
	}
	z.current.Entries = 1
	if err := z.buffer.Flush(); err != nil {
		return err
	}
	z.current.Damaged = [sha256.Size]byte(z.digest.Sum(nil)) != ingestion.SHA256
	return nil
}

// receivedBody is the entry of a received body in the list.
type receivedBody struct {
	ID         uuid.UUID         `json:"id"`
	Path       string            `json:"path"`
	ReceivedAt time.Time         `json:"received_at"`
	Headers    map[string]string `json:"headers"`
	Format     string            `json:"format,omitempty"`
	Status     health.Status     `json:"status"`
	Size       int64             `json:"size"`
	SHA256     string            `json:"sha256"`
}

func receivedOf(i *health.Ingestion) receivedBody {
	return receivedBody{i.ID, bodyName(i), i.ReceivedAt, i.Headers, i.Format, i.Status, i.Size, hex.EncodeToString(i.SHA256[:])}
}

func bodyName(i *health.Ingestion) string {
	extension := ".bin"
	media, _, _ := mime.ParseMediaType(i.Headers["content-type"]) // "" where it is none
	switch media {
	case "application/json":
		extension = ".json"
	case "text/csv":
		extension = ".csv"
	case "application/zip":
		extension = ".zip"
	case "application/xml", "text/xml":
		extension = ".xml"
	}
	return "received/" + i.ID.String() + extension
}

func (z *zipEncoder) close() error {
	if err := z.closeFile(); err != nil {
		return err
	}
	file, err := z.w.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: z.manifest.CreatedAt})
	if err != nil {
		return err
	}
	if err := json.MarshalWrite(file, z.manifest, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true)); err != nil {
		return err
	}
	return z.w.Close()
}

// fileName returns a unique name for the file of a metric that every file system accepts: all but lower-case letters,
// digits, - and _ is percent-encoded. A very long name ends with its digest.
func fileName(metric string) string {
	var b strings.Builder
	for _, c := range []byte(metric) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if len(name) > 120 {
		digest := sha256.Sum256([]byte(metric))
		name = name[:80] + "-" + hex.EncodeToString(digest[:8])
	}
	return name
}

// byteCount counts the bytes written to it.
type byteCount int64

func (c *byteCount) Write(p []byte) (int, error) {
	*c += byteCount(len(p))
	return len(p), nil
}
