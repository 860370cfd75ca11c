package ingest

import (
	"io"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/format"
)

// Progress is how far an import has come.
type Progress struct {
	// Phase is what is being done: reading or writing.
	Phase string `json:"phase"`
	// BytesRead is how much of the file has been read, unpacked, and BytesTotal how much there is. Writing begins when all
	// has been read.
	BytesRead  int64 `json:"bytes_read"`
	BytesTotal int64 `json:"bytes_total"`
	// Records is how many elements have been read, and Written of how many the outcome is known.
	Records int64 `json:"records"`
	Written int64 `json:"written"`
}

// The phases.
const (
	PhaseReading = "reading"
	PhaseWriting = "writing"
)

// Progress returns how far an import has come; false unless this process is working on it.
func (s *Service) Progress(id uuid.UUID) (Progress, bool) {
	found, ok := s.meters.Load(id)
	if !ok {
		return Progress{}, false
	}
	return found.(*meter).progress(), true
}

// meter measures the progress of one import.
type meter struct {
	phase   atomic.Pointer[string]
	size    atomic.Int64
	read    atomic.Int64
	archive atomic.Pointer[format.Archive]
	decoded atomic.Pointer[decodedBody]
}

// begin begins a phase in which so many bytes are to be read.
func (m *meter) begin(phase string, size int64) {
	m.size.Store(size)
	m.read.Store(0)
	m.phase.Store(&phase)
}

func (m *meter) progress() Progress {
	p := Progress{BytesRead: m.read.Load(), BytesTotal: m.size.Load()}
	if phase := m.phase.Load(); phase != nil {
		p.Phase = *phase
	}
	if archive := m.archive.Load(); archive != nil {
		p.BytesRead, p.BytesTotal = archive.Progress()
	}
	if d := m.decoded.Load(); d != nil {
		p.Records = d.records.Load()
		p.Written = min(d.Accounted(), p.Records) // an element of several samples is written several times
	}
	return p
}

// reader counts what is read from r.
func (m *meter) reader(r io.Reader) io.Reader { return &meteredReader{r, &m.read} }

type meteredReader struct {
	io.Reader
	read *atomic.Int64
}

func (r *meteredReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read.Add(int64(n))
	return n, err
}
