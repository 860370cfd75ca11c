package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// metricRead is the metric of which a year is read: one whose points have a minimum, an average and a maximum.
const metricRead = "heart_rate"

// measureReading asks for a year of one metric by day and by hour, for a day and for the latest values, while one person is present
// and while many are. The times are those of the handler, without the network.
func (b *bench) measureReading(ctx context.Context) error {
	return b.onEach(ctx, b.readFrom)
}

// question is one request that is measured.
type question struct {
	name, path string
	answers    int // how many values the answer has; 0 for any number
	target     float64
	scans      bool // whether it reads what a scan reads
}

func (b *bench) readFrom(ctx context.Context, e engine) (err error) {
	i, people, address, drop, err := startOn(ctx, e, 1)
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	days := b.scale.days
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)
	b.say("reading, %s: storing %d days of minutes", e.name(), days)
	if err := i.fill(ctx, people[0], begin, health.GrainMinute, days*24*60); err != nil {
		return err
	}
	questions := questionsAbout(begin, days)
	alone, scans, err := b.ask(ctx, e, i, address, people[0], questions)
	if err != nil {
		return err
	}
	b.say("reading, %s: storing 1,000 values for each of %d others", e.name(), b.scale.people-1)
	others, err := i.register(ctx, b.scale.people-1)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := i.fill(ctx, person{User: other}, begin, health.GrainHour, 1000); err != nil {
			return err
		}
	}
	crowded, _, err := b.ask(ctx, e, i, address, people[0], questions)
	if err != nil {
		return err
	}
	b.reportReading(e, questions, alone, crowded, scans)
	return nil
}

func questionsAbout(begin time.Time, days int) []question {
	series := func(bucket string) string {
		return "/v1/metrics/" + metricRead + "/series?" + url.Values{
			"start": {begin.Format(time.RFC3339)}, "end": {begin.AddDate(0, 0, days).Format(time.RFC3339)}, "bucket": {bucket},
		}.Encode()
	}
	return []question{
		{name: fmt.Sprintf("%d days of minutes, by day", days), path: series("1d"), answers: days, target: 5, scans: true},
		{name: fmt.Sprintf("%d days of minutes, by hour", days), path: series("1h"), answers: days * 24, target: 30, scans: true},
		{name: "summary of a day", path: "/v1/summary?date=" + begin.AddDate(0, 0, days-1).Format(time.DateOnly), target: 5},
		{name: "latest value of each metric", path: "/v1/metrics/latest", target: 1},
	}
}

// fill stores so many values, one for each grain (raw ones for each minute), past the HTTP interface.
func (i *instance) fill(ctx context.Context, p person, begin time.Time, grain health.Grain, count int) error {
	words, err := catalog.Load()
	if err != nil {
		return err
	}
	described, ok := words.Lookup(metricRead)
	if !ok {
		return fmt.Errorf("the catalogue does not know %s", metricRead)
	}
	every := health.Instant(cmp.Or(grain, health.GrainMinute)) * health.Second
	for at := 0; at < count; {
		batch := make([]health.Sample, min(perTransaction, count-at))
		for n := range batch {
			s := health.NewSample()
			s.Metric, s.Unit, s.Source, s.Grain = described.Name, described.Unit, "Watch", grain
			s.Start = health.InstantOf(begin) + health.Instant(at+n)*every
			s.End, s.Received = s.Start, health.InstantOf(time.Now())
			s.Value = 70.5 + float64(n%40)
			if grain > health.GrainRaw {
				s.Min, s.Max = 50+float64(n%20), 100+float64(n%60)
			}
			batch[n] = s
		}
		if _, err := i.store.WriteSamples(ctx, p.ID, batch); err != nil {
			return err
		}
		at += len(batch)
	}
	return nil
}

// register creates people without keys.
func (i *instance) register(ctx context.Context, count int) (all []account.User, err error) {
	for n := range count {
		user, err := account.NewUser(fmt.Sprintf("other%d@example.org", n), "", "UTC", time.Now())
		if err != nil {
			return nil, err
		}
		if err := i.store.CreateUser(ctx, user); err != nil {
			return nil, err
		}
		all = append(all, user)
	}
	return all, nil
}

// ask puts every question several times, and scans as often. What is done first fills the caches and does not count.
func (b *bench) ask(
	ctx context.Context, e engine, i *instance, address string, p person, questions []question,
) (took []costs, scans costs, err error) {
	if err := e.settle(ctx, address); err != nil {
		return nil, nil, err
	}
	for _, q := range questions {
		b.say("reading, %s: %s", e.name(), q.name)
		var all costs
		for range b.scale.reads + 1 {
			var answer []byte
			once, err := measure(ctx, e, address, func() (err error) {
				answer, err = i.get(ctx, p, q.path)
				return err
			})
			if err == nil {
				err = q.check(answer)
			}
			if err != nil {
				return nil, nil, err
			}
			all = append(all, once)
		}
		took = append(took, all[1:])
	}
	if scans, err = e.scan(ctx, address, p, b.scale.reads+1); err != nil {
		return nil, nil, err
	}
	return took, scans[1:], nil
}

func (q *question) check(answer []byte) error {
	var series struct{ Points []json.RawMessage }
	if err := json.Unmarshal(answer, &series); err != nil {
		return err
	}
	if len(series.Points) != q.answers {
		return fmt.Errorf("%s: the answer has %d points, want %d", q.path, len(series.Points), q.answers)
	}
	return nil
}

func (b *bench) reportReading(e engine, questions []question, alone, crowded []costs, scans costs) {
	milliseconds := func(c costs, of func(cost) time.Duration) spread {
		return c.of(of).each(func(seconds float64) float64 { return 1e3 * seconds })
	}
	for n, q := range questions {
		clock := milliseconds(crowded[n], wall)
		row := finding{
			what:     fmt.Sprintf("%s: %s, %d users present", e.name(), q.name, b.scale.people),
			measured: clock.format("%.2f ms"),
		}
		if q.target > 0 {
			row.target, row.met = fmt.Sprintf("< %.0f ms", q.target), clock.median() < q.target
		}
		b.report.add(row)
		many, one, bare := milliseconds(crowded[n], work), milliseconds(alone[n], work), milliseconds(scans, work)
		b.report.add(finding{
			what: "… in processor time, against the same with 1 user present", measured: many.over(one), compared: one.format("%.2f ms"),
			target: "flat", met: many.median() < 1.25*one.median(),
		})
		if q.scans {
			b.report.add(finding{
				what: "… in processor time, against a bare scan of the rows (count)", measured: one.over(bare), compared: bare.format("%.2f ms"),
				target: "≤ 1.5 ×", met: one.median() <= 1.5*bare.median(),
			})
		}
	}
}
