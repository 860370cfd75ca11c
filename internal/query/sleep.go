package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// nightUnit is the unit of the durations of a night.
const nightUnit = "hr"

// Sleep is what was recorded about sleep, as it was sent: summed nights and single segments, which may describe the
// same sleep.
type Sleep struct {
	// Unit is that of the durations: hours.
	Unit     string     `json:"unit"`
	Nights   []SleepRow `json:"nights"`
	Segments []Segment  `json:"segments"`
}

// SleepRow is a night as it was sent, or a part of one.
type SleepRow struct {
	Night
	// NightID is the id of the night that the row is part of: of its first row.
	NightID uuid.UUID `json:"night_id"`
	// Counted is false where another row covers the same time, or has the same night with its times.
	Counted bool `json:"counted"`
}

// Night is one period of sleep of one source. Durations are hours, null where they were not recorded.
type Night struct {
	// ID is left out of nights that were summed from segments. That of a night in several rows is the first one's.
	ID uuid.UUID `json:"id,omitzero"`
	// Date is the local day of waking.
	Date       health.Date `json:"date"`
	Source     string      `json:"source"`
	SleepStart *time.Time  `json:"sleep_start"`
	SleepEnd   *time.Time  `json:"sleep_end"`
	InBedStart *time.Time  `json:"in_bed_start"`
	InBedEnd   *time.Time  `json:"in_bed_end"`
	// Total is health.Night.TotalSleep.
	Total *float64 `json:"total"`
	// Asleep is sleep whose stage is not known.
	Asleep *float64 `json:"asleep"`
	Core   *float64 `json:"core"`
	Deep   *float64 `json:"deep"`
	REM    *float64 `json:"rem"`
	Awake  *float64 `json:"awake"`
	InBed  *float64 `json:"in_bed"`
	// Nap is true where the same source has a longer sleep on the same date.
	Nap        bool   `json:"nap"`
	Attributes Object `json:"attributes,omitempty"`
}

// Segment is an interval in one stage of sleep.
type Segment struct {
	Start  time.Time    `json:"start"`
	End    time.Time    `json:"end"`
	Stage  health.Stage `json:"stage"`
	Source string       `json:"source"`
	// Date is the day whose list the segment is in.
	Date       health.Date `json:"date"`
	Attributes Object      `json:"attributes,omitempty"`
}

// DaySleep is the sleep of a day: the night of the best source, with its naps apart.
type DaySleep struct {
	Night
	// FromSegments is true where no source sent a summed night, so that the server summed the segments.
	FromSegments bool    `json:"from_segments"`
	Naps         []Night `json:"naps"`
}

// Sleep returns the nights whose date is from first to last, both included, ordered by date, start and source, and the
// segments of those days. A row is listed on the date of the night that it is part of, and so is a segment, so that the
// stages of one night stay together.
func (s *Service) Sleep(ctx context.Context, user account.User, first, last health.Date) (Sleep, error) {
	if err := checkDates(first, last); err != nil {
		return Sleep{}, err
	}
	recorded, err := s.recordedSleep(ctx, user.ID, nil, first, last)
	if err != nil {
		return Sleep{}, err
	}
	sleep := Sleep{Unit: nightUnit, Nights: recorded.rows(first, last), Segments: []Segment{}}
	summedOn := byDate(recorded.summed)
	for i := range recorded.segments {
		seg := &recorded.segments[i]
		if date := dateOfSegment(seg, summedOn); first <= date && date <= last {
			sleep.Segments = append(sleep.Segments, Segment{
				Start: seg.Start.In(seg.Offset), End: seg.End.In(seg.EndOffset()), Stage: seg.Stage, Source: seg.Source,
				Date: date, Attributes: objectOrNull(seg.Attributes),
			})
		}
	}
	return sleep, nil
}

// dateOfSegment returns the date of the night that a segment was summed into.
func dateOfSegment(s *health.Segment, summedOn map[health.Date][]health.Night) health.Date {
	own := health.DateOfSleep(s.Start, s.End, s.EndOffset())
	for date := own - 1; date <= own+1; date++ {
		for i := range summedOn[date] {
			n := &summedOn[date][i]
			start, end := n.SleepStart, n.SleepEnd
			if s.Stage == health.StageInBed {
				start, end = n.InBedStart, n.InBedEnd
			}
			if n.Source == s.Source && start <= s.Start && s.End <= end {
				return date
			}
		}
	}
	return own
}

func byDate(nights []health.Night) map[health.Date][]health.Night {
	days := map[health.Date][]health.Night{}
	for i := range nights {
		days[nights[i].Date] = append(days[nights[i].Date], nights[i])
	}
	return days
}

// recordedSleep is the sleep of some days, with a margin around them in which parts of their nights may lie.
type recordedSleep struct {
	ranking  aggregate.Ranking
	joined   []aggregate.JoinedNight // from the rows that were sent
	segments []health.Segment
	summed   []health.Night // from the segments
}

// sleepMargin is how many days around those asked for are read: a night is a day long at most, and its parts are dated
// by themselves.
const sleepMargin = 2

