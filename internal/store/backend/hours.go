package backend

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// PackHours encodes the hours of a day in one value: a year of hours is then 365 rows to be read. id returns the store's id
// of a source. The result is nil where the hours follow from the day, as where a weight is measured once a day.
//
// The encoding is a sequence of varints of encoding/binary, times as seconds since the time before: lists of sources; hours;
// for each hour its start, extent and values. A float is encoded with its bytes reversed, as in
// encoding/gob: measured values have few digits, and stay short.
func PackHours(day *aggregate.DaySummary, id func(source string) int64) []byte {
	if whole := day.WholeHour(); len(day.Hours) == 1 && day.Hours[0].Same(&whole) {
		return nil
	}
	lists := sourceLists(day.Hours)
	p := packer{to: make([]byte, 0, 16+48*len(day.Hours))}
	p.count(len(lists))
	for _, list := range lists {
		p.count(len(list))
		for _, source := range list {
			p.count(int(id(source)))
		}
	}
	p.count(len(day.Hours))
	last, offset := day.Date.Midnight(0), int32(0)
	for i := range day.Hours {
		h := &day.Hours[i]
		p.interval(h.Start - last)
		p.interval(h.Earliest - h.Start)
		p.interval(h.Latest - h.Earliest)
		p.integer(int64(h.EarliestOffset - offset))
		p.integer(int64(h.LatestOffset - h.EarliestOffset))
		last, offset = h.Start, h.EarliestOffset
		list := slices.IndexFunc(lists, func(l []string) bool { return slices.Equal(l, h.Sources) })
		p.aggregate(&h.Aggregate, h.Latest, list)
	}
	return p.to
}

func sourceLists(hours []aggregate.Hour) (lists [][]string) {
	for i := range hours {
		sources := hours[i].Sources
		if !slices.ContainsFunc(lists, func(l []string) bool { return slices.Equal(l, sources) }) {
			lists = append(lists, sources)
		}
	}
	return lists
}

// Which optional values a grain has.
const (
	hasLast = 1 << iota
	hasSystolic
	hasDiastolic
	isSettled
)

type packer struct{ to []byte }

func (p *packer) count(n int)     { p.to = binary.AppendUvarint(p.to, uint64(n)) } // #nosec G115 -- a length
func (p *packer) integer(n int64) { p.to = binary.AppendVarint(p.to, n) }

// interval writes a duration: an even number is twice its seconds, an odd one twice its microseconds plus one.
func (p *packer) interval(d health.Instant) {
	if d%health.Second == 0 {
		p.integer(int64(d/health.Second) << 1)
		return
	}
	p.integer(int64(d)<<1 | 1)
}

func (p *packer) float(v float64) {
	if health.IsAbsent(v) {
		v = math.Float64frombits(absentBits)
	}
	p.to = binary.AppendUvarint(p.to, bits.ReverseBytes64(math.Float64bits(v)))
}

// absentBits are those of the NaN that is shortest when they are reversed.
const absentBits = 0x7ff8 << 48

func (p *packer) stats(s *aggregate.Stats) {
	p.count(int(math.Round(s.Weight)))
	p.float(s.Sum)
	p.float(s.Min)
	p.float(s.Max)
}

func (p *packer) aggregate(t *aggregate.Aggregate, latest health.Instant, list int) {
	has := 0
	if !health.IsAbsent(t.Last) {
		has |= hasLast
	}
	if t.Systolic.Weight > 0 {
		has |= hasSystolic
	}
	if t.Diastolic.Weight > 0 {
		has |= hasDiastolic
	}
	if t.Settled {
		has |= isSettled
	}
	p.count(int(t.Grain))
	p.count(t.Count)
	p.count(list)
	p.count(has)
	p.stats(&t.Values)
	if has&hasLast != 0 {
		p.float(t.Last)
		p.interval(latest - t.LastStart)
	}
	if has&hasSystolic != 0 {
		p.stats(&t.Systolic)
	}
	if has&hasDiastolic != 0 {
		p.stats(&t.Diastolic)
	}
}

