package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// nightUnit is the unit of the durations of a night.
const nightUnit = "hr"

// Sleep is what was recorded about sleep, as it was sent: summed nights and single segments, which may describe the
// same sleep.
type Sleep struct {
	// Unit is that of the durations: hours.
	Unit     string    `json:"unit"`
	Nights   []Night   `json:"nights"`
	Segments []Segment `json:"segments"`
}

// Night is one period of sleep of one source. Durations are hours, null where they were not recorded.
type Night struct {
	// ID is left out of nights that were summed from segments.
	ID uuid.UUID `json:"id,omitzero"`
	// Date is the local day of waking.
	Date       health.Date `json:"date"`
	Source     string      `json:"source"`
	SleepStart *time.Time  `json:"sleep_start"`
	SleepEnd   *time.Time  `json:"sleep_end"`
	InBedStart *time.Time  `json:"in_bed_start"`
	InBedEnd   *time.Time  `json:"in_bed_end"`
	Total      *float64    `json:"total"`
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
// segments of those days, by aggregate.DateOfSleep, so that the stages of one night stay together.
func (s *Service) Sleep(ctx context.Context, user account.User, first, last health.Date) (Sleep, error) {
	if err := checkDates(first, last); err != nil {
		return Sleep{}, err
	}
	sleep := Sleep{Unit: nightUnit, Nights: []Night{}, Segments: []Segment{}}
	nights, err := s.Config.Sleep.Nights(ctx, user.ID, first, last)
	if err != nil {
		return Sleep{}, err
	}
	for len(nights) > 0 {
		n := 1
		for n < len(nights) && nights[n].Date == nights[0].Date {
			n++
		}
		for i := range nights[:n] {
			sleep.Nights = append(sleep.Nights, nightOf(&nights[i], aggregate.IsNap(&nights[i], nights[:n])))
		}
		nights = nights[n:]
	}
	segments, err := s.Config.Sleep.Segments(ctx, user.ID, localDays(first-1, last))
	if err != nil {
		return Sleep{}, err
	}
	for i := range segments {
		seg := &segments[i]
		if date := aggregate.DateOfSleep(seg.End, seg.Offset); first <= date && date <= last {
			sleep.Segments = append(sleep.Segments, Segment{
				Start: seg.Start.In(seg.Offset), End: seg.End.In(seg.Offset), Stage: seg.Stage, Source: seg.Source,
				Date: date, Attributes: objectOrNull(seg.Attributes),
			})
		}
	}
	return sleep, nil
}

func nightOf(n *health.Night, nap bool) Night {
	return Night{
		ID: n.ID, Date: n.Date, Source: n.Source,
		SleepStart: timeOrNull(n.SleepStart, n.Offset), SleepEnd: timeOrNull(n.SleepEnd, n.Offset),
		InBedStart: timeOrNull(n.InBedStart, n.Offset), InBedEnd: timeOrNull(n.InBedEnd, n.Offset),
		Total: orNull(n.Total), Asleep: orNull(n.Asleep), Core: orNull(n.Core), Deep: orNull(n.Deep), REM: orNull(n.REM),
		Awake: orNull(n.Awake), InBed: orNull(n.InBed),
		Nap: nap, Attributes: objectOrNull(n.Attributes),
	}
}

// daySleep selects the night among those of one date; nil where there are none.
func daySleep(ranking aggregate.Ranking, nights []health.Night, fromSegments bool) *DaySleep {
	night, naps, ok := ranking.MainSleep(nights)
	if !ok {
		return nil
	}
	sleep := &DaySleep{Night: nightOf(&night, false), FromSegments: fromSegments, Naps: []Night{}}
	for i := range naps {
		sleep.Naps = append(sleep.Naps, nightOf(&naps[i], true))
	}
	return sleep
}
