package operation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// Config is what the operations need.
type Config struct {
	Query *query.Service
	// SourcePriority keeps the orders of sources.
	SourcePriority SourcePriority
	// Responses keeps rendered answers; nil keeps none.
	Responses ResponseCache
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// SourcePriority keeps which sources a person prefers.
type SourcePriority interface {
	SourcePriority(ctx context.Context, user account.User) (query.SourcePriority, error)
}

// The methods of HTTP that operations have. The package knows no more of HTTP.
const (
	get  = "GET"
	post = "POST"
	put  = "PUT"
	del  = "DELETE"
)

// questions runs the operations of the table.
type questions struct{ Config }

// New returns the table. An error says which row is not complete.
func New(config Config) (*Table, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	q := questions{config}
	return newTable(slices.Concat(q.metrics(), q.health(), ingestion(), accounts(), documents()), config.Responses)
}

// Parameters that several operations share.
var (
	metricName = Parameter{
		Name: "name", In: InPath, Kind: Text, Required: true, Example: "step_count",
		Doc: "A name of the catalogue, an alias or a HealthKit identifier; or a name as it was sent.",
	}
	metricNames = Parameter{
		Name: "metrics", Kind: List, Required: true, Example: "step_count,walking_running_distance",
		Doc: "From 1 to 20 names of the catalogue, aliases or HealthKit identifiers, separated by commas.",
	}
	start = Parameter{Name: "start", Kind: Time, Example: "2026-03-10", Doc: "Only what starts at this time or later."}
	end   = Parameter{Name: "end", Kind: Time, Example: "2026-03-11T00:00:00+01:00", Doc: "Only what starts before this time."}

	seriesStart = Parameter{
		Name: "start", Kind: Time, Example: "2026-03-10",
		Doc: "The beginning of the range; 30 days before its end if it is left out.",
	}
	seriesEnd = Parameter{
		Name: "end", Kind: Time, Example: "2026-03-11T00:00:00+01:00",
		Doc: "The end of the range, itself not in it; now if it is left out.",
	}
	bucket = Parameter{
		Name: "bucket", Kind: Text, Example: "1d", Default: "1d", Pattern: "^[0-9]+(m|h|d|w|mo|y)$",
		Examples: []string{"5m", "90m", "1h", "1d", "1w", "3mo", "1y"},
		Doc: "The length of a bucket: minutes or hours that divide a day, up to 12 hours; days, weeks, months that divide a year, " +
			"or years.",
	}
	weekStart = Parameter{
		Name: "week_start", Kind: Text, Default: "monday",
		Allowed: []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
		Doc:     "The day on which weeks begin; only for buckets of weeks.",
	}
	timeZone = Parameter{
		Name: "tz", Kind: Text, Example: "local", Default: "local", Examples: []string{"local", "Europe/Berlin"},
		Doc: "The IANA zone by whose clock buckets begin; `local` is the clock that the samples were recorded with.",
	}
	dayZone = Parameter{
		Name: "tz", Kind: Text, Example: "local", Default: "local", Examples: []string{"local", "Europe/Berlin"},
		Doc: "The IANA zone by whose clock days begin and end: samples, workouts by their start and sleep by waking are put on " +
			"its days. `local` is the days as they were recorded.",
	}
	aggregation = Parameter{
		Name: "agg", Kind: Text, Pattern: "^(sum|avg|min|max|count|last|p[1-9][0-9]?)$", Examples: []string{"avg", "p50", "p95"},
		Doc: "Which figure is the `value`; what suits the metric if it is left out. `p1` to `p99` are percentiles of the values of " +
			"the finest grain that lies within the bucket, taken exactly and interpolated between neighbours.",
	}
	unit = Parameter{Name: "unit", Kind: Text, Doc: "The unit to convert to; the one the metric is stored in if it is left out."}
	gaps = Parameter{
		Name: "gaps", Kind: Choice, Allowed: []string{"null"}, Example: "null",
		Doc: "`null` asks for buckets without data too, with null for figures.",
	}
	periodStart = Parameter{
		Name: "start", Kind: Date, Required: true, Example: "2026-03-04",
		Doc: "The first day of the period, which has at most 3660.",
	}
	periodEnd = Parameter{Name: "end", Kind: Date, Required: true, Example: "2026-03-10", Doc: "The last day of the period."}
	firstDay  = Parameter{
		Name: "start", Kind: Date, Example: "2026-03-09",
		Doc: "The first day; the same as the last if it is left out.",
	}
	lastDay = Parameter{Name: "end", Kind: Date, Example: "2026-03-10", Doc: "The last day; today if it is left out."}
	cursor  = Parameter{
		Name: "cursor", Kind: Text,
		Doc: "The `next_cursor` of the page before; the first page if it is left out.",
	}
	id = Parameter{
		Name: "id", In: InPath, Kind: ID, Required: true,
		Doc: "The id of the thing, a UUID. That of somebody else's is unknown.",
	}
)

// limit is how many entries a page may have.
func limit(standard string, most float64) Parameter {
	return Parameter{Name: "limit", Kind: Limit, Default: standard, Min: 1, Max: most, Doc: "How many entries a page may have."}
}

// metrics are the questions about measured quantities.
func (q questions) metrics() []Operation {
	return []Operation{
		{
			Name: "listMetrics", Method: get, Path: "/v1/metrics", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "What the user has",
			Cache: always,
			Run: func(ctx context.Context, a Access, _ Values) (any, error) {
				found, err := q.Query.Metrics(ctx, a.Subject)
				return struct {
					Metrics []query.Metric `json:"metrics"`
				}{found}, err
			},
		},
		{
			Name: "latestMetrics", Method: get, Path: "/v1/metrics/latest", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "The latest sample of every metric",
			Cache: always,
			Run: func(ctx context.Context, a Access, _ Values) (any, error) {
				found, err := q.Query.Latest(ctx, a.Subject)
				return struct {
					Latest []query.LatestValue `json:"latest"`
				}{found}, err
			},
		},
		{
			Name: "getSamples", Method: get, Path: "/v1/metrics/{name}/samples", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "The samples of a metric as they are stored",
			Parameters: []Parameter{
				metricName, start, end,
				{Name: "source", Kind: Text, Doc: "Only samples of this source, as its text was sent."},
				{Name: "grain", Kind: Grain, Example: "3600", Doc: "Only samples that summarise this many seconds; 0 is raw samples."},
				unit, limit("1000", 10_000), cursor,
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				return q.Query.Samples(ctx, a.Subject, query.SamplesRequest{
					Metric: v.Text("name"), Start: v.Time("start"), End: v.Time("end"), Source: v.Text("source"),
					Grain: v.Grain("grain"), Unit: v.Text("unit"), Cursor: v.Text("cursor"), Limit: v.Limit(),
				})
			},
		},
		{
			Name: "getSeries", Method: get, Path: "/v1/metrics/{name}/series", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "A metric summed up bucket by bucket",
			Parameters: []Parameter{
				metricName, seriesStart, seriesEnd, bucket, weekStart, timeZone, aggregation, unit, gaps, limit("10000", 100_000), cursor,
			},
			Cache: q.cacheSeries,
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				series, err := q.Query.Series(ctx, a.Subject, seriesRequest(v))
				return &series, err
			},
		},
		{
			Name: "listSeries", Method: get, Path: "/v1/series", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "Several metrics summed up bucket by bucket",
			Parameters: []Parameter{
				metricNames, seriesStart, seriesEnd, bucket, weekStart, timeZone, aggregation,
				{
					Name: "units", Kind: Pairs, Example: "walking_running_distance:mi",
					Doc: "The units to convert to, each after the name of its metric as it stands in `metrics` and a colon. Metrics that " +
						"are not named keep the unit they are stored in.",
				},
				gaps,
				{
					Name: "limit", Kind: Limit, Min: 1, Max: 100_000,
					Doc: "How many points each series may have. All together may have 100,000; if it is left out, each may have its share of " +
						"that, 10,000 at most.",
				},
			},
			Cache: func(_ Access, v Values) (CacheEntry, bool) {
				return CacheEntry{Details: v.details()}, v.Has("start") && v.Has("end")
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				request := query.SeriesListRequest{Metrics: v.List("metrics"), Units: v.Pairs("units"), Of: seriesRequest(v)}
				for name := range request.Units {
					if !slices.Contains(request.Metrics, name) {
						return nil, BadParameter("units", "names something that is not, in the same spelling, in metrics")
					}
				}
				return q.Query.SeriesList(ctx, a.Subject, request)
			},
		},
		{
			Name: "getSummary", Method: get, Path: "/v1/summary", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "One day, or several, as the person lived them",
			Parameters: []Parameter{{Name: "date", Kind: Date, Doc: "The day."}, firstDay, lastDay, dayZone},
			Cache: func(_ Access, v Values) (CacheEntry, bool) {
				first, last, single := q.summaryDays(v)
				return CacheEntry{Details: []any{first, last, single, v.Text("tz")}}, !v.Has("date") || !v.Has("start") && !v.Has("end")
			},
			Run: q.summary,
		},
		{
			Name: "getComparison", Method: get, Path: "/v1/compare", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "How metrics of one period differ from those of another",
			Parameters: []Parameter{
				metricNames, periodStart, periodEnd,
				{Name: "with_start", Kind: Date, Doc: "The first day of the period to compare with; needed without `previous`."},
				{Name: "with_end", Kind: Date, Doc: "The last day of the period to compare with; needed without `previous`."},
				{
					Name: "previous", Kind: Flag, Default: "false", Example: "true",
					Doc: "Whether to compare with the period just before, of the same length.",
				},
			},
			Cache: always,
			Run:   q.compare,
		},
		{
			Name: "getCorrelation", Method: get, Path: "/v1/correlate", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "Whether two metrics change together",
			Parameters: []Parameter{
				{Name: "x", Kind: Text, Required: true, Example: "step_count", Doc: "The one metric. `sleep_analysis` is hours asleep."},
				{Name: "y", Kind: Text, Required: true, Example: "resting_heart_rate", Doc: "The other metric."},
				periodStart, periodEnd,
				{
					Name: "lag", Kind: Lags, Default: "0", Example: "-1..1", Pattern: "^[+-]?[0-9]+([.]{2}[+-]?[0-9]+)?$",
					Doc: "By how many buckets `y` comes after `x`, one number or a range of them, from -30 to 30.",
				},
				{
					Name: "bucket", Kind: Choice, Allowed: []string{"1d", "1w"}, Default: "1d", Example: "1d",
					Doc: "Days, or weeks from Monday, which have the mean of their days.",
				},
			},
			Cache: always,
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				request := query.CorrelateRequest{X: v.Text("x"), Y: v.Text("y"), Bucket: v.Text("bucket")}
				request.Start, _ = v.Date("start")
				request.End, _ = v.Date("end")
				request.FirstLag, request.LastLag = v.Lags("lag")
				return q.Query.Correlate(ctx, a.Subject, request)
			},
		},
		{
			Name: "getTrends", Method: get, Path: "/v1/trends", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "Where metrics are going",
			Parameters: []Parameter{
				{
					Name: "metrics", Kind: List, Example: "step_count,resting_heart_rate",
					Doc: "Up to 20 metrics, separated by commas; all that have data if it is left out.",
				},
				{
					Name: "date", Kind: Date, Example: "2026-03-10",
					Doc: "The last of the 7 days; yesterday if it is left out, since today has not ended.",
				},
			},
			Cache: func(_ Access, v Values) (CacheEntry, bool) {
				return CacheEntry{Details: []any{v.List("metrics"), q.trendDate(v)}}, true
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				return q.Query.Trends(ctx, a.Subject, query.TrendsRequest{Metrics: v.List("metrics"), Date: q.trendDate(v)})
			},
		},
		{
			Name: "getRecords", Method: get, Path: "/v1/records", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "Personal records",
			Parameters: []Parameter{
				{Name: "start", Kind: Date, Example: "2026-01-01", Doc: "The first day that counts; all of them if it is left out."},
				{Name: "end", Kind: Date, Example: "2026-12-31", Doc: "The last day that counts; all of them if it is left out."},
				{
					Name: "efforts", Kind: Flag, Default: "false", Example: "true",
					Doc: "Whether to look for the fastest 1, 5 and 10 km inside the workouts too. That reads every route, and takes its " +
						"time where there are many. Routes that differ from the distance of their workout by more than a quarter are " +
						"passed over: they jump, or have gaps.",
				},
			},
			Cache: always,
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				request := query.RecordsRequest{Efforts: v.Flag("efforts")}
				if date, sent := v.Date("start"); sent {
					request.Start = &date
				}
				if date, sent := v.Date("end"); sent {
					request.End = &date
				}
				return q.Query.Records(ctx, a.Subject, request)
			},
		},
		{
			Name: "getSourcePriority", Method: get, Path: "/v1/sources/priority", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "metrics", Summary: "Which sources you trust more than others",
			Run: func(ctx context.Context, a Access, _ Values) (any, error) {
				return q.SourcePriority.SourcePriority(ctx, a.Subject)
			},
		},
		{
			Name: "putSourcePriority", Method: put, Path: "/v1/sources/priority", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "metrics", Summary: "Say which sources you trust more than others",
		},
	}
}

