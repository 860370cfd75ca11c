package server

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testlog"
)

// adaAuthenticator authenticates every request as Ada.
type adaAuthenticator struct{ Authenticator }

func (adaAuthenticator) Authenticate(context.Context, string) (access.Actor, error) {
	return access.Actor{
		User:   account.User{ID: unknownID, TimeZone: "America/Sao_Paulo"},
		Scopes: []account.Scope{account.ScopeAdmin},
	}, nil
}

// smallStore has a sample and nothing else.
type smallStore struct{ store.Store }

func (smallStore) Metrics(context.Context, uuid.UUID) ([]store.MetricInfo, error) {
	at := health.InstantOf(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))
	return []store.MetricInfo{{Metric: "step_count", Unit: "count", Count: 1, First: at, Last: at, Sources: []string{"Watch"}}}, nil
}

func (smallStore) Samples(context.Context, uuid.UUID, store.SampleQuery) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		sample := health.NewSample()
		sample.Metric, sample.Unit, sample.Source, sample.Grain, sample.Value = "step_count", "count", "Watch", health.GrainHour, 12
		sample.Start = health.InstantOf(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))
		sample.End = sample.Start
		yield(sample, nil)
	}
}

func (smallStore) Latest(context.Context, uuid.UUID) ([]health.Sample, error) { return nil, nil }

func (smallStore) Nights(context.Context, uuid.UUID, health.Date, health.Date) ([]health.Night, error) {
	return nil, nil
}

func (smallStore) Spans(context.Context, uuid.UUID, store.SampleQuery) ([]health.Span, error) {
	return nil, nil
}

func (smallStore) Segments(context.Context, uuid.UUID, store.Range) ([]health.Segment, error) {
	return nil, nil
}

func (smallStore) SleepRule(context.Context, uuid.UUID) (aggregate.SleepRule, error) {
	return aggregate.SleepRule{}, nil
}

func (smallStore) Workouts(context.Context, uuid.UUID, store.WorkoutQuery) ([]health.Workout, error) {
	return nil, nil
}

func (smallStore) Workout(context.Context, uuid.UUID, uuid.UUID) (health.Workout, error) {
	start := health.InstantOf(time.Date(2026, 3, 10, 7, 0, 0, 0, time.UTC))
	w := health.Workout{ID: unknownID, Name: "Run", Start: start, End: start + 1800*health.Second, Duration: 1700}
	w.Route = []health.RoutePoint{{Time: start, Latitude: 52, Longitude: 13}, {Time: w.End, Latitude: 52.03, Longitude: 13, Altitude: 40}}
	w.Series = map[string][]health.SeriesPoint{"heart_rate_data": {{Time: start, Value: 130, Unit: "count/min"}}}
	return w, nil
}

func (smallStore) Events(context.Context, uuid.UUID, store.EventQuery) ([]health.Event, error) {
	return nil, nil
}

func (smallStore) ECGs(context.Context, uuid.UUID, store.Range, bool) ([]health.ECG, error) {
	return nil, nil
}

func (smallStore) Ingestions(context.Context, uuid.UUID, store.IngestionQuery) ([]health.Ingestion, error) {
	return nil, nil
}

func (smallStore) AuditEntries(context.Context, store.AuditQuery) ([]account.AuditEntry, error) {
	return nil, nil
}

func (smallStore) CreateUser(context.Context, account.User, ...account.AuditEntry) error { return nil }

func (smallStore) User(context.Context, uuid.UUID) (account.User, error) { return account.User{}, nil }

func (smallStore) Users(context.Context) ([]account.User, error) { return nil, nil }

func (smallStore) Key(context.Context, string) (account.APIKey, error) { return account.APIKey{}, nil }

func (smallStore) KeysOf(context.Context, uuid.UUID) ([]account.APIKey, error) { return nil, nil }

// FuzzParams asks every route that is read and has query parameters for anything: the answer is the data or says which parameter
// is at fault, and is never the server's fault. The document describes it in either case.
func FuzzParams(f *testing.F) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		f.Fatal(err)
	}
	contract, err := strictContract()
	if err != nil {
		f.Fatal(err)
	}
	small := smallStore{}
	service := query.New(query.Config{Samples: small, Sleep: small, Workouts: small, Events: small, Catalog: metricCatalog})
	operations, err := operation.New(operation.Config{Query: service})
	if err != nil {
		f.Fatal(err)
	}
	handler := New(Config{
		Operations: operations, Query: service,
		Authenticator: adaAuthenticator{}, Archive: small, Users: small, Keys: small, AuditReader: small, Catalog: metricCatalog, Audit: (*access.AuditBuffer)(nil), Logger: testlog.Logger(f), Registerer: prometheus.NewRegistry(),
	})
	var paths []string
	for _, row := range testRoutes(f) {
		if slices.ContainsFunc(row.QueryNames(), func(name string) bool { return name != operation.SubjectParameter }) && row.Method == http.MethodGet {
			paths = append(paths, fill(row.Path, unknownID.String()))
		}
	}
	for i := range paths {
		for _, query := range []string{
			"", "start=2026-03-10&end=2026-03-11", "start=2026-03-10T06:30:00 02:00", "date=2026-03-10", "start=0000-01-01&end=9999-12-31",
			"bbox=13,52,14,53", "near=52.5,13.4,1000", "bucket=1mo&tz=America/Sao_Paulo&agg=avg&gaps=null", "bucket=1m&gaps=null&start=1900-01-01",
			"limit=1&cursor=eyJ2IjoxfQ", "grain=3600&unit=km&source=Watch", "unit=%00", "limit=%zz", "a;b", "status=processed&limit=1000", "voltages=true",
			"metrics=step_count,heart_rate&start=2026-03-01&end=2026-03-10&previous=true", "x=step_count&y=sleep_analysis&start=2026-03-01&end=2026-03-10&lag=-7..7",
			"metrics=step_count&units=step_count:count&agg=p95", "max_heart_rate=185&splits=mi", "efforts=true&start=2026-01-01", "metrics=a,,b", "lag=1..-1",
			"limit=1&cursor=eyJ2IjoxfQ", "grain=3600&unit=km&source=Watch", "unit=%00", "limit=%zz", "a;b", "status=processed&limit=1000", "voltages=true", "format=csv",
			"format=gpx", "format=fhir&types=ecg,sleep", "format=zip", "format=parquet&types=sleep,events", "metrics=steps,,x&types=samples",
		} {
			f.Add(uint8(i), query)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		request := httptest.NewRequest(http.MethodGet, paths[int(which)%len(paths)], nil)
		request.URL.RawQuery = query
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		answer := recorder.Result()
		if answer.StatusCode >= 500 {
			t.Fatalf("%s?%s is answered with %d: %s", request.URL.Path, query, answer.StatusCode, recorder.Body)
		}
		answer.Request = request
		if _, err := url.ParseQuery(query); err != nil && answer.StatusCode == http.StatusOK {
			t.Errorf("a query that cannot be read is answered: %s", query)
		}
		if err := contract.check(request, nil, answer, recorder.Body.Bytes()); err != nil {
			t.Error(err)
		}
	})
}
