package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/health-export/health-export/internal/health"
)

// ingestRow has the costs of a body of a size sent by so many concurrent clients: all new, sent again, and with a tenth
// of its values changed; and those of the baseline that writes the same rows.
type ingestRow struct {
	engine                          engine
	points, clients                 int
	baseline, first, again, changed costs // by rounds
	log                             *walUsage
}

func (r *ingestRow) rows() float64 { return float64(r.points * r.clients) }

// ratio returns the rows a second as multiples of those of the baseline, by round.
func (r *ingestRow) ratio(ours costs) (ratios measurements) {
	for round := range ours {
		ratios = append(ratios, r.baseline[round].wall.Seconds()/ours[round].wall.Seconds())
	}
	return ratios
}

// measureIngest compares sending bodies over HTTP with baselines that write the rows of these bodies into the same
// tables.
func (b *benchRun) measureIngest(ctx context.Context) error {
	if err := b.forEachEngine(ctx, b.measureIngestOn); err != nil {
		return err
	}
	b.reportIngest()
	return nil
}

func (b *benchRun) measureIngestOn(ctx context.Context, e engine) (err error) {
	i, users, address, drop, err := startOnNewDatabase(ctx, e, slices.Max(b.scale.clients))
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	for _, points := range b.scale.points {
		sending, err := newIngestBench(e, i, address, points)
		if err != nil {
			return err
		}
		if err := sending.prepare(ctx, users[0]); err != nil {
			return err
		}
		if points == slices.Max(b.scale.points) {
			if err := b.measureRowSize(ctx, e, address, points); err != nil {
				return err
			}
		}
		for _, clients := range b.scale.clients {
			b.logf("ingest, %s, %d points, %d clients", e.name(), points, clients)
			row := ingestRow{engine: e, points: points, clients: clients}
			for round := range b.scale.rounds(points*clients) + 1 { // the first warms up
				if err := sending.round(ctx, &row, users[:clients], round); err != nil {
					return fmt.Errorf("%d points, %d clients: %w", points, clients, err)
				}
			}
			b.report.ingest = append(b.report.ingest, row)
		}
	}
	return nil
}

// measureRowSize reports the bytes of a row in tables with a body of so many points and nothing else.
func (b *benchRun) measureRowSize(ctx context.Context, e engine, address string, points int) error {
	tables, indexes, err := e.size(ctx, address)
	if err != nil {
		return err
	}
	perRow := func(bytes int64) string { return fmt.Sprintf("%.0f bytes", float64(bytes)/float64(points)) }
	b.report.add(result{
		name:     fmt.Sprintf("%s: a row of samples of %d, with its index", e.name(), points),
		measured: perRow(tables + indexes), baseline: perRow(tables) + " in the table, " + perRow(indexes) + " in the index",
	})
	return nil
}

// ingestBench measures bodies of one size.
type ingestBench struct {
	engine   engine
	instance *instance
	address  string
	first    body
	changed  []byte // with other values in some of its points
	changes  int
	baseline func(ctx context.Context, users int) (cost, error)
}

func newIngestBench(e engine, on *instance, address string, points int) (*ingestBench, error) {
	first, err := newBody(bodyOptions(points))
	s := &ingestBench{engine: e, instance: on, address: address, first: first}
	s.changed, s.changes = changeATenth(first.text)
	return s, err
}

// prepare sends the body for a user, and reads the rows it leaves for the baseline.
func (s *ingestBench) prepare(ctx context.Context, somebody testUser) (err error) {
	if err := s.reset(ctx, []testUser{somebody}); err != nil {
		return err
	}
	want := health.Counts{Received: s.first.points, Inserted: s.first.points}
	if err := s.instance.sendAll(ctx, []testUser{somebody}, s.first.text, want); err != nil {
		return err
	}
	s.baseline, err = s.engine.baseline(ctx, s.address, somebody, health.GrainMinute)
	return err
}

func (s *ingestBench) reset(ctx context.Context, users []testUser) error {
	if err := s.engine.truncateSamples(ctx, s.address); err != nil {
		return err
	}
	return s.instance.warmUp(ctx, users)
}

// round measures everything once, the baseline and the product in alternating order. Round 0 is not counted.
func (s *ingestBench) round(ctx context.Context, row *ingestRow, users []testUser, round int) error {
	var plain cost
	var ours ingestCosts
	ways := []func() error{
		func() (err error) {
			plain, err = s.baseline(ctx, len(users))
			return err
		},
		func() (err error) {
			ours, err = s.send(ctx, users)
			return err
		},
	}
	for n := range ways {
		if err := ways[(n+round)%len(ways)](); err != nil {
			return err
		}
	}
	if round > 0 {
		row.baseline, row.first = append(row.baseline, plain), append(row.first, ours.first)
		row.again, row.changed = append(row.again, ours.again), append(row.changed, ours.changed)
		row.log = ours.log
	}
	return nil
}

