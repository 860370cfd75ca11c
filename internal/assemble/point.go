package assemble

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/health-export/health-export/internal/health"
)

// point is a packed sample: a body may have millions. Strings that repeat are indexes into the collector's tables.
type point struct {
	start, end health.Instant
	values     [5]float64 // value, min, max, systolic, diastolic
	attributes string
	elementRef
	source   uint32 // index into Collector.sources
	sequence uint32 // order of arrival in the body
	offset   int32
	assumed  bool         // health.Sample.ZoneAssumed
	grain    health.Grain // below 0: that of an ungroupedSeries, see Collector.ungrouped
}

// elementRef refers to the element of the body that a point comes from, for reports.
type elementRef struct {
	series   uint32 // index into Collector.series
	entry    uint32 // health.Position.Entry
	index    int32  // health.Position.Point: -1 for an element that is not a point of an entry
	compound int32  // index into Collector.compounds; -1 for an element with one sample
	// typ is the element's type as an index into Collector.types, times two, plus one for health.Sample.Component.
	typ uint32
}

const pointSize = 16 + 40 + 36 // without the attributes

func (p *point) component() bool { return p.typ&1 == 1 }

func (p *point) hasValue() bool {
	s := p.unpack()
	return s.HasValue()
}

// packedOffset is the offset with assumed as its last bit.
func (p *point) packedOffset() uint32 {
	packed := uint32(p.offset) << 1
	if p.assumed {
		packed |= 1
	}
	return packed
}

// write appends the packed form.
func (p *point) write(w *bufio.Writer) error {
	le := binary.LittleEndian
	b := w.AvailableBuffer()
	b = le.AppendUint64(b, uint64(p.start))
	b = le.AppendUint64(b, uint64(p.end))
	for _, v := range p.values {
		b = le.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range [...]uint32{
		p.series, p.source, p.sequence, p.entry,
		uint32(p.index), p.packedOffset(), uint32(p.grain), uint32(p.compound), p.typ,
	} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint32(b, uint32(len(p.attributes)))
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err := w.WriteString(p.attributes)
	return err
}

// read fills p from its packed form; io.EOF where there is no more. The reader's buffer has room for a point without its
// attributes.
func (p *point) read(r *bufio.Reader, cache attributeCache) error {
	b, err := r.Peek(pointSize + 4)
	if err != nil {
		if len(b) > 0 {
			return unexpectedEOF(err)
		}
		return err
	}
	le := binary.LittleEndian
	p.start = health.Instant(le.Uint64(b[0:]))
	p.end = health.Instant(le.Uint64(b[8:]))
	for i := range p.values {
		p.values[i] = math.Float64frombits(le.Uint64(b[16+8*i:]))
	}
	p.series, p.source, p.sequence, p.entry = le.Uint32(b[56:]), le.Uint32(b[60:]), le.Uint32(b[64:]), le.Uint32(b[68:])
	p.index = int32(le.Uint32(b[72:]))
	p.offset, p.assumed = int32(le.Uint32(b[76:]))>>1, le.Uint32(b[76:])&1 == 1
	p.grain, p.compound = health.Grain(le.Uint32(b[80:])), int32(le.Uint32(b[84:]))
	p.typ = le.Uint32(b[88:])
	n := le.Uint32(b[pointSize:])
	if _, err := r.Discard(pointSize + 4); err != nil {
		return err
	}
	p.attributes, err = cache.read(r, int(n))
	return err
}

// attributeCache holds attributes that have been read before, by themselves: most points of a body have one of a few.
type attributeCache map[string]string

// maxCached is how many attributes are cached, and maxCachedLength their greatest length.
const (
	maxCached       = 64
	maxCachedLength = 256
)

// read reads attributes of a length.
func (c attributeCache) read(r *bufio.Reader, length int) (string, error) {
	if length == 0 {
		return "", nil
	}
	if length > maxCachedLength {
		text := make([]byte, length)
		_, err := io.ReadFull(r, text)
		return string(text), unexpectedEOF(err)
	}
	sent, err := r.Peek(length)
	if err != nil {
		return "", unexpectedEOF(err)
	}
	text, known := c[string(sent)]
	if !known {
		text = string(sent)
		if len(c) < maxCached {
			c[text] = text
		}
	}
	_, err = r.Discard(length)
	return text, err
}

// unexpectedEOF returns err, with io.EOF replaced: there must be more.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pack returns a sample as a point; the caller sets what refers to the collector's tables.
func pack(s *health.Sample) point {
	return point{
		start: s.Start, end: s.End, offset: s.Offset, assumed: s.ZoneAssumed, grain: s.Grain, attributes: s.Attributes, elementRef: elementRef{compound: -1},
		values: [5]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic},
	}
}

// unpack is the reverse of pack.
func (p *point) unpack() health.Sample {
	return health.Sample{
		Start: p.start, End: p.end, Offset: p.offset, ZoneAssumed: p.assumed, Grain: p.grain, Attributes: p.attributes,
		Value: p.values[0], Min: p.values[1], Max: p.values[2], Systolic: p.values[3], Diastolic: p.values[4],
	}
}

// keyTime is health.Sample.KeyTime for a point of the given grain.
func (p *point) keyTime(grain health.Grain) health.Instant {
	if grain >= health.GrainDay {
		return health.Instant(p.start.Date(p.offset)) * health.Day
	}
	return p.start
}

// comparePoints is the order in which points are written, with those of one identity side by side: by
// series, key time, grain, then end (of raw samples only), source and arrival. grains has the grain of each ungroupedSeries.
func comparePoints(a, b *point, grains []health.Grain) int {
	if a.series != b.series {
		return cmp.Compare(a.series, b.series)
	}
	grainA, grainB := a.resolvedGrain(grains), b.resolvedGrain(grains)
	if d := cmp.Compare(a.keyTime(grainA), b.keyTime(grainB)); d != 0 {
		return d
	}
	if grainA != grainB {
		return cmp.Compare(grainA, grainB)
	}
	if grainA == health.GrainRaw && a.end != b.end {
		return cmp.Compare(a.end, b.end)
	}
	if a.source != b.source {
		return cmp.Compare(a.source, b.source)
	}
	return cmp.Compare(a.sequence, b.sequence)
}

// resolvedGrain returns the grain of the point, given those of each ungroupedSeries.
func (p *point) resolvedGrain(grains []health.Grain) health.Grain {
	if p.grain >= health.GrainRaw {
		return p.grain
	}
	return grains[-1-p.grain]
}
