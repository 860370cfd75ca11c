package postgres

import (
	"context"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// putWorkout is a batched statement.
const putWorkout = `
INSERT INTO workouts (user_id, name_folded, ` + workoutColumns + `)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
	$8::integer[], $9::text[], $10::double precision[], $11::json[], $12::text[], $13::timestamptz[], $14::integer[])
ON CONFLICT (user_id, id) DO UPDATE SET name_folded = excluded.name_folded, app_id = excluded.app_id, name = excluded.name,
	started_at = excluded.started_at, ended_at = excluded.ended_at, utc_offset = excluded.utc_offset, source = excluded.source,
	duration = excluded.duration, quantities = excluded.quantities, attributes = excluded.attributes,
	received_at = excluded.received_at, end_offset = excluded.end_offset`

// WriteWorkouts stores workouts with their series and routes.
func (s *Store) WriteWorkouts(ctx context.Context, body store.Body, batch []health.Workout) (store.Written, error) {
	return s.writeElements(ctx, body, "write workouts", len(batch), func(ctx context.Context, tx pgx.Tx, p *plan) error {
		existing, err := candidateWorkouts(ctx, tx, body, batch)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := existing.compare(ctx, tx, p, i, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// knownWorkouts are the stored workouts that a batch may update, in the order of their ids, and those of the batch itself
// that were planned so far.
type knownWorkouts struct {
	store.Body
	all []*knownWorkout
}

// knownWorkout is a workout whose parts are read when they are needed.
type knownWorkout struct {
	health.Workout
	complete bool
}

func candidateWorkouts(ctx context.Context, tx pgx.Tx, body store.Body, batch []health.Workout) (*knownWorkouts, error) {
	var appIDs []string
	minutes := make([]pgtype.Timestamptz, len(batch))
	first, last := health.MaxInstant, health.MinInstant
	for i := range batch {
		minute := batch[i].StartMinute()
		minutes[i] = timestamp(minute)
		first, last = min(first, minute), max(last, minute+60*health.Second)
		if batch[i].AppID != "" {
			appIDs = append(appIDs, batch[i].AppID)
		}
	}
	stored, err := list(ctx, tx, scanWorkout, selectWorkouts+`
		user_id = $1 AND (app_id <> '' AND app_id = ANY ($2)
			OR started_at >= $4 AND started_at < $5 AND date_trunc('minute', started_at, 'UTC') = ANY ($3))
		ORDER BY id`, body.User, appIDs, minutes, timestamp(first), timestamp(last))
	existing := &knownWorkouts{Body: body}
	for i := range stored {
		existing.all = append(existing.all, &knownWorkout{Workout: stored[i]})
	}
	return existing, err
}

// find returns the workout that sent is a repeat of, by health.Workout.SameWorkout: the one with its app id, else preferably
// one without an id, with the same start and with the same end. nil: there is none.
func (w *knownWorkouts) find(sent *health.Workout) *knownWorkout {
	var best *knownWorkout
	bestRank := 0
	for _, existing := range w.all {
		if !existing.SameWorkout(sent) {
			continue
		}
		rank := 1
		if existing.End == sent.End {
			rank += 1
		}
		if existing.Start == sent.Start {
			rank += 2
		}
		if existing.AppID == "" {
			rank += 4
		}
		if existing.AppID != "" && existing.AppID == sent.AppID {
			rank = 8
		}
		if rank > bestRank {
			best, bestRank = existing, rank
		}
	}
	return best
}

func (w *knownWorkouts) compare(ctx context.Context, tx pgx.Tx, p *plan, index int, sent *health.Workout) error {
	existing := w.find(sent)
	if existing == nil {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		existing = &knownWorkout{Workout: *sent, complete: true}
		existing.ID = id
		w.all = append(w.all, existing)
		return w.put(p, index, health.Inserted, &existing.Workout, &health.Workout{})
	}
	if !existing.complete {
		if err := readParts(ctx, tx, w.User, &existing.Workout); err != nil {
			return err
		}
		existing.complete = true
	}
	before := existing.Workout
	before.Series = maps.Clone(before.Series)
	outcome := health.Updated
	if !existing.MergeFrom(sent) {
		outcome = health.Unchanged
		if !w.Raise(&existing.Order, sent.Order) {
			p.outcomes[index] = outcome
			return nil
		}
	}
	return w.put(p, index, outcome, &existing.Workout, &before)
}

// put plans to write the row, and those parts that differ from before.
func (w *knownWorkouts) put(p *plan, index int, outcome health.Outcome, workout, before *health.Workout) error {
	row, err := w.row(workout)
	if err != nil {
		p.refuse(index, err)
		return nil
	}
	if outcome != health.Inserted { // it may have been inserted by the same batch
		row = row.single()
	}
	statements := []statement{row}
	for name, points := range workout.Series {
		if len(points) > 0 && !isSame(points, before.Series[name]) {
			statements = append(statements, statement{sql: putSeries, args: seriesArgs(w.User, workout.ID, name, points)})
		}
	}
	if len(workout.Route) > 0 && !isSame(workout.Route, before.Route) {
		args, err := routeArgs(w.User, workout.ID, workout.Route)
		if err != nil {
			p.refuse(index, err)
			return nil
		}
		statements = append(statements, statement{sql: putRoute, args: args})
	}
	p.write(index, outcome, statements...)
	return nil
}

// isSame reports whether merging has kept a list.
func isSame[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (w *knownWorkouts) row(workout *health.Workout) (statement, error) {
	quantities, err := backend.EncodeQuantities(workout.Quantities)
	if err != nil {
		err = invalidElement("The element has a number that is not finite, or a text that is not Unicode.")
	}
	return statement{sql: putWorkout, batched: true, args: []any{
		w.User, backend.FoldCase(workout.Name), workout.ID, workout.AppID, workout.Name, timestamp(workout.Start), nullableInstant(workout.End),
		workout.Offset, workout.Source, nullableFloat(workout.Duration), quantities, workout.Attributes, timestamp(workout.Order),
		workout.EndOffset(),
	}}, err
}