func (s *Service) recordedSleep(ctx context.Context, user uuid.UUID, zone *time.Location, first, last health.Date) (r recordedSleep, err error) {
	rule, err := s.Config.Sleep.SleepRule(ctx, user)
	if err != nil {
		return r, err
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return r, err
	}
	rows, err := s.Config.Sleep.Nights(ctx, user, first-sleepMargin, last+sleepMargin)
	if err != nil {
		return r, err
	}
	r.segments, err = s.Config.Sleep.Segments(ctx, user, localDays(first-sleepMargin, last+sleepMargin))
	if zone != nil {
		moveSleep(zone, rows, r.segments)
	}
	r.ranking, r.joined = order.For(catalog.SleepAnalysis), rule.JoinNights(rows)
	r.summed = rule.SumSegments(slices.Clone(r.segments))
	return r, err
}

// rows returns the rows of the nights from first to last.
func (r *recordedSleep) rows(first, last health.Date) []SleepRow {
	rows := []SleepRow{}
	joinedOn := byDate(aggregate.Nights(r.joined))
	for i := range r.joined {
		night := &r.joined[i]
		if night.Date < first || night.Date > last {
			continue
		}
		nap := aggregate.IsNap(&night.Night, joinedOn[night.Date])
		add := func(sent []health.Night, counted bool) {
			for j := range sent {
				row := sent[j]
				row.Date = night.Date
				rows = append(rows, SleepRow{nightOf(&row, nap), night.ID, counted})
			}
		}
		add(night.Rows, true)
		add(night.LeftOut, false)
	}
	slices.SortStableFunc(rows, func(a, b SleepRow) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), a.start().Compare(b.start()), strings.Compare(a.Source, b.Source))
	})
	return rows
}

// start returns the start of the sleep, or else of the time in bed.
func (n *Night) start() (start time.Time) {
	switch {
	case n.SleepStart != nil:
		start = *n.SleepStart
	case n.InBedStart != nil:
		start = *n.InBedStart
	}
	return start
}

// nightsByDate are the nights that answer for days.
type nightsByDate struct {
	recordedSleep
	joinedOn, summedOn map[health.Date][]health.Night
}

func (r recordedSleep) byDate() nightsByDate {
	return nightsByDate{r, byDate(aggregate.Nights(r.joined)), byDate(r.summed)}
}

// of returns the night of a date, and the naps. It was summed from segments where no sums were sent, or only of time in
// bed.
func (d *nightsByDate) of(date health.Date) (night health.Night, naps []health.Night, fromSegments, ok bool) {
	night, naps, ok = d.ranking.MainSleep(d.joinedOn[date])
	if ok && !health.IsAbsent(night.TotalSleep()) {
		return night, naps, false, true
	}
	summed, summedNaps, found := d.ranking.MainSleep(d.summedOn[date])
	if found && (!ok || !health.IsAbsent(summed.TotalSleep())) {
		return summed, summedNaps, true, true
	}
	return night, naps, false, ok
}

func nightOf(n *health.Night, nap bool) Night {
	return Night{
		ID: n.ID, Date: n.Date, Source: n.Source,
		SleepStart: timeOrNull(n.SleepStart, n.StartOffset()), SleepEnd: timeOrNull(n.SleepEnd, n.Offset),
		InBedStart: timeOrNull(n.InBedStart, n.StartOffset()), InBedEnd: timeOrNull(n.InBedEnd, n.Offset),
		Total: orNull(n.TotalSleep()), Asleep: orNull(n.Asleep), Core: orNull(n.Core), Deep: orNull(n.Deep), REM: orNull(n.REM),
		Awake: orNull(n.Awake), InBed: orNull(n.InBed),
		Nap: nap, Attributes: objectOrNull(n.Attributes),
	}
}

// daySleep returns the sleep of a date; nil where there is none.
func (d *nightsByDate) daySleep(date health.Date) *DaySleep {
	night, naps, fromSegments, ok := d.of(date)
	if !ok {
		return nil
	}
	sleep := &DaySleep{Night: nightOf(&night, false), FromSegments: fromSegments, Naps: []Night{}}
	for i := range naps {
		sleep.Naps = append(sleep.Naps, nightOf(&naps[i], true))
	}
	return sleep
}

// addSleep adds the sleep of each day to the summaries of days.
func (s *Service) addSleep(ctx context.Context, user uuid.UUID, zone *time.Location, days []DaySummary) error {
	recorded, err := s.recordedSleep(ctx, user, zone, days[0].Date, days[len(days)-1].Date)
	if err != nil {
		return err
	}
	nights := recorded.byDate()
	for i := range days {
		days[i].Sleep = nights.daySleep(days[i].Date)
	}
	return nil
}

// dailySleep returns the hours asleep of each date: of its night, without the naps. It leaves out nights of more than a
// day, which some devices write. With a zone, the dates are those of its clock.
func (s *Service) dailySleep(ctx context.Context, user uuid.UUID, zone *time.Location, first, last health.Date) (values []dailyValue, err error) {
	recorded, err := s.recordedSleep(ctx, user, zone, first, last)
	if err != nil {
		return nil, err
	}
	nights := recorded.byDate()
	dates := slices.AppendSeq(slices.Collect(maps.Keys(nights.joinedOn)), maps.Keys(nights.summedOn))
	slices.Sort(dates)
	for _, date := range slices.Compact(dates) {
		night, _, _, _ := nights.of(date)
		hours := night.TotalSleep()
		if date < first || date > last || !(hours > 0 && hours <= 24) {
			continue
		}
		values = append(values, dailyValue{
			date: date, value: hours, low: hours, high: hours, grain: health.GrainDay, sources: sourcesOf(night.Source), offset: night.Offset,
		})
	}
	return values, nil
}
