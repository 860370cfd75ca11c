-- Everything a person has begins with user_id in every key, so that one person's rows stand together, and so that Citus
-- can spread the tables by it. For the same reason there are no foreign keys, triggers or DEFAULT partitions.
-- Texts that are compared or ordered have the collation "C": the order of their bytes, as in Go.

-- +goose Up

CREATE TABLE users (
    id           uuid PRIMARY KEY,
    email        text COLLATE "C" NOT NULL,
    email_folded text COLLATE "C" NOT NULL UNIQUE, -- lower case
    display_name text NOT NULL,
    time_zone    text NOT NULL, -- IANA name, '' is UTC
    created_at   timestamptz NOT NULL,
    erased_at    timestamptz -- what was received until then is not stored any more
);

CREATE TABLE api_keys (
    id         text COLLATE "C" PRIMARY KEY,
    user_id    uuid NOT NULL,
    name       text NOT NULL,
    scopes     text[] NOT NULL,
    tier       text NOT NULL,
    hash       text NOT NULL, -- Argon2id in PHC form
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz -- may lie ahead
);

CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at, id);
CREATE INDEX api_keys_revoked ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

-- Apart from api_keys, so that a key in constant use does not rewrite the row that every request reads.
CREATE TABLE api_key_use (
    key_id       text COLLATE "C" PRIMARY KEY,
    last_used_at timestamptz NOT NULL
);

