// Package server is the HTTP API: one table of routes, one function that writes error responses, one file per resource.
// It contains no rules about health data; those are in the packages it calls.
package server

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/tracing"
)

// Config is what the server needs. All fields are required but Limits, PingRedis, Drain, Tracer, MaxBody, MaxImport,
// PublicURL, Version, TrustedProxies, CORSOrigins and Now.
type Config struct {
	Ingestion Ingest
	// Operations is the table of all that can be asked.
	Operations *operation.Table
	Query      Query
	// SourcePriority keeps the orders of sources.
	SourcePriority SourcePriority
	// SleepSettings keeps how sleep is joined.
	SleepSettings SleepSettings
	Authenticator Authenticator
	Users         Users
	Keys          Keys
	Archive       Archive
	AuditReader   AuditReader
	Audit         AuditBuffer
	// Catalog has the codes that exports contain.
	Catalog *catalog.Catalog
	// Limits counts requests; nil limits none.
	Limits Limits
	// Ping returns nil while the database answers; /health and /ready call it.
	Ping func(context.Context) error
	// PingRedis returns nil while Redis answers; nil where there is none.
	PingRedis func(context.Context) error
	// Drain announces the stop of the server; nil for one that stops unannounced.
	Drain *Drain

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Tracer traces every request; nil traces none.
	Tracer *tracing.Tracer

	// MaxBody is the largest body, in bytes, that Ingest accepts: one that announces more is refused before it is read. 0
	// leaves that to Ingest.
	MaxBody int64
	// PublicURL is where phones reach the server, such as https://health.example.org; "" for the address of the request.
	PublicURL string
	// MaxImport is the same for a file to be imported.
	MaxImport int64
	// Version is that of the program.
	Version string
	// TrustedProxies are the networks of proxies whose X-Forwarded-For is used. Without any, the address of a client is
	// that of the connection.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins, such as https://example.org, whose pages may use the API; "*" allows all. None may by
	// default.
	CORSOrigins []string
	// Now returns the current time; nil is time.Now.
	Now func() time.Time
}

// Ingest receives bodies, archives them, and processes them again.
type Ingest interface {
	Receive(ctx context.Context, request ingest.Request) (health.Ingestion, error)
	Replay(ctx context.Context, user account.User, id uuid.UUID) (health.Ingestion, error)
	Raw(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error)
	Ingestions(ctx context.Context, user uuid.UUID) iter.Seq2[health.Ingestion, error]
	Import(ctx context.Context, request ingest.Request, keep bool) (health.Ingestion, error)
	Progress(id uuid.UUID) (ingest.Progress, bool)
}

// Query answers queries of the stored data.
type Query interface {
	Route(ctx context.Context, user account.User, id uuid.UUID) (health.Workout, error)
	ECGs(ctx context.Context, user account.User, request query.ECGRequest) ([]query.ECG, error)
	Extract(ctx context.Context, user account.User, request query.ExtractRequest) (*query.Extract, error)
}

// SourcePriority stores which sources a user prefers to others.
type SourcePriority interface {
	SetSourcePriority(ctx context.Context, user account.User, order aggregate.SourceOrder) (query.SourcePriority, error)
}

// SleepSettings stores how a user's sleep is joined.
type SleepSettings interface {
	SetSleepSettings(ctx context.Context, user account.User, settings query.SleepSettings) (query.SleepSettings, error)
}

// Authenticator authenticates requests, manages keys, and erases users and their data.
type Authenticator interface {
	Authenticate(ctx context.Context, presented string) (access.Actor, error)
	CreateKey(ctx context.Context, key access.NewKey) (account.APIKey, string, error)
	RevokeKey(ctx context.Context, user uuid.UUID, id string) error
	RotateKey(ctx context.Context, user uuid.UUID, id string, grace time.Duration) (account.APIKey, string, error)
	EraseData(ctx context.Context, user uuid.UUID) error
	DeleteUser(ctx context.Context, user uuid.UUID) error
	SetTimeZone(ctx context.Context, user uuid.UUID, zone string) (account.User, error)
}

// Users stores the users.
type Users interface {
	CreateUser(ctx context.Context, user account.User, entries ...account.AuditEntry) error
	User(ctx context.Context, id uuid.UUID) (account.User, error)
	UserByEmail(ctx context.Context, email string) (account.User, error)
	Users(ctx context.Context) ([]account.User, error)
}

// Keys looks up API keys.
type Keys interface {
	Key(ctx context.Context, id string) (account.APIKey, error)
	KeysOf(ctx context.Context, user uuid.UUID) ([]account.APIKey, error)
}

// Archive looks up received bodies and their outcomes.
type Archive interface {
	Ingestion(ctx context.Context, user, id uuid.UUID) (health.Ingestion, error)
	Ingestions(ctx context.Context, user uuid.UUID, query store.IngestionQuery) ([]health.Ingestion, error)
}

// AuditReader reads the audit log.
type AuditReader interface {
	AuditEntries(ctx context.Context, query store.AuditQuery) ([]account.AuditEntry, error)
}

// AuditBuffer adds entries to the audit log.
type AuditBuffer interface {
	Add(ctx context.Context, action account.Action, about uuid.UUID, resource string, metadata map[string]any)
}

type server struct {
	Config
	metrics httpMetrics
}

// New returns the handler of the whole API. It is safe for concurrent use. It registers the metrics of the requests with
// config.Registerer, so call it once for each registerer.
func New(config Config) http.Handler {
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &server{Config: config, metrics: newHTTPMetrics(config.Registerer)}
	s.metrics.initCounters(s.routes())
	return s.observe(s.allowOrigins(compress(revalidate(s.mux()))))
}
