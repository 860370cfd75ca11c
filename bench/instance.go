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
	store    store.Store
	door     *access.Authenticator
	ingest   *ingest.Service
	handler  http.Handler
	listener *httptest.Server
}

// person is a user with a key.
type person struct {
	account.User
	key string
}

// start joins the rooms as health-export serve does. wait is how long an answer waits for processing.
func start(ctx context.Context, address string, wait time.Duration) (*instance, error) {
	words, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, address)
	if err != nil {
		return nil, err
	}
	logger, registry := slog.New(slog.NewJSONHandler(io.Discard, nil)), prometheus.NewRegistry()
	i := &instance{store: db}
	i.door = access.NewAuthenticator(db, db, access.AuthenticatorOptions{Logger: logger, Registerer: registry})
	i.ingest, err = ingest.New(ingest.Config{
		Store: db, Catalog: words, Logger: logger, Registerer: registry, Limits: ingest.Limits{Wait: wait},
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	answers := query.New(query.Config{Samples: db, Sleep: db, Workouts: db, Events: db, Summaries: db, Catalog: words, Now: time.Now})
	summaries := query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: db, Catalog: words})
	operations, err := operation.New(operation.Config{Query: answers, SourcePriority: summaries})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	i.handler = server.New(server.Config{
		Ingestion: i.ingest, Operations: operations, Query: answers, SourcePriority: summaries,
		Authenticator: i.door, Users: db, Keys: db, Archive: db, Catalog: words, AuditReader: db, Audit: (*access.AuditBuffer)(nil), Ping: db.Ping,
		Logger: logger, Registerer: registry, Version: "benchmark",
	})
	i.listener = httptest.NewServer(i.handler)
	return i, nil
}

func (i *instance) stop(ctx context.Context) error {
	i.listener.Close()
	return errors.Join(i.ingest.Stop(ctx), i.store.Close())
}

// startWith starts an instance for so many people, all of whom have sent something: their keys are remembered, their
// connections are open, and the names of the metrics have their numbers.
func startWith(ctx context.Context, address string, people int) (*instance, []person, error) {
	i, err := start(ctx, address, time.Hour)
	if err != nil {
		return nil, nil, err
	}
	all, err := i.admit(ctx, people)
	if err == nil {
		err = i.warmUp(ctx, all)
	}
	if err != nil {
		return nil, nil, errors.Join(err, i.stop(ctx))
	}
	return i, all, nil
}

// startOn is startWith on a new database of an engine. Once the instance is stopped, drop lets go of the database at address.
func startOn(ctx context.Context, e engine, people int) (i *instance, all []person, address string, drop func(), err error) {
	if address, drop, err = e.create(ctx); err != nil {
		return nil, nil, "", nil, err
	}
	if i, all, err = startWith(ctx, address, people); err != nil {
		drop()
		return nil, nil, "", nil, err
	}
	return i, all, address, drop, nil
}

// admit creates people.
func (i *instance) admit(ctx context.Context, count int) (all []person, err error) {
	for n := range count {
		user, err := account.NewUser(fmt.Sprintf("person%d@example.org", n), "", "Europe/Berlin", time.Now())
		if err != nil {
			return nil, err
		}
		if err := i.store.CreateUser(ctx, user); err != nil {
			return nil, err
		}
		_, key, err := i.door.CreateKey(ctx, access.NewKey{
			UserID: user.ID, Name: "benchmark", Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: access.TierUnlimited,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, person{user, key})
	}
	return all, nil
}

// warmUp has everybody send one point of each metric. They lie beside those that are measured, in the same partition.
func (i *instance) warmUp(ctx context.Context, all []person) error {
	options := bodyOptions(10)
	options.Start = options.Start.Add(-7 * time.Hour)
	small, err := newBody(options)
	if err != nil {
		return err
	}
	return i.sendAll(ctx, all, small.text, health.Counts{Received: 10, Inserted: 10})
}

// archived returns how long the last bodies of people are in the archive, all together.
func (i *instance) archived(ctx context.Context, people []person) (size int64, err error) {
	for _, p := range people {
		latest, err := i.store.Ingestions(ctx, p.ID, store.IngestionQuery{Limit: 1})
		if err != nil || len(latest) == 0 {
			return 0, err
		}
		size += latest[0].StoredSize
	}
	return size, nil
}

// sendAll has everybody send the same body at once. Every answer must have the given counts of metrics.
func (i *instance) sendAll(ctx context.Context, all []person, body []byte, want health.Counts) error {
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

func (i *instance) send(ctx context.Context, p person, body io.Reader) (health.Counts, error) {
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

// get asks the handler itself, without a network between.
func (i *instance) get(ctx context.Context, p person, path string) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	request.Header.Set("Authorization", "Bearer "+p.key)
	answer := httptest.NewRecorder()
	i.handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.300s", path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes(), nil
}

// body is one to be sent.
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
// second of a month.
func bodyOptions(points int) generator.Options {
	now := time.Now().UTC()
	return generator.Options{
		Points: points, Seed: 1,
		Start: time.Date(now.Year(), now.Month()-6, 2, 0, 0, 0, 0, time.FixedZone("", 3600)),
	}
}