// ingestCosts are the costs of a body that is new, that is sent again, and some of whose values have changed.
type ingestCosts struct {
	first, again, changed cost
	log                   *walUsage
}

// walUsage is what sending a body again wrote to the write-ahead log, in bytes: in total and of samples; and the bytes
// of the body in the archive.
type walUsage struct{ total, samples, archived int64 }

// send sends the body three times for all users, into empty tables.
func (s *ingestBench) send(ctx context.Context, users []testUser) (took ingestCosts, err error) {
	if err := s.reset(ctx, users); err != nil {
		return took, err
	}
	n := s.first.points
	post := func(text []byte, want health.Counts) (cost, error) {
		return measure(ctx, s.engine, s.address, func() error { return s.instance.sendAll(ctx, users, text, want) })
	}
	if took.first, err = post(s.first.text, health.Counts{Received: n, Inserted: n}); err != nil {
		return took, err
	}
	since, err := s.engine.walSince(ctx, s.address)
	if err != nil {
		return took, err
	}
	if took.again, err = post(s.first.text, health.Counts{Received: n, Unchanged: n}); err != nil {
		return took, err
	}
	if since != nil {
		if took.log, err = since(ctx); err != nil {
			return took, err
		}
		if took.log.archived, err = s.instance.archived(ctx, users); err != nil {
			return took, err
		}
	}
	took.changed, err = post(s.changed, health.Counts{Received: n, Unchanged: n - s.changes, Updated: s.changes})
	return took, err
}

// reportIngest compares the rows with the targets, which are for bodies of 100,000 points and more.
func (b *benchRun) reportIngest() {
	const large = 100_000
	for _, e := range b.engines {
		rows := slices.DeleteFunc(slices.Clone(b.report.ingest), func(r ingestRow) bool { return r.engine != e || r.points < large })
		alone := slices.DeleteFunc(slices.Clone(rows), func(r ingestRow) bool { return r.clients > 1 })
		several := slices.DeleteFunc(slices.Clone(rows), func(r ingestRow) bool { return r.clients == 1 })
		first := func(r ingestRow) measurements { return r.ratio(r.first) }
		again := func(r ingestRow) measurements { return r.ratio(r.again) }
		if e.name() == "SQLite" {
			b.reportLeast(e, "all new, large bodies", rows, first, 0.8)
			b.reportLeast(e, "sent again, large bodies", rows, again, 1)
			continue
		}
		b.reportLeast(e, "all new, large bodies, one client", alone, first, 0.8)
		b.reportLeast(e, "all new, large bodies, several clients", several, first, 0.95)
		b.reportLeast(e, "sent again, large bodies", rows, again, 5)
		b.reportLog(e)
	}
}

// reportLeast reports the least of the medians of several rows.
func (b *benchRun) reportLeast(e engine, what string, rows []ingestRow, of func(ingestRow) measurements, target float64) {
	if len(rows) == 0 {
		return
	}
	least := math.Inf(1)
	for _, r := range rows {
		least = min(least, of(r).median())
	}
	b.report.add(result{
		name: e.name() + ": " + what, measured: fmt.Sprintf("%.2f ×", least), baseline: e.baselineName(),
		target: fmt.Sprintf("≥ %g ×", target), met: least >= target,
	})
}

// reportLog reports what the last body that a single client sent again has written to the write-ahead log.
func (b *benchRun) reportLog(e engine) {
	for _, r := range slices.Backward(b.report.ingest) {
		if r.engine == e && r.clients == 1 && r.log != nil {
			b.report.add(result{
				name:     fmt.Sprintf("%s: write-ahead log of samples when %d points are sent again", e.name(), r.points),
				measured: fmt.Sprintf("%d bytes", r.log.samples),
				baseline: fmt.Sprintf("%d bytes in all, for a body of %d in the archive", r.log.total, r.log.archived),
				target:   "0 bytes", met: r.log.samples == 0,
			})
			return
		}
	}
}

// value matches the value of a point; of one with several, the minimum.
var value = regexp.MustCompile(`"(?:qty|Min)":([-+.0-9eE]+)`)

// changeATenth changes the value of every tenth point, and returns the number of those.
func changeATenth(text []byte) (changed []byte, changes int) {
	changed = make([]byte, 0, len(text)+len(text)/50)
	done := 0
	for point, at := range value.FindAllSubmatchIndex(text, -1) {
		if point%10 > 0 {
			continue
		}
		number, _ := strconv.ParseFloat(string(text[at[2]:at[3]]), 64)
		changed = strconv.AppendFloat(append(changed, text[done:at[2]]...), number*0.99, 'g', -1, 64)
		done = at[3]
		changes++
	}
	return append(changed, text[done:]...), changes
}