// health are the questions about sleep, workouts, events and electrocardiograms.
func (q questions) health() []Operation {
	return []Operation{
		{
			Name: "getSleep", Method: get, Path: "/v1/sleep", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "sleep", Summary: "Nights, naps and stages as they were sent",
			Parameters: []Parameter{firstDay, lastDay},
			Cache: func(_ Access, v Values) (CacheEntry, bool) {
				first, last := v.Days(q.Now())
				return CacheEntry{Details: []any{first, last}}, true
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				first, last := v.Days(q.Now())
				return q.Query.Sleep(ctx, a.Subject, first, last)
			},
		},
		{
			Name: "getSleepSettings", Method: get, Path: "/v1/sleep/settings", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "sleep", Summary: "How the parts of a night are joined",
			Run: func(ctx context.Context, a Access, _ Values) (any, error) {
				return q.Query.SleepSettings(ctx, a.Subject)
			},
		},
		{
			Name: "putSleepSettings", Method: put, Path: "/v1/sleep/settings", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "sleep", Summary: "Set how the parts of a night are joined",
		},
		{
			Name: "listWorkouts", Method: get, Path: "/v1/workouts", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "workouts", Summary: "Workouts, newest first",
			Parameters: []Parameter{
				start, end,
				{
					Name: "name", Kind: Text, Example: "outdoor run",
					Doc: "Only workouts of this name, upper and lower case being the same.",
				},
				{
					Name: "bbox", Kind: Box, Example: "13.0,52.3,13.8,52.7",
					Doc: "Only workouts whose route enters the box west,south,east,north, in degrees.",
				},
				{
					Name: "near", Kind: Circle, Example: "52.5,13.4,500",
					Doc: "Only workouts whose route comes near a place - latitude,longitude,radius in degrees and metres.",
				},
				limit("100", 1000), cursor,
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				return q.Query.Workouts(ctx, a.Subject, query.WorkoutsRequest{
					Start: v.Time("start"), End: v.Time("end"), Name: v.Text("name"), Box: v.Box("bbox"), Near: v.Circle("near"),
					Cursor: v.Text("cursor"), Limit: v.Limit(),
				})
			},
		},
		{
			Name: "getWorkout", Method: get, Path: "/v1/workouts/{id}", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "workouts", Summary: "One workout with its series, heart-rate zones, elevation and splits",
			Parameters: []Parameter{
				id,
				{
					Name: "max_heart_rate", Kind: Number, Default: "190", Min: 100, Max: 250, Example: "185",
					Doc: "The highest heart rate that the person reaches, in beats per minute, of which the zones are shares. No birth date " +
						"is kept, so it is 190 if it is left out, and the answer says so.",
				},
				{
					Name: "splits", Kind: Choice, Allowed: []string{"km", "mi"}, Example: "km",
					Doc: "Whether to cut the workout into kilometres or miles, and which.",
				},
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				return q.Query.Workout(ctx, a.Subject, query.WorkoutRequest{
					ID: v.ID("id"), MaxHeartRate: v.Number("max_heart_rate"), Splits: v.Text("splits"),
				})
			},
		},
		{
			Name: "getRoute", Method: get, Path: "/v1/workouts/{id}/route", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "workouts", Summary: "The route of a workout as GeoJSON or GPX",
			Parameters: []Parameter{id, {
				Name: "format", Kind: Choice, Allowed: []string{"geojson", "gpx"}, Default: "geojson", Example: "geojson",
				Doc: "The form of the answer, whatever `Accept` says.",
			}},
		},
		{
			Name: "listEvents", Method: get, Path: "/v1/events", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "events", Summary: "Symptoms, states of mind, medications, cycle entries, notifications and what is like them",
			Parameters: []Parameter{
				start, end,
				{
					Name: "kind", Kind: Text, Example: "symptom", Examples: []string{"symptom", "medication"},
					Doc: "Only events of this kind.",
				},
				{Name: "name", Kind: Text, Example: "Headache", Doc: "Only events of this name, as it was sent."},
				limit("1000", 10_000), cursor,
			},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				return q.Query.Events(ctx, a.Subject, query.EventsRequest{
					Start: v.Time("start"), End: v.Time("end"), Kind: v.Text("kind"), Name: v.Text("name"),
					Cursor: v.Text("cursor"), Limit: v.Limit(),
				})
			},
		},
		{
			Name: "listECGs", Method: get, Path: "/v1/ecg", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "events", Summary: "Electrocardiograms",
			Parameters: []Parameter{
				start, end,
				{
					Name: "voltages", Kind: Flag, Default: "false", Example: "true",
					Doc: "Whether to include the curves, some 15,000 values each.",
				},
				{
					Name: "format", Kind: Choice, Allowed: []string{"json", "csv"}, Default: "json",
					Doc: "The form of the answer; without it, the header `Accept` chooses. CSV always has the curves, a line for every " +
						"voltage.",
				},
			},
		},
		{
			Name: "getECG", Method: get, Path: "/v1/ecg/{start}", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "events", Summary: "One electrocardiogram with its curve",
			Parameters: []Parameter{{
				Name: "start", In: InPath, Kind: Text, Required: true, Example: "2026-03-10T12:00:00+01:00",
				Doc: "When it starts, as the list says. No two of a user start at the same time.",
			}},
			Run: func(ctx context.Context, a Access, v Values) (any, error) {
				at, err := time.Parse(time.RFC3339, v.Text("start"))
				if err != nil {
					return nil, problem.New(problem.NotFound, "not_found",
						"The path must end with the start of an electrocardiogram, a time such as 2026-03-10T06:30:00Z.").Because(err)
				}
				return q.Query.ECG(ctx, a.Subject, at)
			},
		},
		{
			Name: "export", Method: get, Path: "/v1/export", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "export", Summary: "Everything you have, in a format of another program",
			Parameters: []Parameter{
				{
					Name: "format", Kind: Choice, Allowed: []string{"csv", "ndjson", "parquet", "fhir", "zip"}, Default: "csv", Example: "ndjson",
					Doc: "The format of the export.",
				},
				{
					Name: "types", Kind: Text, Examples: []string{"samples,sleep"},
					Pattern: `^\s*(samples|sleep|workouts|events|ecg)\s*(,\s*(samples|sleep|workouts|events|ecg)\s*)*$`,
					Doc:     "What to export, separated by commas, out of samples, sleep, workouts, events and ecg.",
				},
				{
					Name: "metrics", Kind: Text, Examples: []string{"step_count,heart_rate"},
					Doc: "Only samples of these metrics, separated by commas; names, aliases or HealthKit identifiers.",
				},
				{Name: "start", Kind: Time, Doc: "Only what starts at this time or later; sleep that ends then or later."},
				{Name: "end", Kind: Time, Doc: "Only what starts before this time; sleep that ends before it."},
			},
		},
	}
}