// PackedSources returns the ids of the sources that packed hours have.
func PackedSources(packed []byte) (ids []int64, err error) {
	if packed == nil {
		return nil, nil
	}
	u := unpacker{from: packed}
	for range u.length() {
		for range u.length() {
			ids = append(ids, int64(u.count()))
		}
	}
	return ids, u.err
}

// UnpackHours sets the hours of a day, which has all other fields, from what PackHours returned. name returns the name of a
// source by its id; its error is returned as it is.
func UnpackHours(packed []byte, day *aggregate.DaySummary, name func(id int64) (string, error)) error {
	if packed == nil {
		day.Hours = []aggregate.Hour{day.WholeHour()}
		return nil
	}
	u := unpacker{from: packed}
	lists := make([][]string, u.length())
	for i := range lists {
		for range u.length() {
			source, err := name(int64(u.count()))
			if err != nil {
				return err
			}
			lists[i] = append(lists[i], source)
		}
		lists[i] = slices.Clip(lists[i]) // they are shared
	}
	day.Hours = make([]aggregate.Hour, u.length())
	last, offset := day.Date.Midnight(0), int32(0)
	for i := range day.Hours {
		h := &day.Hours[i]
		h.Start = last + u.interval()
		h.Earliest = h.Start + u.interval()
		h.Latest = h.Earliest + u.interval()
		h.EarliestOffset = offset + u.offset()
		h.LatestOffset = h.EarliestOffset + u.offset()
		last, offset = h.Start, h.EarliestOffset
		h.Aggregate = u.aggregate(h.Latest, lists)
	}
	return u.err
}

var errPacked = errors.New("the hours of a day cannot be read")

type unpacker struct {
	from []byte
	err  error
}

func (u *unpacker) fail() uint64 {
	u.from, u.err = nil, errPacked
	return 0
}

func (u *unpacker) uvarint() uint64 {
	n, length := binary.Uvarint(u.from)
	if length <= 0 {
		return u.fail()
	}
	u.from = u.from[length:]
	return n
}

// count reads a non-negative integer.
func (u *unpacker) count() int {
	n := u.uvarint()
	if n > math.MaxInt32 {
		n = u.fail()
	}
	return int(n) // #nosec G115 -- checked above
}

// length reads how many elements follow, of which each takes a byte at least.
func (u *unpacker) length() int {
	n := u.count()
	if n > len(u.from) {
		u.fail()
		return 0
	}
	return n
}

func (u *unpacker) integer() int64 {
	n, length := binary.Varint(u.from)
	if length <= 0 {
		return int64(u.fail())
	}
	u.from = u.from[length:]
	return n
}

func (u *unpacker) offset() int32 { return int32(u.integer()) } // #nosec G115 -- as PackHours wrote it

func (u *unpacker) interval() health.Instant {
	n := u.integer()
	if n&1 == 0 {
		return health.Instant(n>>1) * health.Second
	}
	return health.Instant(n >> 1)
}

func (u *unpacker) float() float64 { return math.Float64frombits(bits.ReverseBytes64(u.uvarint())) }

func (u *unpacker) stats() aggregate.Stats {
	return aggregate.Stats{Weight: float64(u.count()), Sum: u.float(), Min: u.float(), Max: u.float()}
}

func (u *unpacker) aggregate(latest health.Instant, lists [][]string) aggregate.Aggregate {
	t := aggregate.New(health.Grain(u.count())) // #nosec G115 -- count is at most MaxInt32
	t.Count = u.count()
	if list := u.count(); list < len(lists) {
		t.Sources = lists[list]
	} else {
		u.fail()
	}
	has := u.count()
	t.Settled = has&isSettled != 0
	t.Values = u.stats()
	if has&hasLast != 0 {
		t.Last = u.float()
		t.LastStart = latest - u.interval()
	}
	if has&hasSystolic != 0 {
		t.Systolic = u.stats()
	}
	if has&hasDiastolic != 0 {
		t.Diastolic = u.stats()
	}
	return t
}
