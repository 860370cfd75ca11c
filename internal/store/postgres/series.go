package postgres

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
)

const putSeries = `
INSERT INTO workout_series (user_id, workout_id, name, times, readings, minima, maxima, units, sources, utc_offsets)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (user_id, workout_id, name) DO UPDATE SET times = excluded.times, readings = excluded.readings,
	minima = excluded.minima, maxima = excluded.maxima, units = excluded.units, sources = excluded.sources,
	utc_offsets = excluded.utc_offsets`

func seriesArgs(user, workout uuid.UUID, name string, points []health.SeriesPoint) []any {
	n := len(points)
	times := make([]pgtype.Timestamptz, n)
	units, sources, offsets := make([]string, n), make([]string, n), make([]int32, n)
	for i := range points {
		p := &points[i]
		times[i], units[i], sources[i], offsets[i] = timestamp(p.Time), p.Unit, p.Source, p.Offset
	}
	return []any{
		user, workout, name, times,
		nullableFloats(n, func(i int) float64 { return points[i].Value }),
		nullableFloats(n, func(i int) float64 { return points[i].Min }),
		nullableFloats(n, func(i int) float64 { return points[i].Max }),
		collapse(units), collapse(sources), collapse(offsets),
	}
}

func readSeries(ctx context.Context, q querier, user, workout uuid.UUID) (map[string][]health.SeriesPoint, error) {
	type series struct {
		name   string
		points []health.SeriesPoint
	}
	all, err := list(ctx, q, func(row pgx.Row) (s series, err error) {
		var times []pgtype.Timestamptz
		var readings, minima, maxima []pgtype.Float8
		var units, sources []string
		var offsets []int32
		if err := row.Scan(&s.name, &times, &readings, &minima, &maxima, &units, &sources, &offsets); err != nil {
			return s, err
		}
		nan := health.Absent()
		s.points = make([]health.SeriesPoint, len(times))
		for i := range s.points {
			s.points[i] = health.SeriesPoint{
				Time: health.InstantOf(times[i].Time), Offset: entry(offsets, i), Unit: entry(units, i), Source: entry(sources, i),
				Value: nan, Min: nan, Max: nan,
			}
		}
		setFloats(readings, func(i int) *float64 { return &s.points[i].Value })
		setFloats(minima, func(i int) *float64 { return &s.points[i].Min })
		setFloats(maxima, func(i int) *float64 { return &s.points[i].Max })
		return s, nil
	}, `SELECT name, times, readings, minima, maxima, units, sources, utc_offsets FROM workout_series
		WHERE user_id = $1 AND workout_id = $2`, user, workout)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	byName := map[string][]health.SeriesPoint{}
	for _, s := range all {
		byName[s.name] = s.points
	}
	return byName, nil
}

// collapse returns one entry where all are the same.
func collapse[T comparable](list []T) []T {
	if len(list) > 1 && !slices.ContainsFunc(list, func(v T) bool { return v != list[0] }) {
		return list[:1]
	}
	return list
}

// entry returns an entry of a list that collapse may have shortened.
func entry[T any](list []T, i int) T {
	if len(list) == 1 {
		return list[0]
	}
	return list[i]
}