// ingestion are the operations on received bodies. They take or return bodies, so package server implements them.
func ingestion() []Operation {
	return []Operation{
		{
			Name: "ingest", Method: post, Path: "/v1/ingest", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "ingest", Summary: "Send a body of health data",
		},
		{
			Name: "importFile", Method: post, Path: "/v1/import", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "ingest", Summary: "Send a file with years of data",
			Parameters: []Parameter{{
				Name: "keep", Kind: Flag, Default: "false", Example: "false",
				Doc: "Whether to keep the file in the archive, from which it can be fetched and replayed.",
			}},
		},
		{
			Name: "listIngestions", Method: get, Path: "/v1/ingestions", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "ingest", Summary: "What was received, newest first",
			Parameters: []Parameter{
				{
					Name: "status", Kind: Choice, Example: "processed", Doc: "Only ingestions with this status.",
					Allowed: []string{"accepted", "processed", "partial", "rejected", "unrecognised", "failed"},
				},
				{Name: "limit", Kind: Limit, Default: "50", Min: 1, Max: 1000, Doc: "How many ingestions a page may have."},
				cursor,
			},
		},
		{
			Name: "getIngestion", Method: get, Path: "/v1/ingestions/{id}", Scope: AnyKey, Lens: AllData, Subject: true,
			Tag: "ingest", Summary: "One ingestion with its whole report",
			Parameters: []Parameter{id},
		},
		{
			Name: "getIngestionRaw", Method: get, Path: "/v1/ingestions/{id}/raw", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "ingest", Summary: "The body as it was received",
			Parameters: []Parameter{id},
		},
		{
			Name: "replayIngestion", Method: post, Path: "/v1/ingestions/{id}/replay", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "ingest", Summary: "Process a body again from the archive",
			Parameters: []Parameter{id},
		},
	}
}

