package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// JoinedNight is a night of one source with the rows that it was sent in.
type JoinedNight struct {
	// Night has the figures of the whole, and the ID of its first row. Its Total is what TotalSleep returns.
	health.Night
	// Rows are those that the figures are made of, in order of time; LeftOut are others of the same time.
	Rows, LeftOut []health.Night
}

// JoinNights joins the rows of nights as they were sent, in order of date. Of each source
//
//   - the parts of one night are added, by the gap of the rule: from the start of the first to the end of the last, stage
//     by stage, without the time between them;
//   - of rows that overlap the longest counts, whole, and what it overlaps is left out; of equally long ones the later.
//     23:00–07:00 is the night, whatever 22:00–05:00 said. Nothing is made of the hour that only the other has, because
//     what was slept in it is not known;
//   - time in bed without sleep joins the sleep that it overlaps, else it is a night of its own;
//   - what was sent for a date, without times, adds to the longest night of that date what it lacks: the time in bed, or
//     the sleep with all its stages. Where there is no other night it is one.
//
// The date is that of health.DateOfSleep.
func (r SleepRule) JoinNights(rows []health.Night) []JoinedNight {
	bySource := map[string][]health.Night{}
	for i := range rows {
		bySource[rows[i].Source] = append(bySource[rows[i].Source], rows[i])
	}
	var joined []JoinedNight
	for _, rows := range bySource {
		joined = append(joined, r.joinSource(rows)...)
	}
	slices.SortFunc(joined, func(a, b JoinedNight) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), strings.Compare(a.Source, b.Source), compareLengths(&a.Night, &b.Night))
	})
	return joined
}

// Nights returns the nights without their rows.
func Nights(joined []JoinedNight) []health.Night {
	nights := make([]health.Night, len(joined))
	for i := range joined {
		nights[i] = joined[i].Night
	}
	return nights
}

func (r SleepRule) joinSource(rows []health.Night) []JoinedNight {
	var sleep, inBed, dated []health.Night
	for _, row := range rows {
		switch _, _, spans := row.Span(); {
		case !spans:
			dated = append(dated, row)
		case detailRank(&row) < withoutSleep:
			sleep = append(sleep, row)
		default:
			inBed = append(inBed, row)
		}
	}
	joined := r.joinSpans(sleep)
	slices.SortFunc(inBed, compareStarts)
	beds := make([][]health.Night, len(joined))
	var alone []health.Night
	for i := range inBed {
		j := 0
		for j < len(joined) && overlap(&joined[j].Night, &inBed[i]) <= 0 {
			j++
		}
		if j == len(joined) {
			alone = append(alone, inBed[i])
		} else {
			beds[j] = append(beds[j], inBed[i])
		}
	}
	for i := range joined {
		joined[i].addBeds(beds[i])
	}
	joined = append(joined, r.joinSpans(alone)...)
	for _, row := range dated {
		joined = addDated(joined, row)
	}
	return joined
}

// joinSpans joins rows with spans.
func (r SleepRule) joinSpans(rows []health.Night) []JoinedNight {
	slices.SortFunc(rows, compareStarts)
	var joined []JoinedNight
	for _, parts := range group(r, rows, func(n *health.Night) period {
		start, end, _ := n.Span()
		return period{start, end, n.StartOffset()}
	}) {
		joined = append(joined, joinParts(parts))
	}
	return joined
}

func compareStarts(a, b health.Night) int {
	aStart, aEnd, _ := a.Span()
	bStart, bEnd, _ := b.Span()
	return cmp.Or(cmp.Compare(aStart, bStart), cmp.Compare(aEnd, bEnd), cmp.Compare(a.Order, b.Order), slices.Compare(a.ID[:], b.ID[:]))
}

// overlap returns how long two spans overlap; not more than 0 where they do not.
func overlap(a, b *health.Night) health.Instant {
	aStart, aEnd, _ := a.Span()
	bStart, bEnd, _ := b.Span()
	return min(aEnd, bEnd) - max(aStart, bStart)
}

