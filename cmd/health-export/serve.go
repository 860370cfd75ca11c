package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/job"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/server"
	"github.com/health-export/health-export/internal/tracing"
)

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the server", Args: exactArgs(0),
		Long: `Run the server. Without any configuration it keeps its data in an SQLite database under your data directory and
listens on 127.0.0.1:8080, with Prometheus metrics on 127.0.0.1:9090. The first start creates a user and prints an API key once.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context()) },
	}
}

// components are the parts of a running server, in the order in which they start.
type components struct {
	store         database
	cache         responseCache
	audit         *access.AuditBuffer
	authenticator *access.Authenticator
	ingest        *ingest.Service
	summaries     *query.SummaryRebuilder
	handler       http.Handler
	drain         *server.Drain
	registry      *prometheus.Registry
	tracer        *tracing.Tracer
}

// serve runs the server until ctx ends or a part of it fails. It starts in order and stops in mirror order: HTTP drains,
// then the jobs, then ingestion, then the store.
func (p *program) serve(ctx context.Context) (err error) {
	log := p.newLog()
	logger := log.Logger
	listener, err := listen(ctx, p.settings.listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	var metricsListener net.Listener
	if p.settings.metricsListen != "off" {
		if metricsListener, err = listen(ctx, p.settings.metricsListen, "--metrics-listen"); err != nil {
			return err
		}
		defer metricsListener.Close()
	}

	tracer, err := p.settings.tracer(ctx, logger)
	if err != nil {
		return err
	}
	r, err := p.openComponents(ctx, logger, tracer)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.closeComponents(r))
		logger.InfoContext(ctx, "stopped")
	}()
	if err := p.welcome(ctx, r, listener.Addr().String()); err != nil {
		return err
	}
	p.takeUpUnfinished(ctx, r, logger)

	jobsDone, stopJobs := p.startJobs(r, logger)
	err = p.serveHTTP(ctx, r, listener, metricsListener, log)
	stopJobs()
	return errors.Join(err, <-jobsDone)
}

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (choose another address with %s): %w", address, flag, err)
	}
	return listener, nil
}

// openComponents builds everything from the store upwards.
func (p *program) openComponents(ctx context.Context, logger *slog.Logger, tracer *tracing.Tracer) (*components, error) {
	words, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	db, err := p.settings.openStore(ctx, words)
	if err != nil {
		return nil, err
	}
	registry := p.settings.newRegistry()
	db.Measure(registry)
	r := &components{store: db, registry: registry, drain: new(server.Drain), tracer: tracer}
	if r.cache, err = p.openResponseCache(db, logger, registry); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	r.audit = access.NewAuditBuffer(db, access.AuditBufferOptions{Logger: logger, Registerer: registry})
	r.authenticator = access.NewAuthenticator(db, db, access.AuthenticatorOptions{
		Now: time.Now, Logger: logger, Registerer: registry, Audit: r.audit, Invalidator: r.cache.erased(),
	})
	r.ingest, err = ingest.New(ingest.Config{
		Store: db, Invalidator: r.cache.told(), Catalog: words, Logger: logger, Registerer: registry,
		Limits: ingest.Limits{
			MaxBody: p.settings.maxBody, Wait: p.settings.wait,
			Concurrency: p.settings.concurrency, TempDir: p.settings.tempDir,
			ImportDir: p.settings.importsIn(), MaxImport: p.settings.maxImport,
		},
	})
	if err != nil {
		r.cache.close()
		return nil, errors.Join(err, db.Close())
	}
	service := query.New(query.Config{
		Samples: db, Sleep: db, Workouts: db, Events: db, Summaries: db, Catalog: words, Now: time.Now,
	})
	r.summaries = query.NewSummaryRebuilder(query.SummaryRebuilderConfig{
		Store: db, Invalidator: r.cache.told(), Catalog: words, Logger: logger, Registerer: registry,
	})
	r.handler = server.New(server.Config{
		Ingestion: r.ingest, Query: r.cache.remembering(service), SourcePriority: r.summaries, Authenticator: r.authenticator, Users: db, Keys: db, Archive: db, Catalog: words, AuditReader: db, Audit: r.audit, Ping: db.Ping,
		PingRedis: r.cache.ping(), Drain: r.drain,
		Limits: access.NewLimits(access.LimitOptions{
			Allowances: p.settings.allowances(), Redis: r.cache.redis, Registerer: registry,
		}),
		Logger: logger, Registerer: registry, Tracer: tracer, MaxBody: p.settings.maxBody, MaxImport: p.settings.maxImport, PublicURL: p.settings.publicURL, Version: version,
		TrustedProxies: p.settings.trustedProxies, CORSOrigins: p.settings.corsOrigins,
	})
	return r, nil
}

// closeComponents ends what openRooms began, in mirror order, in a time of its own: the context of serve has ended.
func (p *program) closeComponents(r *components) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.settings.drain)
	defer cancel()
	defer r.cache.close()
	return errors.Join(r.ingest.Stop(ctx), r.authenticator.FlushLastUsed(ctx), r.audit.Flush(ctx), r.store.Close(), p.closeTracer(r.tracer))
}

// takeUpUnfinished processes what a crash left behind before new bodies come in, so that they are processed in the order
// they were received. If it takes too long it goes on as a job.
func (p *program) takeUpUnfinished(ctx context.Context, r *components, logger *slog.Logger) {
	if r.store.Capabilities().SingleServer {
		if err := r.store.ReleaseAll(ctx); err != nil {
			logger.ErrorContext(ctx, "could not release the claims of the last run", "err", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.wait)
	defer cancel()
	if err := r.ingest.Resume(ctx); err != nil && ctx.Err() == nil {
		logger.ErrorContext(ctx, "could not take up unfinished ingestions", "err", err)
	}
}

// startJobs runs the periodic tasks until stop is called; done yields when all of them have returned.
func (p *program) startJobs(r *components, logger *slog.Logger) (done <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	runner := job.NewRunner(logger, r.registry, r.tracer)
	result := make(chan error, 1)
	tasks := []job.Task{
		{Name: "resume_ingestions", Every: 5 * time.Second, Run: r.ingest.Resume},
		{Name: "rebuild_summaries", Every: 5 * time.Second, AtStart: true, Run: r.summaries.RebuildStale},
		{Name: "notice_revoked_keys", Every: time.Second, AtStart: true, Run: r.authenticator.PollRevocations},
		{Name: "write_key_use", Every: 15 * time.Second, Run: r.authenticator.FlushLastUsed},
		{Name: "write_audit_log", Every: 2 * time.Second, Run: r.audit.Flush},
		{Name: "count_backlog", Every: 5 * time.Second, AtStart: true, Run: r.ingest.CountBacklog},
		{Name: "count_active_users", Every: 5 * time.Minute, AtStart: true, Run: r.ingest.CountActiveUsers},
		{Name: "prepare_store", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return r.store.Prepare(ctx, time.Now())
		}},
	}
	tasks = append(tasks, r.cache.tasks(r.store)...)
	if days := p.settings.archiveDays; days > 0 {
		tasks = append(tasks, job.Task{Name: "drop_old_archive", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return r.store.DropArchiveBefore(ctx, time.Now().AddDate(0, 0, -days))
		}})
	}
	if days := p.settings.auditDays; days > 0 {
		tasks = append(tasks, job.Task{Name: "drop_old_audit_log", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return r.store.DropAuditBefore(ctx, time.Now().AddDate(0, 0, -days))
		}})
	}
	runner.Prepare(tasks...)
	go func() { result <- runner.Run(ctx, tasks...) }()
	return result, cancel
}

// serveHTTP serves the API and the metrics (if there is a listener for them) until ctx ends, then lets what is under way come to its end.
func (p *program) serveHTTP(ctx context.Context, r *components, listener, metricsListener net.Listener, log serverLog) error {
	logger := log.Logger
	api := &http.Server{
		Handler: r.handler,
		// Headers come at once. A body may take long on a phone's bad line: the server itself looks after its pace.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	secure, err := p.settings.tlsConfig(p.environment, logger)
	if err != nil {
		return err
	}
	api.TLSConfig = secure
	if p.settings.certificate != "" {
		measureCertificate(r.registry, secure)
	}
	metricsAddress := "off"
	servers := map[*http.Server]net.Listener{api: listener}
	if metricsListener != nil {
		metricsAddress = metricsListener.Addr().String()
		mux := http.NewServeMux()
		// OpenMetrics is the text form that has room for the traces of examples.
		mux.Handle("GET /metrics", promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{Registry: r.registry, EnableOpenMetrics: true}))
		mux.Handle("GET /log_level", log)
		mux.Handle("PUT /log_level", log)
		servers[&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}] = metricsListener
	}

	group, ctx := errgroup.WithContext(ctx)
	closing := p.announceStop(ctx, r.drain, logger)
	for s, l := range servers {
		var stopping atomic.Bool
		group.Go(func() error {
			serve := s.Serve
			if s.TLSConfig != nil {
				serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
			}
			if err := serve(l); !stopping.Load() {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-closing
			stopping.Store(true)
			drain, cancel := context.WithTimeout(context.Background(), p.settings.drain)
			defer cancel()
			if err := s.Shutdown(drain); err != nil {
				return errors.Join(fmt.Errorf("requests were still under way after %s: %w", p.settings.drain, err), s.Close())
			}
			return nil
		})
	}
	logger.InfoContext(ctx, "ready", "listen", listener.Addr().String(), "metrics", metricsAddress, "version", version)
	return group.Wait()
}

// announceStop tells balancers, when ctx ends, that this server will stop. The channel is closed when they have had time to
// learn of it, and nobody new is expected.
func (p *program) announceStop(ctx context.Context, stop *server.Drain, logger *slog.Logger) <-chan struct{} {
	closing := make(chan struct{})
	go func() {
		defer close(closing)
		<-ctx.Done()
		logger.InfoContext(ctx, "stopping", "delay", p.settings.stopDelay.String(), "timeout", p.settings.drain.String())
		stop.Announce(time.Now().Add(p.settings.stopDelay + p.settings.drain))
		time.Sleep(p.settings.stopDelay)
	}()
	return closing
}