// accounts are the operations on users, keys and the audit log, which package server implements.
func accounts() []Operation {
	keyID := Parameter{Name: "id", In: InPath, Kind: Text, Required: true, Doc: "The id of the key."}
	return []Operation{
		{
			Name: "getMe", Method: get, Path: "/v1/me", Scope: AnyKey, Lens: NoData,
			Tag: "access", Summary: "Who the key acts for, and what it may do",
		},
		{
			Name: "putMyTimeZone", Method: put, Path: "/v1/me/time_zone", Scope: account.ScopeIngest, Lens: NoData,
			Tag: "access", Summary: "Say in which time zone you live",
		},
		{
			Name: "eraseData", Method: del, Path: "/v1/data", Scope: IngestRead, Lens: AllData, Subject: true,
			Tag: "access", Summary: "Erase everything that is stored for the user",
		},
		{
			Name: "listAudit", Method: get, Path: "/v1/audit", Scope: account.ScopeRead, Lens: AllData,
			Tag: "access", Summary: "Who did what with the user's account and data",
			Parameters: []Parameter{
				{
					Name: SubjectParameter, Kind: Text,
					Doc: "For administrators, the id or the e-mail address of another user, or `all` for everybody and nobody.",
				},
				{Name: "action", Kind: Text, Example: "login.failed", Doc: "Only entries with this action."},
				{Name: "key_id", Kind: Text, Doc: "Only what was done, or tried, with this key."},
				start, end, limit("100", 1000), cursor,
			},
		},
		{
			Name: "listKeys", Method: get, Path: "/v1/keys", Scope: account.ScopeRead, Lens: AllData, Subject: true,
			Tag: "access", Summary: "The user's API keys, also those revoked or expired",
		},
		{
			Name: "createKey", Method: post, Path: "/v1/keys", Scope: AnyKey, Lens: AllData, Subject: true,
			Tag: "access", Summary: "Make an API key for the same user, or, as an administrator, for another one",
		},
		{
			Name: "rotateKey", Method: post, Path: "/v1/keys/{id}/rotate", Scope: AnyKey, Lens: AllData,
			Tag: "access", Summary: "Replace an API key by a new one with the same name, scopes, tier and expiry",
			Parameters: []Parameter{keyID, {
				Name: "grace", Kind: Duration, Example: "24h", Doc: "How long the old key stays in force, at most 168h.",
			}},
		},
		{
			Name: "revokeKey", Method: del, Path: "/v1/keys/{id}", Scope: AnyKey, Lens: AllData,
			Tag: "access", Summary: "Revoke an API key, at once",
			Parameters: []Parameter{keyID},
		},
		{
			Name: "connectPhone", Method: post, Path: "/v1/connect", Scope: AnyKey, Lens: AllData,
			Tag: "access", Summary: "Set up the app on a phone",
		},
		{
			Name: "listUsers", Method: get, Path: "/v1/users", Scope: account.ScopeAdmin, Lens: NoData,
			Tag: "access", Summary: "All users of this server",
		},
		{
			Name: "createUser", Method: post, Path: "/v1/users", Scope: account.ScopeAdmin, Lens: NoData,
			Tag: "access", Summary: "Make a user",
		},
		{
			Name: "getUser", Method: get, Path: "/v1/users/{id}", Scope: account.ScopeAdmin, Lens: NoData,
			Tag: "access", Summary: "One user",
			Parameters: []Parameter{id},
		},
		{
			Name: "putTimeZone", Method: put, Path: "/v1/users/{id}/time_zone", Scope: account.ScopeAdmin, Lens: NoData,
			Tag: "access", Summary: "Set the time zone in which a user lives",
			Parameters: []Parameter{id},
		},
		{
			Name: "deleteUser", Method: del, Path: "/v1/users/{id}", Scope: account.ScopeAdmin, Lens: NoData,
			Tag: "access", Summary: "Delete a user with everything that is stored for them",
			Parameters: []Parameter{id},
		},
	}
}

