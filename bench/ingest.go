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

// ingestRow is what became of a body of a size, sent by so many clients at once: when all of it was new, when it was sent
// again, and when a tenth of its values had changed; beside the plainest way to write the same rows.
type ingestRow struct {
	engine                      engine
	points, clients             int
	bare, first, again, changed costs // by rounds
	log                         *logged
}

func (r *ingestRow) rows() float64 { return float64(r.points * r.clients) }

// ratio compares the rows a second with those of the plainest way, round by round.
func (r *ingestRow) ratio(ours costs) (ratios spread) {
	for round := range ours {
		ratios = append(ratios, r.bare[round].wall.Seconds()/ours[round].wall.Seconds())
	}
	return ratios
}

// measureIngest sends bodies over HTTP and compares with the plainest way to write the rows that they leave, into the
// same tables.
func (b *bench) measureIngest(ctx context.Context) error {
	if err := b.onEach(ctx, b.ingestInto); err != nil {
		return err
	}
	b.reportIngest()
	return nil
}

func (b *bench) ingestInto(ctx context.Context, e engine) (err error) {
	i, people, address, drop, err := startOn(ctx, e, slices.Max(b.scale.clients))
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	for _, points := range b.scale.points {
		sending, err := newIngesting(e, i, address, points)
		if err != nil {
			return err
		}
		if err := sending.prepare(ctx, people[0]); err != nil {
			return err
		}
		if points == slices.Max(b.scale.points) {
			if err := b.weigh(ctx, e, address, points); err != nil {
				return err
			}
		}
		for _, clients := range b.scale.clients {
			b.say("ingest, %s, %d points, %d clients", e.name(), points, clients)
			row := ingestRow{engine: e, points: points, clients: clients}
			for round := range b.scale.rounds(points*clients) + 1 { // the first warms up
				if err := sending.round(ctx, &row, people[:clients], round); err != nil {
					return fmt.Errorf("%d points, %d clients: %w", points, clients, err)
				}
			}
			b.report.ingest = append(b.report.ingest, row)
		}
	}
	return nil
}

// weigh reports what a row takes in tables that hold a body of so many points and nothing else.
func (b *bench) weigh(ctx context.Context, e engine, address string, points int) error {
	tables, indexes, err := e.size(ctx, address)
	if err != nil {
		return err
	}
	perRow := func(bytes int64) string { return fmt.Sprintf("%.0f bytes", float64(bytes)/float64(points)) }
	b.report.add(finding{
		what:     fmt.Sprintf("%s: a row of samples of %d, with its index", e.name(), points),
		measured: perRow(tables + indexes), compared: perRow(tables) + " in the table, " + perRow(indexes) + " in the index",
	})
	return nil
}

// ingesting is what it takes to send bodies of one size.
type ingesting struct {
	engine  engine
	on      *instance
	address string
	first   body
	changed []byte // with other values in some of its points
	changes int
	bare    func(ctx context.Context, users int) (cost, error)
}

func newIngesting(e engine, on *instance, address string, points int) (*ingesting, error) {
	first, err := newBody(bodyOptions(points))
	s := &ingesting{engine: e, on: on, address: address, first: first}
	s.changed, s.changes = changeATenth(first.text)
	return s, err
}

// prepare has somebody send the body, for the rows that it leaves.
func (s *ingesting) prepare(ctx context.Context, somebody person) (err error) {
	if err := s.empty(ctx, []person{somebody}); err != nil {
		return err
	}
	want := health.Counts{Received: s.first.points, Inserted: s.first.points}
	if err := s.on.sendAll(ctx, []person{somebody}, s.first.text, want); err != nil {
		return err
	}
	s.bare, err = s.engine.bare(ctx, s.address, somebody, health.GrainMinute)
	return err
}

func (s *ingesting) empty(ctx context.Context, people []person) error {
	if err := s.engine.empty(ctx, s.address); err != nil {
		return err
	}
	return s.on.warmUp(ctx, people)
}

