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

// putWorkout takes the rows of many.
const putWorkout = `
INSERT INTO workouts (user_id, name_folded, ` + workoutColumns + `)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
	$8::integer[], $9::text[], $10::double precision[], $11::json[], $12::text[], $13::timestamptz[])
ON CONFLICT (user_id, id) DO UPDATE SET name_folded = excluded.name_folded, app_id = excluded.app_id, name = excluded.name,
	started_at = excluded.started_at, ended_at = excluded.ended_at, utc_offset = excluded.utc_offset, source = excluded.source,
	duration = excluded.duration, quantities = excluded.quantities, attributes = excluded.attributes,
	received_at = excluded.received_at`

// WriteWorkouts stores workouts with their series and routes.
func (s *Store) WriteWorkouts(ctx context.Context, user uuid.UUID, batch []health.Workout) (store.Written, error) {
	return s.writeElements(ctx, user, "write workouts", len(batch), func() health.Instant { return batch[0].Received }, func(ctx context.Context, tx pgx.Tx, p *plan) error {
		there, err := candidateWorkouts(ctx, tx, user, batch)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := there.compare(ctx, tx, p, i, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// knownWorkouts are the stored workouts that a batch may be about, in the order of their ids, and those of the batch
// itself that were planned so far.
type knownWorkouts struct {
	user uuid.UUID
	all  []*knownWorkout
}

// knownWorkout is a workout whose parts are read when they are needed.
type knownWorkout struct {
	health.Workout
	complete bool
}

func candidateWorkouts(ctx context.Context, tx pgx.Tx, user uuid.UUID, batch []health.Workout) (*knownWorkouts, error) {
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
		ORDER BY id`, user, appIDs, minutes, timestamp(first), timestamp(last))
	there := &knownWorkouts{user: user}
	for i := range stored {
		there.all = append(there.all, &knownWorkout{Workout: stored[i]})
	}
	return there, err
}

// find returns the workout that sent is about: the one with its app id, else one that SameWorkout takes for it, rather
// one without an id, with the same start and with the same end. nil: there is none.
func (w *knownWorkouts) find(sent *health.Workout) *knownWorkout {
	var best *knownWorkout
	bestRank := 0
	for _, there := range w.all {
		if !there.SameWorkout(sent) {
			continue
		}
		rank := 1
		if there.End == sent.End {
			rank += 1
		}
		if there.Start == sent.Start {
			rank += 2
		}
		if there.AppID == "" {
			rank += 4
		}
		if there.AppID != "" && there.AppID == sent.AppID {
			rank = 8
		}
		if rank > bestRank {
			best, bestRank = there, rank
		}
	}
	return best
}

func (w *knownWorkouts) compare(ctx context.Context, tx pgx.Tx, p *plan, index int, sent *health.Workout) error {
	there := w.find(sent)
	if there == nil {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		there = &knownWorkout{Workout: *sent, complete: true}
		there.ID = id
		w.all = append(w.all, there)
		return w.put(p, index, health.Inserted, &there.Workout, &health.Workout{})
	}
	if !there.complete {
		if err := readParts(ctx, tx, w.user, &there.Workout); err != nil {
			return err
		}
		there.complete = true
	}
	before := there.Workout
	before.Series = maps.Clone(before.Series)
	if !there.MergeFrom(sent) {
		p.outcomes[index] = health.Unchanged
		return nil
	}
	return w.put(p, index, health.Updated, &there.Workout, &before)
}

// put plans to write the row, and those parts that differ from what is there.
func (w *knownWorkouts) put(p *plan, index int, outcome health.Outcome, workout, before *health.Workout) error {
	row, err := w.row(workout)
	if err != nil {
		p.refuse(index, err)
		return nil
	}
	if outcome != health.Inserted { // the batch may have inserted it itself
		row = row.single()
	}
	statements := []statement{row}
	for name, points := range workout.Series {
		if len(points) > 0 && !isSame(points, before.Series[name]) {
			statements = append(statements, statement{sql: putSeries, args: seriesArgs(w.user, workout.ID, name, points)})
		}
	}
	if len(workout.Route) > 0 && !isSame(workout.Route, before.Route) {
		args, err := routeArgs(w.user, workout.ID, workout.Route)
		if err != nil {
			p.refuse(index, err)
			return nil
		}
		statements = append(statements, statement{sql: putRoute, args: args})
	}
	p.write(index, outcome, statements...)
	return nil
}

// isSame reports whether merging has left a list in its place.
func isSame[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (w *knownWorkouts) row(workout *health.Workout) (statement, error) {
	quantities, err := backend.EncodeQuantities(workout.Quantities)
	if err != nil {
		err = invalidElement("The element has a number that is not finite, or a text that is not Unicode.")
	}
	return statement{sql: putWorkout, batched: true, args: []any{
		w.user, backend.FoldCase(workout.Name), workout.ID, workout.AppID, workout.Name, timestamp(workout.Start), nullableInstant(workout.End),
		workout.Offset, workout.Source, nullableFloat(workout.Duration), quantities, workout.Attributes, timestamp(workout.Received),
	}}, err
}