// documents are what everybody may read without a key.
func documents() []Operation {
	rows := []Operation{
		{Name: "getDocumentYAML", Path: "/openapi.yaml", Summary: "This document"},
		{Name: "getDocumentJSON", Path: "/openapi.json", Summary: "This document in JSON"},
		{Name: "getDocs", Path: "/docs", Summary: "This document as a page for people"},
		{Name: "getDocsScript", Path: "/docs/docs.js", Summary: "The script of that page"},
		{Name: "getDocsStyle", Path: "/docs/docs.css", Summary: "The style of that page"},
		{Name: "getHealth", Path: "/health", Summary: "Is the server alive, and does its database answer?"},
		{
			Name: "getReady", Path: "/ready",
			Summary: "Should requests be sent here? Not while something that the server depends on is away, nor when it is about to stop.",
		},
	}
	for i := range rows {
		rows[i].Method, rows[i].Scope, rows[i].Lens, rows[i].Tag = get, Open, NoData, "server"
	}
	return rows
}

// always keeps an answer that depends on what is stored and on the parameters alone.
func always(_ Access, v Values) (CacheEntry, bool) { return CacheEntry{Details: v.details()}, true }

func seriesRequest(v Values) query.SeriesRequest {
	return query.SeriesRequest{
		Metric: v.Text("name"), Start: v.Time("start"), End: v.Time("end"), Bucket: v.Text("bucket"), TZ: v.Text("tz"),
		WeekStart: v.Text("week_start"), Aggregation: v.Text("agg"), Unit: v.Text("unit"), Gaps: v.Text("gaps") != "",
		Cursor: v.Text("cursor"), Limit: v.Limit(),
	}
}

