package query

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildWait is how long SetSourcePriority waits for the rebuild.
const rebuildWait = 2 * time.Second

// SummaryRebuilderStore is the part of the store that a SummaryRebuilder uses.
type SummaryRebuilderStore interface {
	store.SummaryReader
	store.SummaryWriter
}

// SummaryRebuilderConfig has the dependencies of a SummaryRebuilder. Logger defaults to slog.Default; Invalidator and
// Registerer may be nil.
type SummaryRebuilderConfig struct {
	Store       SummaryRebuilderStore
	Invalidator cache.Invalidator
	Catalog     *catalog.Catalog
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// SummaryRebuilder recomputes the summaries of days from the samples, when a user changes the source order and on
// demand. It is safe for concurrent use.
type SummaryRebuilder struct {
	SummaryRebuilderConfig
	days     *prometheus.CounterVec
	duration prometheus.Histogram
}

// NewSummaryRebuilder returns a rebuilder with the dependencies in config.
func NewSummaryRebuilder(config SummaryRebuilderConfig) *SummaryRebuilder {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Invalidator = cache.OrNop(config.Invalidator)
	factory := promauto.With(config.Registerer)
	return &SummaryRebuilder{
		SummaryRebuilderConfig: config,
		days: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_summaries_rebuilt_total",
			Help: "Day summaries that were recomputed from all their samples, by whether they had to be written.",
		}, []string{"result"}),
		duration: factory.NewHistogram(prometheus.HistogramOpts{
			Name: "health_export_summaries_rebuild_duration_seconds", Help: "Time to rebuild all days of a user.",
			Buckets: []float64{.01, .05, .25, 1, 5, 30, 120, 600},
		}),
	}
}

// SourcePriority is a user's source order. Applied is false while summaries are being recomputed by it; responses are
// right meanwhile, but slower.
type SourcePriority struct {
	Sources []string            `json:"sources"`
	Metrics map[string][]string `json:"metrics"`
	Applied bool                `json:"applied"`
	Devices []SourceDevice      `json:"devices"`
}

// SourceDevice is a device that is known to have recorded samples of a source.
type SourceDevice struct {
	Source    string            `json:"source"`
	Kind      health.DeviceKind `json:"kind"`
	Model     string            `json:"model"`
	Hardware  string            `json:"hardware"`
	FirstSeen time.Time         `json:"first_seen"`
	LastSeen  time.Time         `json:"last_seen"`
}

// SourcePriority returns the user's source order.
func (r *SummaryRebuilder) SourcePriority(ctx context.Context, user account.User) (SourcePriority, error) {
	order, err := r.Store.SourceOrder(ctx, user.ID)
	if err != nil {
		return SourcePriority{}, err
	}
	// A query for no days reports whether the summaries are stale.
	found, err := r.Store.DaySummaries(ctx, user.ID, store.DayQuery{Last: -1})
	return priorityOf(order, !found.Stale), err
}

func priorityOf(order aggregate.SourceOrder, applied bool) SourcePriority {
	p := SourcePriority{Sources: orEmpty(order.Sources), Metrics: order.Metrics, Applied: applied}
	if p.Metrics == nil {
		p.Metrics = map[string][]string{}
	}
	p.Devices = make([]SourceDevice, len(order.Devices))
	for i, d := range order.Devices {
		p.Devices[i] = SourceDevice{d.Source, d.Kind(), d.Model, d.Hardware, d.First.Time(), d.Last.Time()}
	}
	return p
}

// SetSourcePriority replaces the user's source order and rebuilds the summaries. A rebuild that takes longer than two
// seconds continues in the background, also after a crash: see RebuildStale.
func (r *SummaryRebuilder) SetSourcePriority(ctx context.Context, user account.User, order aggregate.SourceOrder) (SourcePriority, error) {
	if err := order.Check(); err != nil {
		return SourcePriority{}, err
	}
	named := make(map[string][]string, len(order.Metrics))
	for name, sources := range order.Metrics {
		if known, ok := r.Catalog.Lookup(name); ok {
			name = known.Name
		}
		named[name] = orEmpty(sources)
	}
	order = aggregate.SourceOrder{Sources: orEmpty(order.Sources), Metrics: named}
	if err := r.Store.SetSourceOrder(ctx, user.ID, order); err != nil {
		return SourcePriority{}, err
	}
	r.Invalidator.InvalidateUser(ctx, user.ID)
	soon, cancel := context.WithTimeout(ctx, rebuildWait)
	defer cancel()
	if _, err := r.Rebuild(soon, user.ID); err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return SourcePriority{}, err
	}
	return r.SourcePriority(ctx, user)
}

// Rebuild recomputes all day summaries and latest values of a user from the samples, with bounded memory, while reads
// and writes go on.
func (r *SummaryRebuilder) Rebuild(ctx context.Context, user uuid.UUID) (store.Rebuilt, error) {
	start := time.Now()
	rebuilt, err := r.Store.Rebuild(ctx, user)
	r.days.WithLabelValues("written").Add(float64(rebuilt.Differed))
	r.days.WithLabelValues("unchanged").Add(float64(max(rebuilt.Days-rebuilt.Differed, 0)))
	if rebuilt.Differed > 0 || rebuilt.Latest > 0 {
		r.Invalidator.InvalidateUser(ctx, user)
	}
	if err == nil {
		r.duration.Observe(time.Since(start).Seconds())
	}
	return rebuilt, err
}

// RebuildStale rebuilds the summaries of users that do not follow their source order yet. A job calls it.
func (r *SummaryRebuilder) RebuildStale(ctx context.Context) error {
	users, err := r.Store.Stale(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, user := range users {
		rebuilt, err := r.Rebuild(ctx, user)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		r.Logger.InfoContext(ctx, "day summaries rebuilt in a new source order", "user", user, "days", rebuilt.Days)
	}
	return failed
}
