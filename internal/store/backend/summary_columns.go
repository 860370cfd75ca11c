package backend

import (
	"math"
	"strconv"
	"strings"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// SummaryType is how the values of a column of daily_summaries are kept.
type SummaryType int

// The types of columns.
const (
	SummaryInteger SummaryType = iota
	SummaryReal
	SummaryDate // days since 1970-01-01
	SummaryTime // microseconds since 1970-01-01
)

// SummaryColumn is a column of daily_summaries that all stores have, for writing and for reading. The columns of the user,
// the metric, the sources and the hours are the store's own.
type SummaryColumn struct {
	Name string
	Type SummaryType
	// Real returns the place of a value whose column is SummaryReal, Integer and SetInteger access that of the others.
	Real       func(*aggregate.DaySummary) *float64
	Integer    func(*aggregate.DaySummary) int64
	SetInteger func(*aggregate.DaySummary, int64)
	// Missing reports that a summary has no value for the column; nil: never. A SummaryReal may also be absent.
	Missing func(*aggregate.DaySummary) bool
}

// SummaryColumns are the columns in the order in which they are written and read. They are read into a summary that
// NewSummary returned; a value that is missing or NULL is left as it is there.
var SummaryColumns = summaryColumns()

// NewSummary returns a summary for the values of SummaryColumns.
func NewSummary() aggregate.DaySummary { return aggregate.DaySummary{Aggregate: aggregate.New(0)} }

func summaryColumns() []SummaryColumn {
	type day = aggregate.DaySummary
	integer := func(name string, get func(*day) int64, set func(*day, int64)) SummaryColumn {
		return SummaryColumn{Name: name, Integer: get, SetInteger: set}
	}
	real := func(name string, place func(*day) *float64) SummaryColumn {
		return SummaryColumn{Name: name, Type: SummaryReal, Real: place}
	}
	typed := func(c SummaryColumn, kind SummaryType) SummaryColumn { c.Type = kind; return c }
	time := func(name string, place func(*day) *health.Instant) SummaryColumn {
		return typed(integer(name, func(d *day) int64 { return int64(*place(d)) }, func(d *day, v int64) { *place(d) = health.Instant(v) }), SummaryTime)
	}
	offset := func(name string, place func(*day) *int32) SummaryColumn {
		return integer(name, func(d *day) int64 { return int64(*place(d)) }, func(d *day, v int64) { *place(d) = int32(v) }) // #nosec G115 -- as it was written
	}
	stats := func(prefix, minimum, maximum string, of func(*day) *aggregate.Stats) []SummaryColumn {
		return []SummaryColumn{
			real(prefix+"sum", func(d *day) *float64 { return &of(d).Sum }),
			integer(prefix+"weight", func(d *day) int64 { return int64(math.Round(of(d).Weight)) }, func(d *day, v int64) { of(d).Weight = float64(v) }),
			real(prefix+minimum, func(d *day) *float64 { return &of(d).Min }),
			real(prefix+maximum, func(d *day) *float64 { return &of(d).Max }),
		}
	}
	pressure := func(prefix string, of func(*day) *aggregate.Stats) []SummaryColumn {
		columns := stats(prefix, "minimum", "maximum", of)
		for i := range columns {
			columns[i].Missing = func(d *day) bool { return of(d).Weight == 0 }
		}
		return columns
	}
	lastStart := time("last_start", func(d *day) *health.Instant { return &d.LastStart })
	lastStart.Missing = func(d *day) bool { return health.IsAbsent(d.Last) }

	columns := []SummaryColumn{
		typed(integer("date", func(d *day) int64 { return int64(d.Date) }, func(d *day, v int64) { d.Date = health.Date(v) }), SummaryDate), // #nosec G115 -- as it was written
		integer("grain", func(d *day) int64 { return int64(d.Grain) }, func(d *day, v int64) { d.Grain = health.Grain(v) }),                 // #nosec G115 -- as it was written
		integer("count", func(d *day) int64 { return int64(d.Count) }, func(d *day, v int64) { d.Count = int(v) }),
	}
	columns = append(columns, stats("", "minimum", "maximum", func(d *day) *aggregate.Stats { return &d.Values })...)
	columns = append(columns, real("last_value", func(d *day) *float64 { return &d.Last }), lastStart)
	columns = append(columns, pressure("systolic_", func(d *day) *aggregate.Stats { return &d.Systolic })...)
	columns = append(columns, pressure("diastolic_", func(d *day) *aggregate.Stats { return &d.Diastolic })...)
	return append(columns,
		time("earliest", func(d *day) *health.Instant { return &d.Earliest }),
		time("latest", func(d *day) *health.Instant { return &d.Latest }),
		offset("earliest_offset", func(d *day) *int32 { return &d.EarliestOffset }),
		offset("latest_offset", func(d *day) *int32 { return &d.LatestOffset }),
		integer("settled", func(d *day) int64 {
			if d.Settled {
				return 1
			}
			return 0
		}, func(d *day, v int64) { d.Settled = v != 0 }),
		real("unplaced", func(d *day) *float64 { return &d.Unplaced }),
	)
}

// PackedSummary is a summary as it is stored: with the ids of its sources instead of their names, and with its hours
// packed.
type PackedSummary[S ID] struct {
	aggregate.DaySummary
	SourceIDs   []S
	PackedHours []byte
}

// Pack adds to a summary what its columns do not hold; id returns the id of a source.
func (d *PackedSummary[S]) Pack(id func(source string) S) {
	d.SourceIDs = make([]S, len(d.Sources))
	for i, name := range d.Sources {
		d.SourceIDs[i] = id(name)
	}
	d.PackedHours = PackHours(&d.DaySummary, func(source string) int64 { return int64(id(source)) })
}

// AllSources returns the ids of all sources that the summary and its hours have.
func (d *PackedSummary[S]) AllSources() ([]S, error) {
	all := append([]S(nil), d.SourceIDs...)
	packed, err := PackedSources(d.PackedHours)
	for _, id := range packed {
		all = append(all, S(id))
	}
	return all, err
}

// Unpack gives the summary the names of its sources, and its hours if they are asked for.
func (d *PackedSummary[S]) Unpack(names map[S]string, hours bool) error {
	for _, id := range d.SourceIDs {
		d.Sources = append(d.Sources, names[id])
	}
	if !hours {
		return nil
	}
	return UnpackHours(d.PackedHours, &d.DaySummary, func(id int64) (string, error) { return names[S(id)], nil })
}

// UnpackSummaries unpacks summaries. resolve returns the names of sources by their ids.
func UnpackSummaries[S ID](
	packed []PackedSummary[S], hours bool, resolve func(ids []S) (map[S]string, error),
) ([]aggregate.DaySummary, error) {
	if len(packed) == 0 {
		return nil, nil
	}
	var ids []S
	for i := range packed {
		sources, err := packed[i].AllSources()
		if err != nil {
			return nil, err
		}
		ids = append(ids, sources...)
	}
	names, err := resolve(ids)
	if err != nil {
		return nil, err
	}
	days := make([]aggregate.DaySummary, len(packed))
	for i := range packed {
		if err := packed[i].Unpack(names, hours); err != nil {
			return nil, err
		}
		days[i] = packed[i].DaySummary
	}
	return days, nil
}

// JoinIDs returns ids as a text, separated by blanks.
func JoinIDs[S ID](ids []S) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(int64(id), 10)
	}
	return strings.Join(texts, " ")
}

// SplitIDs is the reverse of JoinIDs.
func SplitIDs[S ID](text string) (ids []S, err error) {
	for field := range strings.FieldsSeq(text) {
		id, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, S(id))
	}
	return ids, nil
}