// cacheSeries keeps a series with a beginning and an end: one without depends on the time of day.
func (q questions) cacheSeries(_ Access, v Values) (CacheEntry, bool) {
	request := seriesRequest(v)
	name, ok := q.Query.MetricName(request.Metric)
	if !ok || request.Start.IsZero() || request.End.IsZero() {
		return CacheEntry{}, false
	}
	return CacheEntry{Metric: name, Details: []any{
		request.Start, request.End, request.Bucket, request.TZ, request.WeekStart, request.Aggregation, request.Unit, request.Gaps,
		request.Cursor, request.Limit,
	}}, true
}

// summaryDays returns the days that a summary is about; single is true where one is asked for.
func (q questions) summaryDays(v Values) (first, last health.Date, single bool) {
	if date, sent := v.Date("date"); sent {
		return date, date, true
	}
	first, last = v.Days(q.Now())
	return first, last, !v.Has("start") && !v.Has("end")
}

// summary answers for one day, or for each day of a range.
func (q questions) summary(ctx context.Context, a Access, v Values) (any, error) {
	if v.Has("date") && (v.Has("start") || v.Has("end")) {
		return nil, BadParameter("date", "asks for one day, start and end for several. Give one or the other")
	}
	first, last, single := q.summaryDays(v)
	if !single {
		days, err := q.Query.Days(ctx, a.Subject, v.Text("tz"), first, last)
		return struct {
			Days []query.DaySummary `json:"days"`
		}{days}, err
	}
	day, err := q.Query.Day(ctx, a.Subject, v.Text("tz"), first)
	if known, ok := errors.AsType[*problem.Error](err); ok && known.Field == "start" {
		return nil, known.In("date")
	}
	return day, err
}

