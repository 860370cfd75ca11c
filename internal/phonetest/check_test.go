package phonetest

import (
	"context"
	"math"
	"testing"
	"time"
)

// ideal answers as a server would that knows of every minute what was sent of it last, made worse by a function.
type ideal struct {
	plan  *Plan
	spoil func(d *day, value float64) float64
}

func (s *ideal) Receive(context.Context, Upload) error { return nil }

func (s *ideal) Days(_ context.Context, at, first, last time.Time) (Days, error) {
	arrived := s.plan.arrivedBy(at)
	days := Days{}
	for date := first; !date.After(last); date = date.AddDate(0, 0, 1) {
		figures := map[string]Figure{}
		for _, metric := range s.plan.Person.Metrics {
			d := newDay(s.plan, metric, date, at, arrived)
			if days[d.date] == nil {
				days[d.date] = figures
			}
			switch {
			case metric.Style != Cumulative:
				days[d.date][metric.Name] = d.readingsSent()
			case d.settled != nil:
				days[d.date][metric.Name] = Figure{Value: s.spoil(d, d.summary.Sum)}
			default:
				days[d.date][metric.Name] = Figure{Value: s.spoil(d, newCells(d).sentLast())}
			}
		}
	}
	return days, nil
}

// sentLast is the sum of what was sent last of each minute, if it is of the day by the clock of that run.
func (c *cells) sentLast() (sum float64) {
	all := make([]int, len(c.runs))
	for i := range all {
		all[i] = i
	}
	for minute := range c.truth {
		at := c.outer.start.Add(time.Duration(minute) * time.Minute)
		if i, ok := c.latest(all, minute); ok && at.In(c.runs[i].zone).Format(time.DateOnly) == c.date {
			sum += c.sent[i][minute]
		}
	}
	return sum
}

// readingsSent is the figure of the readings that were sent.
func (d *day) readingsSent() Figure {
	sent := d.sentSamples(Day)
	var mine []Sample
	for _, s := range sent {
		if s.presentAt(d.now.at) && !s.Start.Before(d.inner.start) && s.Start.Before(d.inner.end) {
			mine = append(mine, s)
		}
	}
	if len(mine) == 0 {
		mine = sent
	}
	if len(mine) == 0 {
		return Figure{}
	}
	low, avg, high := mean(d.metric, mine, d.inner.end)
	f := Figure{Value: avg, Min: low, Avg: avg, Max: high, Count: len(mine)}
	if d.metric.Latest {
		f.Value = mine[len(mine)-1].Value
	}
	if d.settled != nil {
		f.Avg = d.summary.Avg
	}
	return f
}

// A server that knows the last that was sent of each minute passes every plan; one that counts wrongly does not.
func TestChecksFindFaults(t *testing.T) {
	t.Parallel()
	n := 25
	if testing.Short() {
		n = 10
	}
	plans := make([]*Plan, n)
	for i := range plans {
		plans[i] = NewPlan(uint64(i) + 1)
	}
	for name, tt := range map[string]struct {
		spoil           func(d *day, value float64) float64
		atLeast, atMost float64 // the part of the plans that have a fault
	}{
		"right":                      {spoil: func(_ *day, value float64) float64 { return value }},
		"2 % too much":               {spoil: func(_ *day, value float64) float64 { return 1.02 * value }, atLeast: 0.6, atMost: 1},
		"2 % too little":             {spoil: func(_ *day, value float64) float64 { return 0.98 * value }, atLeast: 0.6, atMost: 1},
		"nothing":                    {spoil: func(*day, float64) float64 { return 0 }, atLeast: 0.8, atMost: 1},
		"the first that was sent":    {spoil: func(d *day, _ float64) float64 { return newCells(d).sentFirst() }, atLeast: 0.4, atMost: 1},
		"the largest run":            {spoil: func(d *day, _ float64) float64 { return newCells(d).largestRun() }, atLeast: 0.1, atMost: 1},
		"the sum of all automations": {spoil: func(d *day, _ float64) float64 { return newCells(d).sumOfGroups() }, atLeast: 0.4, atMost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := 0
			for _, plan := range plans {
				faults, err := plan.Run(t.Context(), &ideal{plan: plan, spoil: tt.spoil})
				if err != nil {
					t.Fatal(err)
				}
				if len(faults) > 0 {
					wrong++
					if tt.atMost == 0 {
						t.Errorf("%s\n%s", plan.Story(), faults[0])
					}
				}
			}
			if part := float64(wrong) / float64(n); part < tt.atLeast || part > tt.atMost {
				t.Errorf("%d of %d plans find it", wrong, n)
			}
		})
	}
}

// sentFirst is the sum of what was sent first of each minute.
func (c *cells) sentFirst() (sum float64) {
	for minute := range c.truth {
		for i := range c.runs {
			if value := c.sent[i][minute]; !math.IsNaN(value) {
				sum += value
				break
			}
		}
	}
	return sum
}

// largestRun is the largest sum of a run.
func (c *cells) largestRun() (sum float64) {
	for i := range c.runs {
		sum = max(sum, c.sumOf([]int{i}))
	}
	return sum
}

// sumOfGroups is what the groups tell, added up.
func (c *cells) sumOfGroups() (sum float64) {
	for _, group := range c.groups() {
		sum += c.sumOf(group)
	}
	return sum
}

func (c *cells) sumOf(group []int) (sum float64) {
	for minute := range c.truth {
		if i, ok := c.latest(group, minute); ok {
			sum += c.sent[i][minute]
		}
	}
	return sum
}
