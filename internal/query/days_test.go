package query_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// onlyOrder has the user's source order and no summaries, so that days are computed from samples.
type onlyOrder struct{ store.SummaryReader }

func (onlyOrder) DaySummaries(context.Context, uuid.UUID, store.DayQuery) (store.DaySummaries, error) {
	return store.DaySummaries{Stale: true}, nil
}

var genDaySample = rapid.Custom(func(t *rapid.T) health.Sample {
	s := health.NewSample()
	series := rapid.SampledFrom([][2]string{
		{"step_count", "count"},
		{"step_count", "count"},
		{"walking_running_distance", "km"},
		{"heart_rate", "count/min"},
		{"blood_pressure", "mmHg"},
		{"mystery", "foo"},
		{"mystery", "bar"},
	}).Draw(t, "metric")
	s.Metric, s.Unit = series[0], series[1]
	s.Source = rapid.SampledFrom([]string{"", watch, phone, merged}).Draw(t, "source")
	s.Grain = rapid.SampledFrom([]health.Grain{0, 0, 0, 60, 3600, 86_400, 86_400, 604_800}).Draw(t, "grain")
	s.Offset = rapid.SampledFrom([]int32{0, 7200, 7200, -18_000, 50_400, 19_800, 20_700}).Draw(t, "offset")
	days := rapid.SampledFrom([]int{2, 40}).Draw(t, "days") // some lie close together
	s.Start = health.InstantOf(time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)) +
		health.Instant(rapid.IntRange(0, days*24*4).Draw(t, "quarter of an hour"))*900*health.Second
	s.End = s.Start
	if s.Grain == 0 {
		s.End += health.Instant(rapid.SampledFrom([]int{0, 600, 5400, 200_000}).Draw(t, "length")) * health.Second
	} else {
		s.PerSource = s.Source != "" && rapid.Bool().Draw(t, "per source")
	}
	s.Order = s.Start + health.Instant(rapid.IntRange(0, 4).Draw(t, "received"))*health.Day/2
	s.AsOf = s.Order
	if s.Metric == "blood_pressure" {
		s.Systolic, s.Diastolic = float64(rapid.IntRange(90, 160).Draw(t, "systolic")), 80
		return s
	}
	s.Value = float64(rapid.IntRange(0, 5000).Draw(t, "value")) / 7
	if s.Metric == "heart_rate" {
		s.Min, s.Max = s.Value-1, s.Value+2
	}
	return s
})

// Summaries of days, which are updated with every write, give the same results as the samples.
func TestSummariesAnswerAsSamplesDo(t *testing.T) {
	t.Parallel()
	known, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	testdb.Each(t, func(t *testing.T, s store.Store) {
		service := func(summaries store.SummaryReader) *query.Service {
			return query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: summaries, Catalog: known})
		}
		fromDays, fromSamples := service(s), service(onlyOrder{s})
		rapid.Check(t, func(rt *rapid.T) {
			user := account.User{ID: uuid.New(), CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			user.Email = user.ID.String() + "@example.org"
			check := func(err error) {
				if err != nil {
					rt.Fatal(err)
				}
			}
			check(s.CreateUser(t.Context(), user))
			if rapid.Bool().Draw(rt, "has an order of sources") {
				check(s.SetSourceOrder(t.Context(), user.ID, aggregate.SourceOrder{Sources: []string{phone, watch}}))
				_, err := s.Rebuild(t.Context(), user.ID)
				check(err)
			}
			weeks := rapid.IntRange(0, 4).Draw(rt, "has weeks") == 0 // of which summaries say nothing
			wanted := func(s health.Sample) bool { return weeks || s.Grain <= health.GrainDay }
			for range rapid.IntRange(1, 3).Draw(rt, "batches") {
				batch := rapid.SliceOfNDistinct(genDaySample.Filter(wanted), 1, 40, func(s health.Sample) health.SampleKey { return s.Key() }).Draw(rt, "batch")
				slices.SortStableFunc(batch, func(a, b health.Sample) int {
					return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.KeyTime(), b.KeyTime()))
				})
				_, err := s.WriteSamples(t.Context(), store.Body{User: user.ID}, batch)
				check(err)
			}
			same := func(what string, ask func(s *query.Service) (any, error)) {
				want, err := ask(fromSamples)
				check(err)
				got, err := ask(fromDays)
				check(err)
				if diff := gocmp.Diff(want, got, gocmp.Comparer(health.SameValue)); diff != "" {
					rt.Fatalf("%s (-from samples +from summaries):\n%s", what, diff)
				}
			}
			first := date(t, "2026-03-26")
			same("days", func(s *query.Service) (any, error) { return s.Days(t.Context(), user, "", first, first+45) })
			infos, err := s.Metrics(t.Context(), user.ID)
			check(err)
			for _, info := range infos {
				request := query.SeriesRequest{
					Metric: info.Metric, Unit: info.Unit, Start: first.Time(), End: (first + 45).Time(), Gaps: true,
					Bucket: rapid.SampledFrom([]string{"1d", "1d", "3d", "1w", "1mo", "1y"}).Draw(rt, "bucket"),
					Limit:  rapid.SampledFrom([]int{0, 5}).Draw(rt, "limit"),
				}
				if request.Bucket == "1w" {
					request.WeekStart = rapid.SampledFrom([]string{"", "sunday", "saturday"}).Draw(rt, "week start")
				}
				if info.Metric == "walking_running_distance" {
					request.Unit = "mi"
				}
				same(fmt.Sprintf("%s of %s", request.Bucket, info.Metric), func(s *query.Service) (any, error) {
					return s.Series(t.Context(), user, request)
				})
				request.Bucket, request.WeekStart = "1h", ""
				request.Start = request.Start.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "later")) * 17 * time.Minute)
				request.TZ = rapid.SampledFrom([]string{"", "", "Europe/Athens", "Asia/Kolkata", "Asia/Kathmandu", "UTC", "Australia/Lord_Howe"}).Draw(rt, "zone")
				same(fmt.Sprintf("hours of %s in %s", info.Metric, request.TZ), func(s *query.Service) (any, error) {
					return s.Series(t.Context(), user, request)
				})
			}
		})
	})
}
