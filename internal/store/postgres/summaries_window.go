package postgres

import (
	"slices"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// windowReader reads the samples of windows: those that are known to be needed, all at once.
type windowReader struct {
	keeper   *summaryUpdater
	requests []*windowRequest
}

type windowRequest struct {
	of     *daysOf
	window aggregate.Window
	parts  []keyInterval
	rows   []health.Sample
}

// keyInterval is a stretch of one series.
type keyInterval struct {
	grain       health.Grain
	first, last health.Instant
}

func (r *windowReader) request(of *daysOf, window aggregate.Window) *windowRequest {
	a := &windowRequest{of: of, window: window, parts: partsOf(of, window)}
	r.requests = append(r.requests, a)
	return a
}

// partsOf cuts a window into the stretches that may have rows which were not written just now.
func partsOf(of *daysOf, window aggregate.Window) (parts []keyInterval) {
	add := func(h grainRange, first, last health.Instant) {
		first, last = max(first, h.first), min(last, h.last)
		if first <= last {
			parts = append(parts, keyInterval{h.grain, first, last})
		}
	}
	for _, h := range of.ranges {
		first, last := window.Raw.From, window.Raw.To-1
		if h.grain > health.GrainRaw {
			length := health.Instant(h.grain) * health.Second
			first, last = window.Summaries.From-length, window.Summaries.To-1+length
		}
		if len(of.written) == 0 {
			add(h, first, last)
			continue
		}
		add(h, first, min(last, of.writtenFirst-1))
		add(h, max(first, of.writtenLast+1), last)
	}
	return parts
}

// run reads what was asked for.
func (r *windowReader) run() error {
	u := r.keeper
	if !slices.ContainsFunc(r.requests, func(a *windowRequest) bool { return len(a.parts) > 0 }) {
		return nil
	}
	pipeline := u.raw().StartPipeline(u.ctx)
	for _, a := range r.requests {
		for _, p := range a.parts {
			pipeline.SendQueryParams(a.of.table.window, [][]byte{
				u.user[:], wireSmallint(a.of.id), wireInteger(int32(p.grain)), wireInstant(p.first), wireInstant(p.last),
			}, nil, binaryFormat, binaryFormat)
		}
	}
	err := pipeline.Sync()
	var sources [][]int32
	for _, a := range r.requests {
		var ids []int32
		for _, p := range a.parts {
			if err != nil {
				break
			}
			row := storedRow{table: a.of.table, rowDefaults: rowDefaults{grain: p.grain}}
			err = eachRow(pipeline, func(columns [][]byte) error {
				if err := row.read(columns); err != nil {
					return err
				}
				a.rows, ids = append(a.rows, row.sample), append(ids, row.source)
				return nil
			})
		}
		sources = append(sources, ids)
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	for i, a := range r.requests {
		if err := u.nameSources(a.rows, sources[i]); err != nil {
			return err
		}
	}
	return nil
}

// read passes on the samples of a window, in order.
func (r *windowReader) read(of *daysOf, window aggregate.Window, add func(*health.Sample)) error {
	i := slices.IndexFunc(r.requests, func(a *windowRequest) bool { return a.of == of && a.window == window })
	if i < 0 {
		more := &windowReader{keeper: r.keeper}
		more.request(of, window)
		if err := more.run(); err != nil {
			return err
		}
		r, i = more, 0
	}
	a := r.requests[i]
	samples := make([]*health.Sample, 0, len(a.rows)+len(of.written))
	for i := range a.rows {
		samples = append(samples, &a.rows[i])
	}
	for _, s := range of.written {
		if at := s.KeyTime(); window.Raw.From <= at && at < window.Raw.To {
			samples = append(samples, s)
		}
	}
	sortForResolving(samples)
	for _, s := range samples {
		add(s)
	}
	a.of, a.rows = nil, nil // what is asked for again is read again
	return nil
}

// nameSources gives samples the names of their sources, without a second connection.
func (u *summaryUpdater) nameSources(samples []health.Sample, ids []int32) error {
	var missing []int32
	for _, id := range ids {
		if _, known := u.names[id]; !known && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if err := u.lookUp(missing); err != nil {
		return err
	}
	for i, id := range ids {
		samples[i].Source = u.names[id]
	}
	return nil
}

// lookUp finds the names of sources by their numbers.
func (u *summaryUpdater) lookUp(missing []int32) error {
	if len(missing) == 0 {
		return nil
	}
	known, _ := u.store.names.namesOf(missing)
	missing = slices.DeleteFunc(missing, func(id int32) bool {
		name := known[id]
		if name != "" {
			u.names[id], u.ids[name] = name, id
		}
		return name != ""
	})
	if len(missing) == 0 {
		return nil
	}
	found, err := list(u.ctx, u.tx, scanSource, `SELECT id, name FROM sources WHERE id = ANY ($1)`, missing)
	for _, s := range found {
		u.names[s.id], u.ids[s.name] = s.name, s.id
	}
	return err
}
