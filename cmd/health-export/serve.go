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
	"github.com/health-export/health-export/internal/delivery"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
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
	deliveries    *delivery.Worker
	handler       http.Handler
	drain         *server.Drain
	registry      *prometheus.Registry
	tracer        *tracing.Tracer
}

// serve runs the server until ctx ends or a part of it fails. It starts in order and stops in reverse order: HTTP drains,
// then the jobs stop, then ingestion, then the store.
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
	c, err := p.openComponents(ctx, logger, tracer)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.closeComponents(c))
		logger.InfoContext(ctx, "stopped")
	}()
	if err := p.createFirstUser(ctx, c, listener.Addr().String()); err != nil {
		return err
	}
	p.resumeUnfinished(ctx, c, logger)

	jobsDone, stopJobs := p.startJobs(c, logger)
	err = p.serveHTTP(ctx, c, listener, metricsListener, log)
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

// openComponents creates the components, from the store upwards.
func (p *program) openComponents(ctx context.Context, logger *slog.Logger, tracer *tracing.Tracer) (*components, error) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	db, err := p.settings.openStore(ctx, metricCatalog)
	if err != nil {
		return nil, err
	}
	registry := p.settings.newRegistry()
	db.Measure(registry)
	c := &components{store: db, registry: registry, drain: new(server.Drain), tracer: tracer}
	if c.cache, err = p.openResponseCache(db, logger, registry); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	c.audit = access.NewAuditBuffer(db, access.AuditBufferOptions{Logger: logger, Registerer: registry})
	c.authenticator = access.NewAuthenticator(db, db, access.AuthenticatorOptions{
		Now: time.Now, Logger: logger, Registerer: registry, Audit: c.audit, Invalidator: c.cache.invalidator(),
	})
	c.ingest, err = ingest.New(ingest.Config{
		Store: db, Invalidator: c.cache.invalidator(), Catalog: metricCatalog, Logger: logger, Registerer: registry,
		Limits: ingest.Limits{
			MaxBody: p.settings.maxBody, Wait: p.settings.wait,
			Concurrency: p.settings.concurrency, TempDir: p.settings.tempDir,
			ImportDir: p.settings.importDirectory(), MaxImport: p.settings.maxImport,
		},
	})
	if err != nil {
		c.cache.close()
		return nil, errors.Join(err, db.Close())
	}
	service := query.New(query.Config{
		Samples: db, Sleep: db, Workouts: db, Events: db, Summaries: db, Catalog: metricCatalog, Now: time.Now,
	})
	c.summaries = query.NewSummaryRebuilder(query.SummaryRebuilderConfig{
		Store: db, Invalidator: c.cache.invalidator(), Catalog: metricCatalog, Logger: logger, Registerer: registry,
	})
	operations, err := operation.New(operation.Config{Query: service, SourcePriority: c.summaries, Responses: c.cache.answers()})
	if err != nil {
		return nil, err
	}
	c.deliveries = delivery.NewWorker(delivery.Config{
		Store: db, Kinds: map[string]delivery.Deliver{}, Logger: logger, Registerer: registry,
	})
	c.handler = server.New(server.Config{
		Ingestion: c.ingest, Operations: operations, Query: service, SourcePriority: c.summaries,
		SleepSettings: &query.SleepRules{Store: db, Invalidator: c.cache.invalidator()},
		Authenticator: c.authenticator, Users: db, Keys: db, Archive: db, Catalog: metricCatalog,
		AuditReader: db, Audit: c.audit, Ping: db.Ping, PingRedis: c.cache.ping(), Drain: c.drain,
		Limits: access.NewLimits(access.LimitOptions{
			Allowances: p.settings.allowances(), Redis: c.cache.redis, Registerer: registry,
		}),
		Logger: logger, Registerer: registry, Tracer: tracer,
		MaxBody: p.settings.maxBody, MaxImport: p.settings.maxImport,
		PublicURL: p.settings.publicURL, Version: version,
		TrustedProxies: p.settings.trustedProxies, CORSOrigins: p.settings.corsOrigins,
	})
	return c, nil
}

// closeComponents closes in reverse order what openComponents opened. It has its own timeout, because the context of
// serve has ended.
func (p *program) closeComponents(c *components) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.settings.shutdownTimeout)
	defer cancel()
	defer c.cache.close()
	return errors.Join(c.ingest.Stop(ctx), c.authenticator.FlushLastUsed(ctx), c.audit.Flush(ctx), c.store.Close(), p.closeTracer(c.tracer))
}

// resumeUnfinished processes what a crash left unfinished before new bodies are received, so that bodies are processed in
// the order of receipt. What takes too long is left to a job.
func (p *program) resumeUnfinished(ctx context.Context, c *components, logger *slog.Logger) {
	if c.store.Capabilities().SingleServer {
		if err := c.store.ReleaseAll(ctx); err != nil {
			logger.ErrorContext(ctx, "could not release the claims of the last run", "err", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.wait)
	defer cancel()
	if err := c.ingest.Resume(ctx); err != nil && ctx.Err() == nil {
		logger.ErrorContext(ctx, "could not take up unfinished ingestions", "err", err)
	}
}

// serveHTTP serves the API and, with a metrics listener, the metrics until ctx ends, and then waits for the running
// requests.
func (p *program) serveHTTP(ctx context.Context, c *components, listener, metricsListener net.Listener, log serverLog) error {
	logger := log.Logger
	api := &http.Server{
		Handler: c.handler,
		// Headers arrive at once. A body may take long on a phone's slow line: package server limits it by its rate.
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
		registerCertificateExpiry(c.registry, secure)
	}
	metricsAddress := "off"
	servers := map[*http.Server]net.Listener{api: listener}
	if metricsListener != nil {
		metricsAddress = metricsListener.Addr().String()
		mux := http.NewServeMux()
		// Only OpenMetrics can hold exemplars.
		mux.Handle("GET /metrics", promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{Registry: c.registry, EnableOpenMetrics: true}))
		mux.Handle("GET /log_level", log)
		mux.Handle("PUT /log_level", log)
		servers[&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}] = metricsListener
	}

	group, ctx := errgroup.WithContext(ctx)
	closing := p.announceDrain(ctx, c.drain, logger)
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
			drain, cancel := context.WithTimeout(context.Background(), p.settings.shutdownTimeout)
			defer cancel()
			if err := s.Shutdown(drain); err != nil {
				return errors.Join(fmt.Errorf("requests were still under way after %s: %w", p.settings.shutdownTimeout, err), s.Close())
			}
			return nil
		})
	}
	logger.InfoContext(ctx, "ready", "listen", listener.Addr().String(), "metrics", metricsAddress, "version", version)
	return group.Wait()
}

// announceDrain announces the stop to load balancers when ctx ends. It closes the channel when they have had time to
// notice, and no new requests are expected.
func (p *program) announceDrain(ctx context.Context, drain *server.Drain, logger *slog.Logger) <-chan struct{} {
	closing := make(chan struct{})
	go func() {
		defer close(closing)
		<-ctx.Done()
		logger.InfoContext(ctx, "stopping", "delay", p.settings.shutdownDelay.String(), "timeout", p.settings.shutdownTimeout.String())
		drain.Announce(time.Now().Add(p.settings.shutdownDelay + p.settings.shutdownTimeout))
		time.Sleep(p.settings.shutdownDelay)
	}()
	return closing
}