// compare compares one period with another, or with the one just before it.
func (q questions) compare(ctx context.Context, a Access, v Values) (any, error) {
	request := query.CompareRequest{Metrics: v.List("metrics")}
	request.Start, _ = v.Date("start")
	request.End, _ = v.Date("end")
	switch {
	case v.Flag("previous") && (v.Has("with_start") || v.Has("with_end")):
		return nil, BadParameter("previous", "asks for the period before, with_start and with_end for another. Give one or the other")
	case v.Flag("previous"):
		request.WithEnd = request.Start - 1
		request.WithStart = request.WithEnd - (request.End - request.Start)
	case !v.Has("with_start"):
		return nil, BadParameter("with_start", "is missing. Give it a value")
	case !v.Has("with_end"):
		return nil, BadParameter("with_end", "is missing. Give it a value")
	default:
		request.WithStart, _ = v.Date("with_start")
		request.WithEnd, _ = v.Date("with_end")
	}
	return q.Query.Compare(ctx, a.Subject, request)
}

// trendDate returns the last day of the trend. Without one that is yesterday: today has not ended, and would look low.
func (q questions) trendDate(v Values) health.Date {
	yesterday := health.DateOf(q.Now().In(v.Zone())) - 1
	date, sent := v.Date("date")
	if !sent {
		date = yesterday
	}
	return date
}
