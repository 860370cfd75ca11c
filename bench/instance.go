package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/server"
	"github.com/health-export/health-export/internal/store"
)

// instance is the product on one database, listening.
type instance struct {
	store         store.Store
	authenticator *access.Authenticator
	ingest        *ingest.Service
	handler       http.Handler
	listener      *httptest.Server
}

// testUser is a user with a key.
type testUser struct {
	account.User
	key string
}

// start wires the components as health-export serve does. wait is the time that a response waits for processing.
func start(ctx context.Context, address string, wait time.Duration) (*instance, error) {
	catalogue, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, address)
	if err != nil {
		return nil, err
	}
	logger, registry := slog.New(slog.NewJSONHandler(io.Discard, nil)), prometheus.NewRegistry()
	i := &instance{store: db}
	i.authenticator = access.NewAuthenticator(db, db, access.AuthenticatorOptions{Logger: logger, Registerer: registry})
	i.ingest, err = ingest.New(ingest.Config{
		Store: db, Catalog: catalogue, Logger: logger, Registerer: registry, Limits: ingest.Limits{Wait: wait},
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	answers := query.New(query.Config{Samples: db, Sleep: db, Workouts: db, Events: db, Summaries: db, Catalog: catalogue, Now: time.Now})
	summaries := query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: db, Catalog: catalogue})
	operations, err := operation.New(operation.Config{Query: answers, SourcePriority: summaries})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	i.handler = server.New(server.Config{
		Ingestion: i.ingest, Operations: operations, Query: answers, SourcePriority: summaries,
		SleepSettings: &query.SleepRules{Store: db},
		Authenticator: i.authenticator, Users: db, Keys: db, Archive: db, Catalog: catalogue, AuditReader: db, Audit: (*access.AuditBuffer)(nil), Ping: db.Ping,
		Logger: logger, Registerer: registry, Version: "benchmark",
	})
	i.listener = httptest.NewServer(i.handler)
	return i, nil
}

func (i *instance) stop(ctx context.Context) error {
	i.listener.Close()
	return errors.Join(i.ingest.Stop(ctx), i.store.Close())
}

// startWith starts an instance for so many users, all of whom have sent a body: their keys are cached, their
// connections are open, and the names of the metrics have their ids.
func startWith(ctx context.Context, address string, users int) (*instance, []testUser, error) {
	i, err := start(ctx, address, time.Hour)
	if err != nil {
		return nil, nil, err
	}
	all, err := i.createUsers(ctx, users)
	if err == nil {
		err = i.warmUp(ctx, all)
	}
	if err != nil {
		return nil, nil, errors.Join(err, i.stop(ctx))
	}
	return i, all, nil
}

// startOnNewDatabase is startWith on a new database of an engine. Once the instance is stopped, drop deletes the
// database at address.
func startOnNewDatabase(ctx context.Context, e engine, users int) (i *instance, all []testUser, address string, drop func(), err error) {
	if address, drop, err = e.create(ctx); err != nil {
		return nil, nil, "", nil, err
	}
	if i, all, err = startWith(ctx, address, users); err != nil {
		drop()
		return nil, nil, "", nil, err
	}
	return i, all, address, drop, nil
}

// createUsers creates users with keys.
func (i *instance) createUsers(ctx context.Context, count int) (all []testUser, err error) {
	for n := range count {
		user, err := account.NewUser(fmt.Sprintf("person%d@example.org", n), "", "Europe/Berlin", time.Now())
		if err != nil {
			return nil, err
		}
		if err := i.store.CreateUser(ctx, user); err != nil {
			return nil, err
		}
		_, key, err := i.authenticator.CreateKey(ctx, access.NewKey{
			UserID: user.ID, Name: "benchmark", Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: access.TierUnlimited,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, testUser{user, key})
	}
	return all, nil
}

// warmUp sends one point of each metric for each user. They are in the same partition as those that are measured.
func (i *instance) warmUp(ctx context.Context, all []testUser) error {
	options := bodyOptions(10)
	options.Start = options.Start.Add(-7 * time.Hour)
	small, err := newBody(options)
	if err != nil {
		return err
	}
	return i.sendAll(ctx, all, small.text, health.Counts{Received: 10, Inserted: 10})
}

// archived returns the stored bytes of the last body of each user, summed.
func (i *instance) archived(ctx context.Context, users []testUser) (size int64, err error) {
	for _, p := range users {
		latest, err := i.store.Ingestions(ctx, p.ID, store.IngestionQuery{Limit: 1})
		if err != nil || len(latest) == 0 {
			return 0, err
		}
		size += latest[0].StoredSize
	}
	return size, nil
}

// sendAll sends the same body for all users concurrently. Every report must have the given counts of metrics.
func (i *instance) sendAll(ctx context.Context, all []testUser, body []byte, want health.Counts) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range all {
		group.Go(func() error {
			got, err := i.send(ctx, p, bytes.NewReader(body))
			if err == nil && got != want {
				return fmt.Errorf("the answer to a body counts %+v, want %+v", got, want)
			}
			return err
		})
	}
	return group.Wait()
}

func (i *instance) send(ctx context.Context, p testUser, body io.Reader) (health.Counts, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.listener.URL+"/v1/ingest", body)
	if err != nil {
		return health.Counts{}, err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return health.Counts{}, err
	}
	defer response.Body.Close()
	var answer struct {
		Counts struct{ Metrics health.Counts }
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return health.Counts{}, err
	}
	if response.StatusCode != http.StatusOK {
		return health.Counts{}, fmt.Errorf("status %d: %.300s", response.StatusCode, text)
	}
	err = json.Unmarshal(text, &answer)
	return answer.Counts.Metrics, err
}

// get calls the handler, without a network.
func (i *instance) get(ctx context.Context, p testUser, path string) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	request.Header.Set("Authorization", "Bearer "+p.key)
	answer := httptest.NewRecorder()
	i.handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.300s", path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes(), nil
}

// body is a body to be sent.
type body struct {
	text   []byte
	points int
}

func newBody(o generator.Options) (body, error) {
	var text bytes.Buffer
	points, err := generator.Write(&text, o)
	return body{text.Bytes(), points}, err
}

// bodyOptions describe a body with so many points, of ten metrics and every minute. They begin half a year ago, on the
// second day of a month.
func bodyOptions(points int) generator.Options {
	now := time.Now().UTC()
	return generator.Options{
		Points: points, Seed: 1,
		Start: time.Date(now.Year(), now.Month()-6, 2, 0, 0, 0, 0, time.FixedZone("", 3600)),
	}
}