// disjoint splits rows into those that count and those that overlap a longer one, both in order of time. An overlap of
// less than a minute is one of rounded times.
func disjoint(rows []health.Night) (counted, leftOut []health.Night) {
	const rounding = 60 * health.Second
	longestFirst := slices.SortedFunc(slices.Values(rows), func(a, b health.Night) int {
		return cmp.Or(cmp.Compare(length(&b), length(&a)), cmp.Compare(b.Order, a.Order), compareStarts(a, b))
	})
	for _, row := range longestFirst {
		if slices.ContainsFunc(counted, func(n health.Night) bool { return overlap(&n, &row) >= rounding }) {
			leftOut = append(leftOut, row)
		} else {
			counted = append(counted, row)
		}
	}
	slices.SortFunc(counted, compareStarts)
	slices.SortFunc(leftOut, compareStarts)
	return counted, leftOut
}

// joinParts adds up the parts of one sleep.
func joinParts(parts []health.Night) JoinedNight {
	counted, leftOut := disjoint(parts)
	joined := JoinedNight{Night: counted[0], Rows: counted, LeftOut: leftOut}
	night := &joined.Night
	startOffset := night.StartOffset()
	night.Total = night.TotalSleep()
	for i := 1; i < len(counted); i++ {
		part := &counted[i]
		night.Total = health.AddHours(night.Total, part.TotalSleep())
		for _, sum := range []struct {
			of   *float64
			part float64
		}{
			{&night.Asleep, part.Asleep}, {&night.Core, part.Core}, {&night.Deep, part.Deep}, {&night.REM, part.REM}, {&night.Awake, part.Awake},
		} {
			*sum.of = health.AddHours(*sum.of, sum.part)
		}
		_, end, _ := part.Span()
		if night.SleepEnd != 0 {
			night.SleepEnd = max(night.SleepEnd, end)
		}
		night.Offset, night.Order = part.Offset, max(night.Order, part.Order)
		night.Attributes = health.MergeAttributes(night.Attributes, part.Attributes)
	}
	night.OffsetChange = night.Offset - startOffset
	if len(counted) > 1 {
		setTimeInBed(night, counted)
	}
	night.SetDate()
	return joined
}

// setTimeInBed sets the time in bed to that of the parts. Parts that name one time in bed have been in it together.
func setTimeInBed(night *health.Night, parts []health.Night) {
	beds := slices.Clone(parts)
	for i := range beds {
		if bed := &beds[i]; bed.InBedStart != 0 && bed.InBedEnd != 0 {
			bed.SleepStart, bed.SleepEnd = 0, 0 // the span is that in bed
		}
	}
	beds, _ = disjoint(beds)
	night.InBed, night.InBedStart, night.InBedEnd = health.Absent(), 0, 0
	for i := range beds {
		night.InBed = health.AddHours(night.InBed, beds[i].InBed)
		if at := beds[i].InBedStart; at != 0 && (night.InBedStart == 0 || at < night.InBedStart) {
			night.InBedStart = at
		}
		night.InBedEnd = max(night.InBedEnd, beds[i].InBedEnd)
	}
}

// addBeds adds rows of time in bed that overlap the sleep.
func (j *JoinedNight) addBeds(beds []health.Night) {
	if len(beds) == 0 {
		return
	}
	if !health.IsAbsent(j.InBed) {
		j.LeftOut = append(j.LeftOut, beds...)
		return
	}
	setTimeInBed(&j.Night, beds)
	j.Rows = append(j.Rows, beds...)
}

// addDated adds a row without times to the longest night of its date.
func addDated(joined []JoinedNight, row health.Night) []JoinedNight {
	var night *JoinedNight
	for i := range joined {
		n := &joined[i]
		if n.Date == row.Date && (night == nil || compareLengths(&n.Night, &night.Night) < 0) {
			night = n
		}
	}
	const rounding = 1.0 / 60
	if night == nil || row.TotalSleep() > hours(length(&night.Night))+rounding { // it is of another sleep
		whole := row
		whole.Total = row.TotalSleep()
		return append(joined, JoinedNight{Night: whole, Rows: []health.Night{row}})
	}
	used := false
	if health.IsAbsent(night.TotalSleep()) && !health.IsAbsent(row.TotalSleep()) {
		night.Total, night.Asleep, night.Awake = row.TotalSleep(), row.Asleep, row.Awake
		night.Core, night.Deep, night.REM = row.Core, row.Deep, row.REM
		used = true
	}
	if health.IsAbsent(night.InBed) && !health.IsAbsent(row.InBed) {
		night.InBed = row.InBed
		used = true
	}
	if used {
		night.Rows = append(night.Rows, row)
	} else {
		night.LeftOut = append(night.LeftOut, row)
	}
	return joined
}
