package format

import (
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// isNight reports whether a point is a night, sleep as the app sums it. Under another name than that of sleep it has
// the fields of a night and no qty.
func isNight(p *metricPoint, entry *metricEntry) bool {
	return entry.sleep || p.present&nightFields != 0 && (entry.Name == "" || !p.present.has(fieldQty))
}

// pendingNight is a night whose durations are in a unit that is not known yet.
type pendingNight struct {
	at       health.Position
	night    health.Night
	warnings []health.Warning
}

// maxPendingNights bounds the nights that are held until their unit is known: about 27 years of them. When it is
// reached, they are taken to be in hours.
const maxPendingNights = 10_000

func (d *jsonDecoder) decodeNight(p *metricPoint, entry *metricEntry) error {
	pending := pendingNight{at: p.at, night: health.NewNight()}
	n := &pending.night
	consumed := consumedByNight
	p.nightDurations(n, &consumed)
	p.nightTimes(&pending)
	source := fieldSource
	if !p.present.has(source) {
		source = fieldSleepSource
		consumed |= setOf(source)
	}
	n.Source = d.pointSource(p, source, &consumed)
	p.addAttributes(consumed)
	n.Attributes = d.pointAttributes(p)
	if p.rejection != nil {
		return d.reject(p.entry, p.rejection)
	}
	if entry.unitKnown {
		return d.emitNight(&pending, entry)
	}
	entry.pendingNights = append(entry.pendingNights, pending)
	if len(entry.pendingNights) == maxPendingNights {
		return d.emitNights(entry)
	}
	return nil
}

// nightDurations reads the durations, in the unit they were sent in. The app writes 0 for what was not recorded; only
// for a night with stages an awake of 0 is a value.
func (p *metricPoint) nightDurations(n *health.Night, consumed *fieldSet) {
	recorded := func(f field) float64 {
		v := p.number(f)
		if v == 0 {
			return health.Absent()
		}
		return v
	}
	n.Total, n.Asleep, n.InBed = recorded(fieldTotalSleep), recorded(fieldAsleep), recorded(fieldInBed)
	n.Core, n.Deep, n.REM = recorded(fieldCore), recorded(fieldDeep), recorded(fieldREM)
	n.Awake = recorded(fieldAwake)
	if staged := !health.IsAbsent(n.Core) || !health.IsAbsent(n.Deep) || !health.IsAbsent(n.REM); staged {
		n.Awake = p.number(fieldAwake)
	}
	if p.present&nightFields == 0 && p.present.has(fieldQty) {
		n.Total = recorded(fieldQty) // a plain sum, as Shortcuts write it
		*consumed |= setOf(fieldQty)
	}
	if p.present&nightFields&^durationFields == 0 && !n.HasDurations() {
		p.reject("totalSleep", "The night has no sleep in it.",
			"Send totalSleep or other durations that are not 0, or sleepStart and sleepEnd; for a stretch of one stage, startDate, endDate and value.")
	}
}

// nightTimes reads the times of a night and its date, which is that of waking.
func (p *metricPoint) nightTimes(pending *pendingNight) {
	n := &pending.night
	var asleep, inBed offsets
	n.SleepStart, n.SleepEnd, asleep = p.interval(pending, fieldSleepStart, fieldSleepEnd)
	n.InBedStart, n.InBedEnd, inBed = p.interval(pending, fieldInBedStart, fieldInBedEnd)
	date, dateOffset, dated := p.time(fieldDate)
	used := asleep
	switch {
	case n.SleepEnd != 0:
		n.Date = n.SleepEnd.Date(asleep.end)
	case n.InBedEnd != 0 && (n.InBedStart != 0 || !dated):
		n.Date, used = n.InBedEnd.Date(inBed.end), inBed
	case dated:
		n.Date, used = date.Date(dateOffset), offsets{dateOffset, dateOffset}
	default:
		p.reject("date", "The night has no date.", "Send date, or sleepStart and sleepEnd.")
	}
	if n.SleepStart == 0 && n.InBedStart != 0 {
		used.start = inBed.start
	}
	n.Offset, n.OffsetChange = used.end, used.end-used.start
	n.SetDate()
}

// offsets are those from UTC at the start and at the end of an interval, the same where only one end was sent.
type offsets struct{ start, end int32 }

// interval reads the start and end of a part of a night. Times that cannot be of one night are dropped with a warning.
func (p *metricPoint) interval(pending *pendingNight, from, to field) (start, end health.Instant, at offsets) {
	start, startOffset, started := p.time(from)
	end, endOffset, ended := p.time(to)
	at = offsets{startOffset, endOffset}
	switch {
	case !started:
		at.start = endOffset
	case !ended:
		at.end = startOffset
	}
	if started && ended && !health.PossibleNight(start, end) {
		pending.warn(fmt.Sprintf("The times %s and %s cannot be those of one night and were left out.", p.nameOf(from), p.nameOf(to)),
			p.nameOf(from), p.nameOf(to))
		return 0, 0, at
	}
	return start, end, at
}

func (p *pendingNight) warn(message string, fields ...string) {
	p.warnings = append(p.warnings, health.Warning{
		Code: health.ImplausibleSleep, Message: message, Details: map[string]any{"fields": fields},
	})
}

// emitNights emits the pending nights of an entry.
func (d *jsonDecoder) emitNights(entry *metricEntry) error {
	for i := range entry.pendingNights {
		if err := d.emitNight(&entry.pendingNights[i], entry); err != nil {
			return err
		}
	}
	entry.pendingNights = entry.pendingNights[:0]
	return nil
}

// emitNight emits a night, its durations converted to hours.
func (d *jsonDecoder) emitNight(p *pendingNight, entry *metricEntry) error {
	p.at.Metric = entry.Name
	if entry.invalid != nil {
		return d.reject(entry.MetricEntry, entry.rejection(p.at))
	}
	perUnit, ok := hoursPer(entry.Unit)
	if !ok {
		return d.reject(entry.MetricEntry, newRejection(p.at, "units", "The unit of the night's durations is not one of time.", "Send hr, min or s."))
	}
	n := &p.night
	for _, hours := range n.Durations() {
		*hours *= perUnit
	}
	return d.emit(health.Record{Position: p.at, Entry: entry.MetricEntry, Night: n, Warnings: p.warnings})
}

// hoursPer returns the hours in one unit. "" is the hour, which the app uses.
func hoursPer(unit string) (float64, bool) {
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "", "hr", "hrs", "h", "hour", "hours":
		return 1, true
	case "min", "mins", "minute", "minutes":
		return 1.0 / 60, true
	case "s", "sec", "secs", "second", "seconds":
		return 1.0 / 3600, true
	}
	return 0, false
}
