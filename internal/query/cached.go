package query

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
)

// How long responses are cached at most. A change of the data they depend on invalidates them at once.
const (
	summaryTTL = 5 * time.Minute
	recentTTL  = 10 * time.Minute
)

// ResponseCache caches responses until their data changes.
type ResponseCache interface {
	Get(ctx context.Context, question cache.Key, load func(context.Context) ([]byte, error)) ([]byte, error)
}

// Cached is a Service that caches frequent responses: summaries of days, the list of metrics, latest values, and series
// with a start and an end. All else goes to the Service.
type Cached struct {
	*Service
	cache ResponseCache
}

// NewCached returns a service that caches the responses of service.
func NewCached(service *Service, responses ResponseCache) *Cached { return &Cached{service, responses} }

// Day is Service.Day.
func (c *Cached) Day(ctx context.Context, user account.User, date health.Date) (DaySummary, error) {
	key := cacheKey(user, "day", summaryTTL, date)
	return cached(ctx, c.cache, key, func(ctx context.Context) (DaySummary, error) {
		return c.Service.Day(ctx, user, date)
	})
}

// Days is Service.Days.
func (c *Cached) Days(ctx context.Context, user account.User, first, last health.Date) ([]DaySummary, error) {
	key := cacheKey(user, "days", summaryTTL, first, last)
	return cached(ctx, c.cache, key, func(ctx context.Context) ([]DaySummary, error) {
		return c.Service.Days(ctx, user, first, last)
	})
}

// Metrics is Service.Metrics.
func (c *Cached) Metrics(ctx context.Context, user account.User) ([]Metric, error) {
	return cached(ctx, c.cache, cacheKey(user, "metrics", recentTTL), func(ctx context.Context) ([]Metric, error) {
		return c.Service.Metrics(ctx, user)
	})
}

// Latest is Service.Latest.
func (c *Cached) Latest(ctx context.Context, user account.User) ([]LatestValue, error) {
	return cached(ctx, c.cache, cacheKey(user, "latest", recentTTL), func(ctx context.Context) ([]LatestValue, error) {
		return c.Service.Latest(ctx, user)
	})
}

// maxCachedPoints is how many points a cached series has at most: to decode more from JSON takes as long as to compute
// them.
const maxCachedPoints = 2000

// Series is Service.Series. A series without a start or an end depends on the current time and is not cached; nor is a
// long one.
func (c *Cached) Series(ctx context.Context, user account.User, request SeriesRequest) (Series, error) {
	known, ok := c.Catalog.LookupStored(request.Metric)
	if !ok || request.Start.IsZero() || request.End.IsZero() || isLong(request) {
		return c.Service.Series(ctx, user, request)
	}
	key := cacheKey(user, "series", recentTTL, known.Name, request.Start, request.End, request.Bucket, request.TZ,
		request.WeekStart, request.Aggregation, request.Unit, request.Gaps, request.Cursor, request.Limit)
	key.Metric = known.Name
	return cached(ctx, c.cache, key, func(ctx context.Context) (Series, error) {
		return c.Service.Series(ctx, user, request)
	})
}

func isLong(request SeriesRequest) bool {
	length, err := parseInterval(cmp.Or(request.Bucket, defaultBucket))
	return err == nil && request.End.Sub(request.Start)/length.length() > maxCachedPoints
}

// Warm caches what a client asks for first: the summary of the user's current day, and the latest values.
func (c *Cached) Warm(ctx context.Context, user account.User) error {
	if _, err := c.Day(ctx, user, health.DateOf(c.Now().In(user.Location()))); err != nil {
		return err
	}
	_, err := c.Latest(ctx, user)
	return err
}

// cacheKey identifies a query by everything that its response depends on besides the stored data.
func cacheKey(user account.User, kind string, ttl time.Duration, details ...any) cache.Key {
	return cache.Key{User: user.ID, Kind: kind, Query: fmt.Sprintf("%q", append(details, user.TimeZone)), TTL: ttl}
}

// cached returns the cached response, decoded from JSON, or that of load.
func cached[T any](ctx context.Context, responses ResponseCache, key cache.Key, load func(context.Context) (T, error)) (T, error) {
	var value T
	text, err := responses.Get(ctx, key, func(ctx context.Context) ([]byte, error) {
		found, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(found, jsontext.AllowInvalidUTF8(true))
	})
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(text, &value, jsontext.AllowInvalidUTF8(true)); err != nil {
		return value, fmt.Errorf("decode a cached response: %w", err)
	}
	return value, nil
}