-- The keys of users who are gone, for a day: servers that remember one learn from it that it is no key any more.
CREATE TABLE erased_keys (
    id        text COLLATE "C" PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

-- What was received, and what became of it. Partitioned by month; old months are dropped, not deleted from.
CREATE TABLE raw_ingestions (
    user_id       uuid NOT NULL,
    id            uuid NOT NULL,
    received_at   timestamptz NOT NULL,
    finished_at   timestamptz,
    claimed_until timestamptz,
    size          bigint NOT NULL, -- bytes, Content-Encoding undone
    wire_size     bigint NOT NULL,
    stored_size   bigint NOT NULL,
    duration      bigint NOT NULL, -- nanoseconds
    attempts      integer NOT NULL,
    warning_count integer NOT NULL,
    key_id        text NOT NULL,
    owner         text NOT NULL, -- who holds the claim, '' for nobody
    spool         text NOT NULL, -- the directory in which the body waits, '' where it is archived
    status        text NOT NULL,
    format        text NOT NULL,
    failure       text NOT NULL,
    failure_code  text NOT NULL,
    sha256        bytea NOT NULL,
    headers       json NOT NULL,
    counts        json NOT NULL, -- one entry per kind of element
    errors        json NOT NULL,
    warnings      json NOT NULL,
    types         json NOT NULL, -- one entry per type of element, of imports
    PRIMARY KEY (user_id, id, received_at)
) PARTITION BY RANGE (received_at);

-- The inbox: rows leave this index when they are finished, so it stays small.
CREATE INDEX raw_ingestions_unfinished ON raw_ingestions (user_id, id, claimed_until) WHERE status = 'accepted';
-- Rows come in the order of received_at, which a BRIN finds its way by at a thousandth of the size of a B-tree.
CREATE INDEX raw_ingestions_received ON raw_ingestions USING brin (received_at) WITH (pages_per_range = 16);

-- The bodies as they are archived, in pieces, so that none is ever in memory as a whole.
CREATE TABLE raw_bodies (
    user_id      uuid NOT NULL,
    ingestion_id uuid NOT NULL,
    received_at  timestamptz NOT NULL, -- that of the ingestion
    piece        integer NOT NULL,     -- from 0
    bytes        bytea NOT NULL,       -- compressed already
    PRIMARY KEY (user_id, ingestion_id, piece, received_at)
) PARTITION BY RANGE (received_at);

ALTER TABLE raw_bodies ALTER COLUMN bytes SET STORAGE EXTERNAL; -- do not try to compress it again

CREATE TABLE audit_log (
    user_id     uuid NOT NULL, -- nobody: all zeros
    id          uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    key_id      text NOT NULL,
    action      text NOT NULL,
    resource    text NOT NULL,
    address     inet,
    user_agent  text NOT NULL,
    request_id  text NOT NULL,
    metadata    jsonb NOT NULL,
    PRIMARY KEY (user_id, recorded_at, id)
) PARTITION BY RANGE (recorded_at);

CREATE INDEX audit_log_recorded ON audit_log USING brin (recorded_at) WITH (pages_per_range = 16);

-- A metric in one unit. kept_in names the table that holds its samples; it is chosen once, so that a later version of
-- the catalogue does not look for them elsewhere.
CREATE TABLE metric_names (
    id      smallint PRIMARY KEY CHECK (id > 0),
    name    text COLLATE "C" NOT NULL,
    unit    text COLLATE "C" NOT NULL,
    kept_in text NOT NULL CHECK (kept_in IN
        ('heart_rate_metrics', 'blood_pressure_metrics', 'activity_metrics', 'quantity_metrics')),
    UNIQUE (name, unit)
);

-- Id 0 is never used: it stands for "no source". A name may tell whose device it is, so that it goes with the last user
-- who had it: it becomes NULL, and its id is not given to another one.
CREATE TABLE sources (
    id   integer PRIMARY KEY CHECK (id > 0),
    name text COLLATE "C" UNIQUE
);

-- What a user has of each metric, grain and source, kept in step with the four tables below: a batch that lies outside
-- first_at and last_at is new without looking, and what a user has is listed without reading a sample.
CREATE TABLE metric_totals (
    user_id   uuid NOT NULL,
    first_at  timestamptz NOT NULL, -- of recorded_at
    last_at   timestamptz NOT NULL,
    samples   bigint NOT NULL,
    grain     integer NOT NULL,
    source_id integer NOT NULL,
    metric_id smallint NOT NULL,
    PRIMARY KEY (user_id, metric_id, grain, source_id)
);

CREATE INDEX metric_totals_by_source ON metric_totals (source_id); -- who else has a source

-- The four tables of samples differ in their values only. Columns stand in the order that needs no padding, and nothing
-- is NULL in an ordinary row, which saves its bitmap: 100 bytes, and 60 in the index.
--
-- The primary key is health.SampleKey. recorded_at is the start; of a summary of a day or more it is midnight UTC of the
-- local date. ended_at equals recorded_at for summaries. key_source is source_id where the source is part of the
-- identity, else -1. grain is in seconds, 0 for a reading. other_values is a JSON object of values the table has no
-- column for, and of the start where recorded_at and utc_offset do not tell it.
--
-- grain comes before recorded_at in the key, so that a question about days does not walk through the minutes.

-- Metrics with a minimum, an average and a maximum.
CREATE TABLE heart_rate_metrics (
    user_id      uuid NOT NULL,
    recorded_at  timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    received_at  timestamptz NOT NULL, -- when the body that said this had arrived
    average      double precision,
    minimum      double precision,
    maximum      double precision,
    grain        integer NOT NULL CHECK (grain >= 0),
    key_source   integer NOT NULL,
    source_id    integer NOT NULL,
    utc_offset   integer NOT NULL, -- seconds
    metric_id    smallint NOT NULL,
    attributes   text NOT NULL, -- JSON object, or ''
    other_values text NOT NULL, -- JSON object, or ''
    PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
) PARTITION BY RANGE (recorded_at);

CREATE TABLE blood_pressure_metrics (
    user_id      uuid NOT NULL,
    recorded_at  timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    systolic     double precision,
    diastolic    double precision,
    grain        integer NOT NULL CHECK (grain >= 0),
    key_source   integer NOT NULL,
    source_id    integer NOT NULL,
    utc_offset   integer NOT NULL,
    metric_id    smallint NOT NULL,
    attributes   text NOT NULL,
    other_values text NOT NULL,
    PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
) PARTITION BY RANGE (recorded_at);

-- Metrics whose values add up: steps, energy, distance …
CREATE TABLE activity_metrics (
    user_id      uuid NOT NULL,
    recorded_at  timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    value        double precision,
    grain        integer NOT NULL CHECK (grain >= 0),
    key_source   integer NOT NULL,
    source_id    integer NOT NULL,
    utc_offset   integer NOT NULL,
    metric_id    smallint NOT NULL,
    attributes   text NOT NULL,
    other_values text NOT NULL,
    PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
) PARTITION BY RANGE (recorded_at);

-- All others, metrics nobody has described yet among them.
CREATE TABLE quantity_metrics (
    user_id      uuid NOT NULL,
    recorded_at  timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    value        double precision,
    grain        integer NOT NULL CHECK (grain >= 0),
    key_source   integer NOT NULL,
    source_id    integer NOT NULL,
    utc_offset   integer NOT NULL,
    metric_id    smallint NOT NULL,
    attributes   text NOT NULL,
    other_values text NOT NULL,
    PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
) PARTITION BY RANGE (recorded_at);

-- Nights as the app sums them, naps among them.
CREATE TABLE sleep_metrics (
    user_id     uuid NOT NULL,
    id          uuid NOT NULL,
    sleep_start timestamptz,
    sleep_end   timestamptz,
    in_bed_start timestamptz,
    in_bed_end  timestamptz,
    received_at timestamptz NOT NULL,
    total       double precision, -- hours, as the six that follow
    asleep      double precision,
    core        double precision,
    deep        double precision,
    rem         double precision,
    awake       double precision,
    in_bed      double precision,
    date        date NOT NULL, -- local, of waking
    utc_offset  integer NOT NULL,
    source      text COLLATE "C" NOT NULL,
    attributes  text NOT NULL,
    PRIMARY KEY (user_id, date, id)
);

CREATE TABLE sleep_segments (
    user_id    uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    utc_offset integer NOT NULL,
    source     text COLLATE "C" NOT NULL,
    stage      text COLLATE "C" NOT NULL,
    attributes text NOT NULL,
    PRIMARY KEY (user_id, started_at, ended_at, source, stage)
);

CREATE INDEX sleep_segments_by_end ON sleep_segments (user_id, ended_at);

CREATE TABLE workouts (
    user_id     uuid NOT NULL,
    id          uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    received_at timestamptz NOT NULL,
    duration    double precision, -- seconds
    utc_offset  integer NOT NULL,
    app_id      text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    name_folded text COLLATE "C" NOT NULL, -- lower case
    source      text NOT NULL,
    quantities  json NOT NULL, -- object of name to {"qty", "unit"}
    attributes  text NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE UNIQUE INDEX workouts_by_app_id ON workouts (user_id, app_id) WHERE app_id <> '';
CREATE INDEX workouts_by_start ON workouts (user_id, started_at, id);

-- One row per series. All arrays have an entry per point, but units, sources and utc_offsets have a single one where it
-- is the same for all. A point without a time has the time 1970-01-01 00:00 UTC.
CREATE TABLE workout_series (
    user_id     uuid NOT NULL,
    workout_id  uuid NOT NULL,
    name        text COLLATE "C" NOT NULL,
    times       timestamptz[] NOT NULL,
    readings    double precision[], -- NULL where no point has one
    minima      double precision[],
    maxima      double precision[],
    units       text[] NOT NULL,
    sources     text[] NOT NULL,
    utc_offsets integer[] NOT NULL,
    PRIMARY KEY (user_id, workout_id, name)
);

-- One row per route. Z is the altitude in metres (0 for the points in without_altitude), M the time in seconds since
-- 1970 (0 for a point without one). The arrays have an entry per point and are NULL where no point has one. A route of
-- one point has it twice, because a line needs two: points is the number of points that were sent.
CREATE TABLE workout_routes (
    user_id             uuid NOT NULL,
    workout_id          uuid NOT NULL,
    points              integer NOT NULL,
    -- True where a search of the plane must take the route leg by leg: it crosses the antimeridian, where a leg goes the
    -- other way round than in the plane, or it never leaves its place, which the plane knows no line for.
    legwise             boolean NOT NULL,
    path                geography(LineStringZM, 4326) NOT NULL,
    without_altitude    integer[], -- indexes, from 0
    speeds              double precision[], -- m/s
    courses             double precision[], -- degrees
    horizontal_accuracies double precision[], -- metres
    vertical_accuracies double precision[], -- metres
    speed_accuracies    double precision[],
    course_accuracies   double precision[],
    PRIMARY KEY (user_id, workout_id)
);

CREATE INDEX workout_routes_near ON workout_routes USING gist (path);
CREATE INDEX workout_routes_in_box ON workout_routes USING gist ((path::geometry));

-- identity is a digest of health.EventKey, whose texts together may be too long for an index. started_at is
-- 1970-01-01 00:00 UTC for an event without a time.
CREATE TABLE events (
    user_id     uuid NOT NULL,
    identity    uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    received_at timestamptz NOT NULL,
    utc_offset  integer NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    app_id      text COLLATE "C" NOT NULL,
    digest      text COLLATE "C" NOT NULL,
    source      text NOT NULL,
    attributes  text NOT NULL,
    PRIMARY KEY (user_id, identity)
);

CREATE INDEX events_by_start ON events (user_id, started_at);
CREATE INDEX events_by_kind ON events (user_id, kind, started_at);

CREATE TABLE ecg_recordings (
    user_id            uuid NOT NULL,
    started_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    received_at        timestamptz NOT NULL,
    average_heart_rate double precision,
    sampling_frequency double precision, -- hertz
    utc_offset         integer NOT NULL,
    source             text NOT NULL,
    classification     text NOT NULL,
    severity           text NOT NULL,
    unit               text NOT NULL,
    attributes         text NOT NULL,
    times              timestamptz[], -- of the voltages, NULL where they were sent without
    voltages           double precision[],
    PRIMARY KEY (user_id, started_at)
);

-- One row per user, metric and local day that has samples of a day or less: what they and their hours come
-- to, see health.DaySummary.
CREATE TABLE daily_summaries (
    user_id           uuid NOT NULL,
    sum               double precision NOT NULL, -- a total where values add up, else what the mean is made of
    minimum           double precision,
    maximum           double precision,
    last_value        double precision,
    last_start        timestamptz,
    systolic_sum      double precision,
    systolic_minimum  double precision,
    systolic_maximum  double precision,
    diastolic_sum     double precision,
    diastolic_minimum double precision,
    diastolic_maximum double precision,
    earliest          timestamptz NOT NULL, -- start of a sample that counts on the day
    latest            timestamptz NOT NULL,
    date              date NOT NULL,
    grain             integer NOT NULL, -- of the samples that answer
    count             integer NOT NULL, -- how many those are
    weight            integer NOT NULL, -- how many values make the sum
    systolic_weight   integer NOT NULL,
    diastolic_weight  integer NOT NULL,
    earliest_offset   integer NOT NULL, -- seconds
    latest_offset     integer NOT NULL,
    metric_id         smallint NOT NULL,
    source_ids        text NOT NULL, -- of the samples that answer, separated by blanks
    hours             bytea, -- see store.PackHours
    PRIMARY KEY (user_id, metric_id, date)
);

-- One row per user and metric: its latest sample, whole.
CREATE TABLE latest_values (
    user_id     uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value       double precision,
    minimum     double precision,
    maximum     double precision,
    systolic    double precision,
    diastolic   double precision,
    grain       integer NOT NULL,
    source_id   integer NOT NULL,
    utc_offset  integer NOT NULL,
    metric_id   smallint NOT NULL,
    per_source  boolean NOT NULL,
    attributes  text NOT NULL,
    PRIMARY KEY (user_id, metric_id)
);

-- The order of sources a user has set. version counts the changes; the days follow the one in followed.
CREATE TABLE source_orders (
    user_id  uuid PRIMARY KEY,
    sources  text NOT NULL, -- JSON object, see health.SourceOrder
    version  bigint NOT NULL,
    followed bigint NOT NULL
);

-- Whether the answers that servers remember together may be believed: one row. They are not from distrusted_since to
-- distrusted_until, by the clock of the database.
CREATE TABLE trust (
    only_row         boolean PRIMARY KEY CHECK (only_row),
    epoch            bigint NOT NULL,
    distrusted_since timestamptz NOT NULL,
    distrusted_until timestamptz NOT NULL
);
INSERT INTO trust VALUES (true, 0, '1970-01-01Z', '1970-01-01Z');

-- Findings that a person should know of. Filled by the part of the server that raises alerts. Of one fingerprint there is
-- at most one alert that is not resolved.
CREATE TABLE alerts (
    user_id         uuid NOT NULL,
    id              uuid NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    acknowledged_at timestamptz,
    resolved_at     timestamptz,
    occurrences     integer NOT NULL,
    fingerprint     text COLLATE "C" NOT NULL,
    kind            text NOT NULL,
    severity        text NOT NULL,
    message         text NOT NULL,
    details         jsonb NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE UNIQUE INDEX alerts_open ON alerts (user_id, fingerprint) WHERE resolved_at IS NULL;

-- The samples with their names, for people, psql and dashboards. started_at is right but for summaries of days that did
-- not begin at a midnight; a condition on recorded_at reads only the partitions it needs.
CREATE VIEW heart_rate AS
SELECT h.user_id, m.name AS metric, m.unit, h.recorded_at, h.ended_at,
       CASE WHEN h.grain >= 86400 THEN h.recorded_at - make_interval(secs => h.utc_offset) ELSE h.recorded_at END AS started_at,
       CASE WHEN h.grain >= 86400 THEN (h.recorded_at AT TIME ZONE 'UTC')::date
            ELSE ((h.recorded_at + make_interval(secs => h.utc_offset)) AT TIME ZONE 'UTC')::date END AS local_date,
       h.grain, h.average, h.minimum, h.maximum, s.name AS source, h.received_at, h.attributes
FROM heart_rate_metrics h
JOIN metric_names m ON m.id = h.metric_id
LEFT JOIN sources s ON s.id = h.source_id;

CREATE VIEW blood_pressure AS
SELECT b.user_id, m.name AS metric, m.unit, b.recorded_at, b.ended_at,
       CASE WHEN b.grain >= 86400 THEN b.recorded_at - make_interval(secs => b.utc_offset) ELSE b.recorded_at END AS started_at,
       CASE WHEN b.grain >= 86400 THEN (b.recorded_at AT TIME ZONE 'UTC')::date
            ELSE ((b.recorded_at + make_interval(secs => b.utc_offset)) AT TIME ZONE 'UTC')::date END AS local_date,
       b.grain, b.systolic, b.diastolic, s.name AS source, b.received_at, b.attributes
FROM blood_pressure_metrics b
JOIN metric_names m ON m.id = b.metric_id
LEFT JOIN sources s ON s.id = b.source_id;

CREATE VIEW activity AS
SELECT a.user_id, m.name AS metric, m.unit, a.recorded_at, a.ended_at,
       CASE WHEN a.grain >= 86400 THEN a.recorded_at - make_interval(secs => a.utc_offset) ELSE a.recorded_at END AS started_at,
       CASE WHEN a.grain >= 86400 THEN (a.recorded_at AT TIME ZONE 'UTC')::date
            ELSE ((a.recorded_at + make_interval(secs => a.utc_offset)) AT TIME ZONE 'UTC')::date END AS local_date,
       a.grain, a.value, s.name AS source, a.received_at, a.attributes
FROM activity_metrics a
JOIN metric_names m ON m.id = a.metric_id
LEFT JOIN sources s ON s.id = a.source_id;

CREATE VIEW quantities AS
SELECT q.user_id, m.name AS metric, m.unit, q.recorded_at, q.ended_at,
       CASE WHEN q.grain >= 86400 THEN q.recorded_at - make_interval(secs => q.utc_offset) ELSE q.recorded_at END AS started_at,
       CASE WHEN q.grain >= 86400 THEN (q.recorded_at AT TIME ZONE 'UTC')::date
            ELSE ((q.recorded_at + make_interval(secs => q.utc_offset)) AT TIME ZONE 'UTC')::date END AS local_date,
       q.grain, q.value, s.name AS source, q.received_at, q.attributes
FROM quantity_metrics q
JOIN metric_names m ON m.id = q.metric_id
LEFT JOIN sources s ON s.id = q.source_id;

-- What each local day comes to. total means something only of metrics whose values add up.
CREATE VIEW daily_summary AS
SELECT d.user_id, m.name AS metric, m.unit, d.date, d.sum AS total,
       CASE WHEN d.weight > 0 THEN d.sum / d.weight END AS average, d.minimum, d.maximum, d.last_value,
       CASE WHEN d.systolic_weight > 0 THEN d.systolic_sum / d.systolic_weight END AS systolic,
       CASE WHEN d.diastolic_weight > 0 THEN d.diastolic_sum / d.diastolic_weight END AS diastolic,
       d.count, d.grain,
       (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM sources s
        WHERE s.id = ANY (string_to_array(d.source_ids, ' ')::integer[])) AS sources
FROM daily_summaries d
JOIN metric_names m ON m.id = d.metric_id;

CREATE VIEW latest AS
SELECT l.user_id, m.name AS metric, m.unit, l.started_at, l.ended_at, l.grain, l.value, l.minimum, l.maximum,
       l.systolic, l.diastolic, s.name AS source, l.received_at, l.attributes
FROM latest_values l
JOIN metric_names m ON m.id = l.metric_id
LEFT JOIN sources s ON s.id = l.source_id;

CREATE VIEW sleep AS
SELECT user_id, date, source, sleep_start, sleep_end, in_bed_start, in_bed_end,
       total, asleep, core, deep, rem, awake, in_bed, received_at, attributes
FROM sleep_metrics;

CREATE VIEW sleep_stages AS
SELECT user_id, started_at, ended_at, stage, source, attributes
FROM sleep_segments;

-- Where Citus is installed, the tables are spread over its nodes by user; what all users share is copied to every node.
-- api_key_use, erased_keys and trust stay on the coordinator.

-- +goose StatementBegin
DO $$
DECLARE
    spread text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    EXECUTE $q$SELECT create_reference_table('users')$q$;
    EXECUTE $q$SELECT create_reference_table('api_keys')$q$;
    EXECUTE $q$SELECT create_reference_table('metric_names')$q$;
    EXECUTE $q$SELECT create_reference_table('sources')$q$;
    EXECUTE $q$SELECT create_distributed_table('metric_totals', 'user_id', shard_count => 32, colocate_with => 'none')$q$;
    FOREACH spread IN ARRAY ARRAY['raw_ingestions', 'raw_bodies', 'audit_log', 'heart_rate_metrics',
        'blood_pressure_metrics', 'activity_metrics', 'quantity_metrics', 'sleep_metrics', 'sleep_segments', 'workouts',
        'workout_series', 'workout_routes', 'events', 'ecg_recordings', 'daily_summaries', 'latest_values', 'source_orders',
        'alerts']
    LOOP
        EXECUTE format('SELECT create_distributed_table(%L, %L, colocate_with => %L)', spread, 'user_id', 'metric_totals');
    END LOOP;
END
$$;
-- +goose StatementEnd