// round measures everything once, the plainest way before the product or after it in turn. Round 0 does not count.
func (s *ingesting) round(ctx context.Context, row *ingestRow, people []person, round int) error {
	var plain cost
	var ours ingested
	ways := []func() error{
		func() (err error) {
			plain, err = s.bare(ctx, len(people))
			return err
		},
		func() (err error) {
			ours, err = s.send(ctx, people)
			return err
		},
	}
	for n := range ways {
		if err := ways[(n+round)%len(ways)](); err != nil {
			return err
		}
	}
	if round > 0 {
		row.bare, row.first = append(row.bare, plain), append(row.first, ours.first)
		row.again, row.changed = append(row.again, ours.again), append(row.changed, ours.changed)
		row.log = ours.log
	}
	return nil
}

// ingested says what a body cost when it was new, when it was sent again, and when some of it had changed.
type ingested struct {
	first, again, changed cost
	log                   *logged
}

// logged is how many bytes sending a body again wrote to the write-ahead log: all of them, those that belong to samples,
// and how long the body is in the archive.
type logged struct{ all, samples, archived int64 }

// send has people send the body three times, into empty tables.
func (s *ingesting) send(ctx context.Context, people []person) (took ingested, err error) {
	if err := s.empty(ctx, people); err != nil {
		return took, err
	}
	n := s.first.points
	post := func(text []byte, want health.Counts) (cost, error) {
		return measure(ctx, s.engine, s.address, func() error { return s.on.sendAll(ctx, people, text, want) })
	}
	if took.first, err = post(s.first.text, health.Counts{Received: n, Inserted: n}); err != nil {
		return took, err
	}
	since, err := s.engine.logged(ctx, s.address)
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
		if took.log.archived, err = s.on.archived(ctx, people); err != nil {
			return took, err
		}
	}
	took.changed, err = post(s.changed, health.Counts{Received: n, Unchanged: n - s.changes, Updated: s.changes})
	return took, err
}

// reportIngest holds the rows against the targets, which are for bodies of 100,000 points and more.
func (b *bench) reportIngest() {
	const large = 100_000
	for _, e := range b.engines {
		rows := slices.DeleteFunc(slices.Clone(b.report.ingest), func(r ingestRow) bool { return r.engine != e || r.points < large })
		alone := slices.DeleteFunc(slices.Clone(rows), func(r ingestRow) bool { return r.clients > 1 })
		several := slices.DeleteFunc(slices.Clone(rows), func(r ingestRow) bool { return r.clients == 1 })
		first := func(r ingestRow) spread { return r.ratio(r.first) }
		again := func(r ingestRow) spread { return r.ratio(r.again) }
		if e.name() == "SQLite" {
			b.holdAgainst(e, "all new, large bodies", rows, first, 0.8)
			b.holdAgainst(e, "sent again, large bodies", rows, again, 1)
			continue
		}
		b.holdAgainst(e, "all new, large bodies, one client", alone, first, 0.8)
		b.holdAgainst(e, "all new, large bodies, several clients", several, first, 0.95)
		b.holdAgainst(e, "sent again, large bodies", rows, again, 5)
		b.reportLog(e)
	}
}

// holdAgainst reports the least of the medians.
func (b *bench) holdAgainst(e engine, what string, rows []ingestRow, of func(ingestRow) spread, target float64) {
	if len(rows) == 0 {
		return
	}
	least := math.Inf(1)
	for _, r := range rows {
		least = min(least, of(r).median())
	}
	b.report.add(finding{
		what: e.name() + ": " + what, measured: fmt.Sprintf("%.2f ×", least), compared: e.plainest(),
		target: fmt.Sprintf("≥ %g ×", target), met: least >= target,
	})
}

// reportLog says what the last body that was sent again by a single client has written to the write-ahead log.
func (b *bench) reportLog(e engine) {
	for _, r := range slices.Backward(b.report.ingest) {
		if r.engine == e && r.clients == 1 && r.log != nil {
			b.report.add(finding{
				what:     fmt.Sprintf("%s: write-ahead log of samples when %d points are sent again", e.name(), r.points),
				measured: fmt.Sprintf("%d bytes", r.log.samples),
				compared: fmt.Sprintf("%d bytes in all, for a body of %d in the archive", r.log.all, r.log.archived),
				target:   "0 bytes", met: r.log.samples == 0,
			})
			return
		}
	}
}

// A value of a point; of one with several, the smallest.
var value = regexp.MustCompile(`"(?:qty|Min)":([-+.0-9eE]+)`)

// changeATenth gives every tenth point another value and returns how many that are.
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
