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
	"github.com/health-export/health-export/internal/store"
)

// metricRead is the metric that is read: one whose summaries have a minimum, an average and a maximum.
const metricRead = "heart_rate"

// measureReading requests a year of one metric by day and by hour, the summary of a day and the latest values, with one
// user in the database and with many. The times are those of the handler, without the network.
func (b *benchRun) measureReading(ctx context.Context) error {
	return b.forEachEngine(ctx, b.measureReadingOn)
}

// readRequest is a request that is measured.
type readRequest struct {
	name, path string
	points     int // in the response; 0 for any number
	target     float64
	scans      bool // whether it is compared with a scan
}

func (b *benchRun) measureReadingOn(ctx context.Context, e engine) (err error) {
	i, users, address, drop, err := startOnNewDatabase(ctx, e, 1)
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	days := b.scale.days
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)
	b.logf("reading, %s: storing %d days of minutes", e.name(), days)
	if err := i.storeSamples(ctx, users[0], begin, health.GrainMinute, days*24*60); err != nil {
		return err
	}
	requests := readRequests(begin, days)
	alone, scans, err := b.measureReads(ctx, e, i, address, users[0], requests)
	if err != nil {
		return err
	}
	b.logf("reading, %s: storing 1,000 values for each of %d others", e.name(), b.scale.users-1)
	others, err := i.createUsersWithoutKeys(ctx, b.scale.users-1)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := i.storeSamples(ctx, testUser{User: other}, begin, health.GrainHour, 1000); err != nil {
			return err
		}
	}
	crowded, _, err := b.measureReads(ctx, e, i, address, users[0], requests)
	if err != nil {
		return err
	}
	b.reportReading(e, requests, alone, crowded, scans)
	return nil
}

func readRequests(begin time.Time, days int) []readRequest {
	series := func(bucket string) string {
		return "/v1/metrics/" + metricRead + "/series?" + url.Values{
			"start": {begin.Format(time.RFC3339)}, "end": {begin.AddDate(0, 0, days).Format(time.RFC3339)}, "bucket": {bucket},
		}.Encode()
	}
	return []readRequest{
		{name: fmt.Sprintf("%d days of minutes, by day", days), path: series("1d"), points: days, target: 5, scans: true},
		{name: fmt.Sprintf("%d days of minutes, by hour", days), path: series("1h"), points: days * 24, target: 30, scans: true},
		{name: "summary of a day", path: "/v1/summary?date=" + begin.AddDate(0, 0, days-1).Format(time.DateOnly), target: 5},
		{name: "latest value of each metric", path: "/v1/metrics/latest", target: 1},
	}
}

// storeSamples stores so many values, one per grain (raw ones every minute), not over HTTP.
func (i *instance) storeSamples(ctx context.Context, p testUser, begin time.Time, grain health.Grain, count int) error {
	catalogue, err := catalog.Load()
	if err != nil {
		return err
	}
	described, ok := catalogue.Lookup(metricRead)
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
			s.End, s.Order = s.Start, health.InstantOf(time.Now())
			s.Value = 70.5 + float64(n%40)
			if grain > health.GrainRaw {
				s.Min, s.Max = 50+float64(n%20), 100+float64(n%60)
			}
			batch[n] = s
		}
		if _, err := i.store.WriteSamples(ctx, store.Body{User: p.ID}, batch); err != nil {
			return err
		}
		at += len(batch)
	}
	return nil
}

// createUsersWithoutKeys creates users without keys.
func (i *instance) createUsersWithoutKeys(ctx context.Context, count int) (all []account.User, err error) {
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

// measureReads measures every request several times, and as many scans. The first of each fills the caches and is not
// counted.
func (b *benchRun) measureReads(
	ctx context.Context, e engine, i *instance, address string, p testUser, requests []readRequest,
) (took []costs, scans costs, err error) {
	if err := e.analyze(ctx, address); err != nil {
		return nil, nil, err
	}
	for _, q := range requests {
		b.logf("reading, %s: %s", e.name(), q.name)
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

func (q *readRequest) check(answer []byte) error {
	var series struct{ Points []json.RawMessage }
	if err := json.Unmarshal(answer, &series); err != nil {
		return err
	}
	if len(series.Points) != q.points {
		return fmt.Errorf("%s: the answer has %d points, want %d", q.path, len(series.Points), q.points)
	}
	return nil
}

func (b *benchRun) reportReading(e engine, requests []readRequest, alone, crowded []costs, scans costs) {
	milliseconds := func(c costs, of func(cost) time.Duration) measurements {
		return c.of(of).transform(func(seconds float64) float64 { return 1e3 * seconds })
	}
	for n, q := range requests {
		elapsed := milliseconds(crowded[n], wall)
		row := result{
			name:     fmt.Sprintf("%s: %s, %d users present", e.name(), q.name, b.scale.users),
			measured: elapsed.format("%.2f ms"),
		}
		if q.target > 0 {
			row.target, row.met = fmt.Sprintf("< %.0f ms", q.target), elapsed.median() < q.target
		}
		b.report.add(row)
		many, one, bare := milliseconds(crowded[n], work), milliseconds(alone[n], work), milliseconds(scans, work)
		b.report.add(result{
			name: "… in processor time, against the same with 1 user present", measured: many.ratioTo(one), baseline: one.format("%.2f ms"),
			target: "flat", met: many.median() < 1.25*one.median(),
		})
		if q.scans {
			b.report.add(result{
				name: "… in processor time, against a bare scan of the rows (count)", measured: one.ratioTo(bare), baseline: bare.format("%.2f ms"),
				target: "≤ 1.5 ×", met: one.median() <= 1.5*bare.median(),
			})
		}
	}
}
