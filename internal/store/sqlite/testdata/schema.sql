CREATE TABLE activity_metrics (
    user_id          INTEGER NOT NULL,
    metric_id        INTEGER NOT NULL,
    key_time         INTEGER NOT NULL,
    grain            INTEGER NOT NULL CHECK (grain >= 0),
    length           INTEGER NOT NULL,
    source_id        INTEGER NOT NULL,
    per_source       INTEGER NOT NULL,
    value            REAL,
    merged_source_id INTEGER NOT NULL,
    start_shift      INTEGER NOT NULL,
    utc_offset       INTEGER NOT NULL,
    received         INTEGER NOT NULL,
    attributes       TEXT,
    other_values     TEXT, zone_assumed INTEGER NOT NULL DEFAULT 0, inferred INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, metric_id, key_time, grain, length, source_id, per_source)
) STRICT, WITHOUT ROWID;

CREATE INDEX activity_metrics_inferred ON activity_metrics (user_id, metric_id, key_time) WHERE inferred = 1;

CREATE TABLE api_key_use (
    key_id       TEXT    NOT NULL PRIMARY KEY,
    last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL, -- separated by blanks
    tier       TEXT    NOT NULL,
    hash       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL -- may lie ahead
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at, id);

CREATE INDEX api_keys_revoked ON api_keys (revoked_at) WHERE revoked_at > 0;

CREATE TABLE arriving_bodies (
    user_id        INTEGER NOT NULL,
    received_order INTEGER NOT NULL,
    PRIMARY KEY (user_id, received_order)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_log (
    user_id     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    id          BLOB    NOT NULL PRIMARY KEY,
    key_id      TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    address     TEXT    NOT NULL, -- '' where there is none
    user_agent  TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    metadata    TEXT    NOT NULL  -- JSON object
) STRICT;

CREATE INDEX audit_log_of_user ON audit_log (user_id, recorded_at, id);

CREATE INDEX audit_log_recorded ON audit_log (recorded_at, id);

CREATE TABLE blood_pressure_metrics (
    user_id          INTEGER NOT NULL,
    metric_id        INTEGER NOT NULL,
    key_time         INTEGER NOT NULL,
    grain            INTEGER NOT NULL CHECK (grain >= 0),
    length           INTEGER NOT NULL,
    source_id        INTEGER NOT NULL,
    per_source       INTEGER NOT NULL,
    systolic         REAL,
    diastolic        REAL,
    merged_source_id INTEGER NOT NULL,
    start_shift      INTEGER NOT NULL,
    utc_offset       INTEGER NOT NULL,
    received         INTEGER NOT NULL,
    attributes       TEXT,
    other_values     TEXT, zone_assumed INTEGER NOT NULL DEFAULT 0, inferred INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, metric_id, key_time, grain, length, source_id, per_source)
) STRICT, WITHOUT ROWID;

CREATE INDEX blood_pressure_metrics_inferred ON blood_pressure_metrics (user_id, metric_id, key_time) WHERE inferred = 1;

CREATE TABLE body_orders (
    user_id    INTEGER PRIMARY KEY,
    last_order INTEGER NOT NULL
) STRICT;

CREATE TABLE daily_summaries (
    user_id           INTEGER NOT NULL,
    metric_id         INTEGER NOT NULL,
    date              INTEGER NOT NULL, -- days since 1970-01-01
    grain             INTEGER NOT NULL, -- of the samples that answer
    count             INTEGER NOT NULL, -- how many those are
    sum               REAL    NOT NULL, -- a total where values add up, else what the mean is made of
    weight            INTEGER NOT NULL, -- how many values make the sum
    minimum           REAL,
    maximum           REAL,
    last_value        REAL,
    last_start        INTEGER,
    systolic_sum      REAL,
    systolic_weight   INTEGER,
    systolic_minimum  REAL,
    systolic_maximum  REAL,
    diastolic_sum     REAL,
    diastolic_weight  INTEGER,
    diastolic_minimum REAL,
    diastolic_maximum REAL,
    earliest          INTEGER NOT NULL,
    latest            INTEGER NOT NULL,
    earliest_offset   INTEGER NOT NULL,
    latest_offset     INTEGER NOT NULL,
    sources           TEXT    NOT NULL, -- ids, separated by blanks
    hours             BLOB, settled INTEGER, unplaced REAL, -- see store.PackHours
    PRIMARY KEY (user_id, metric_id, date)
) STRICT, WITHOUT ROWID;

CREATE TABLE ecg_recordings (
    user_id            INTEGER NOT NULL,
    start_time         INTEGER NOT NULL,
    end_time           INTEGER NOT NULL,
    utc_offset         INTEGER NOT NULL,
    source             TEXT    NOT NULL,
    classification     TEXT    NOT NULL,
    severity           TEXT    NOT NULL,
    average_heart_rate REAL,
    sampling_frequency REAL, -- hertz
    unit               TEXT    NOT NULL,
    attributes         TEXT    NOT NULL,
    received           INTEGER NOT NULL,
    voltages           BLOB    NOT NULL,
    PRIMARY KEY (user_id, start_time)
) STRICT;

CREATE TABLE erased_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    user_id    INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    app_id     TEXT    NOT NULL,
    key_name   TEXT    NOT NULL,
    key_start  INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    start_time INTEGER NOT NULL,
    end_time   INTEGER NOT NULL,
    utc_offset INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    attributes TEXT    NOT NULL,
    received   INTEGER NOT NULL,
    PRIMARY KEY (user_id, kind, app_id, key_name, key_start, digest)
) STRICT;

CREATE INDEX events_in_order ON events (user_id, start_time, kind, name, app_id, digest);

CREATE TABLE heart_rate_metrics (
    user_id          INTEGER NOT NULL,
    metric_id        INTEGER NOT NULL,
    key_time         INTEGER NOT NULL,
    grain            INTEGER NOT NULL CHECK (grain >= 0),
    length           INTEGER NOT NULL,
    source_id        INTEGER NOT NULL,
    per_source       INTEGER NOT NULL,
    average          REAL,
    minimum          REAL,
    maximum          REAL,
    merged_source_id INTEGER NOT NULL,
    start_shift      INTEGER NOT NULL,
    utc_offset       INTEGER NOT NULL, -- seconds
    received         INTEGER NOT NULL, -- when the body that said this had arrived
    attributes       TEXT,             -- JSON object
    other_values     TEXT, zone_assumed INTEGER NOT NULL DEFAULT 0, inferred INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, metric_id, key_time, grain, length, source_id, per_source)
) STRICT, WITHOUT ROWID;

CREATE INDEX heart_rate_metrics_inferred ON heart_rate_metrics (user_id, metric_id, key_time) WHERE inferred = 1;

CREATE TABLE latest_values (
    user_id    INTEGER NOT NULL,
    metric_id  INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time   INTEGER NOT NULL,
    utc_offset INTEGER NOT NULL,
    grain      INTEGER NOT NULL,
    per_source INTEGER NOT NULL,
    source_id  INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    value      REAL,
    minimum    REAL,
    maximum    REAL,
    systolic   REAL,
    diastolic  REAL,
    attributes TEXT    NOT NULL, as_of INTEGER, zone_assumed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, metric_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    name         TEXT    NOT NULL PRIMARY KEY,
    owner        TEXT    NOT NULL, -- who holds it, or held it last
    held_until   INTEGER NOT NULL,
    paused_until INTEGER NOT NULL  -- until then only owner can acquire it
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_names (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    unit    TEXT NOT NULL,
    kept_in TEXT NOT NULL CHECK (kept_in IN
        ('heart_rate_metrics', 'blood_pressure_metrics', 'activity_metrics', 'quantity_metrics')),
    UNIQUE (name, unit)
) STRICT;

CREATE TABLE metric_totals (
    user_id   INTEGER NOT NULL,
    metric_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    grain     INTEGER NOT NULL,
    samples   INTEGER NOT NULL,
    PRIMARY KEY (user_id, metric_id, source_id, grain)
) STRICT, WITHOUT ROWID;

CREATE INDEX metric_totals_by_source ON metric_totals (source_id);

CREATE TABLE outbox_destinations (
    user_id       INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    due_at        INTEGER NOT NULL, -- that of the first message that waits, 0 where none does
    claim         BLOB, -- of the worker that delivers, NULL for nobody
    claimed_until INTEGER NOT NULL,
    last_number   INTEGER NOT NULL, -- of the message enqueued last
    PRIMARY KEY (user_id, kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_destinations_due ON outbox_destinations (due_at) WHERE due_at > 0;

CREATE TABLE outbox_messages (
    user_id     INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    kind        TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    dedupe_key  TEXT    NOT NULL,
    number      INTEGER NOT NULL, -- the order within a destination; not without gaps
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    finished_at INTEGER NOT NULL, -- when it was delivered or died, 0 while it waits
    attempts    INTEGER NOT NULL,
    failure     TEXT    NOT NULL, -- code of the last attempt that failed, or ''
    payload     BLOB    NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT;

CREATE INDEX outbox_messages_dead ON outbox_messages (user_id, id) WHERE state = 'dead';

CREATE INDEX outbox_messages_finished ON outbox_messages (finished_at) WHERE finished_at > 0;

CREATE UNIQUE INDEX outbox_messages_once ON outbox_messages (user_id, kind, destination, dedupe_key);

CREATE INDEX outbox_messages_waiting ON outbox_messages (user_id, kind, destination, number) WHERE state = 'waiting';

CREATE TABLE quantity_metrics (
    user_id          INTEGER NOT NULL,
    metric_id        INTEGER NOT NULL,
    key_time         INTEGER NOT NULL,
    grain            INTEGER NOT NULL CHECK (grain >= 0),
    length           INTEGER NOT NULL,
    source_id        INTEGER NOT NULL,
    per_source       INTEGER NOT NULL,
    value            REAL,
    merged_source_id INTEGER NOT NULL,
    start_shift      INTEGER NOT NULL,
    utc_offset       INTEGER NOT NULL,
    received         INTEGER NOT NULL,
    attributes       TEXT,
    other_values     TEXT, zone_assumed INTEGER NOT NULL DEFAULT 0, inferred INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, metric_id, key_time, grain, length, source_id, per_source)
) STRICT, WITHOUT ROWID;

CREATE INDEX quantity_metrics_inferred ON quantity_metrics (user_id, metric_id, key_time) WHERE inferred = 1;

CREATE TABLE raw_bodies (
    ingestion_id BLOB    NOT NULL,
    piece        INTEGER NOT NULL, -- from 0
    bytes        BLOB    NOT NULL,
    PRIMARY KEY (ingestion_id, piece)
) STRICT;

CREATE TABLE raw_ingestions (
    id            BLOB    NOT NULL UNIQUE,
    user_id       INTEGER NOT NULL,
    key_id        TEXT    NOT NULL,
    received_at   INTEGER NOT NULL,
    headers       TEXT    NOT NULL, -- JSON object
    size          INTEGER NOT NULL,
    wire_size     INTEGER NOT NULL,
    stored_size   INTEGER NOT NULL,
    sha256        BLOB    NOT NULL,
    format        TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    finished_at   INTEGER NOT NULL,
    failure       TEXT    NOT NULL,
    failure_code  TEXT    NOT NULL,
    duration      INTEGER NOT NULL, -- nanoseconds
    owner         TEXT    NOT NULL, -- who holds the claim, '' for nobody
    claimed_until INTEGER NOT NULL,
    spool         TEXT    NOT NULL, -- the directory in which the body waits, '' where it is archived
    counts        TEXT    NOT NULL, -- JSON array, one entry per kind of element
    warning_count INTEGER NOT NULL,
    -- Last, because they may be long and a listing does not read them.
    errors        TEXT    NOT NULL, -- JSON array
    warnings      TEXT    NOT NULL, -- JSON array
    types         TEXT    NOT NULL  -- JSON array, one entry per type of element, of imports
, received_order INTEGER) STRICT;

CREATE INDEX raw_ingestions_of_user ON raw_ingestions (user_id, id);

CREATE INDEX raw_ingestions_received ON raw_ingestions (received_at, user_id);

CREATE INDEX raw_ingestions_unfinished ON raw_ingestions (user_id, id, claimed_until) WHERE status = 'accepted';

CREATE INDEX raw_ingestions_unread ON raw_ingestions (user_id, id) WHERE status IN ('failed', 'unrecognised');

CREATE TABLE sleep_metrics (
    user_id      INTEGER NOT NULL,
    date         INTEGER NOT NULL, -- days since 1970-01-01
    source       TEXT    NOT NULL,
    id           BLOB    NOT NULL,
    sleep_start  INTEGER NOT NULL,
    sleep_end    INTEGER NOT NULL,
    in_bed_start INTEGER NOT NULL,
    in_bed_end   INTEGER NOT NULL,
    utc_offset   INTEGER NOT NULL,
    total        REAL, -- hours, as the six that follow
    asleep       REAL,
    core         REAL,
    deep         REAL,
    rem          REAL,
    awake        REAL,
    in_bed       REAL,
    attributes   TEXT    NOT NULL,
    received     INTEGER NOT NULL, start_offset INTEGER, field_orders TEXT,
    PRIMARY KEY (user_id, date, source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sleep_rules (
    user_id INTEGER PRIMARY KEY,
    gap     INTEGER NOT NULL -- microseconds
) STRICT;

CREATE TABLE sleep_segments (
    user_id    INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time   INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    stage      TEXT    NOT NULL,
    utc_offset INTEGER NOT NULL,
    attributes TEXT    NOT NULL, end_offset INTEGER,
    PRIMARY KEY (user_id, start_time, end_time, source, stage)
) STRICT, WITHOUT ROWID;

CREATE INDEX sleep_segments_by_end ON sleep_segments (user_id, end_time);

CREATE TABLE source_devices (
    user_id    INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    hardware   TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (user_id, source, model, hardware)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_orders (
    user_id  INTEGER PRIMARY KEY,
    sources  TEXT    NOT NULL, -- JSON object, see health.SourceOrder
    version  INTEGER NOT NULL,
    followed INTEGER NOT NULL
) STRICT;

CREATE TABLE sources (
    id   INTEGER PRIMARY KEY CHECK (id > 0),
    name TEXT UNIQUE
) STRICT;

CREATE TABLE spans (
    user_id        INTEGER NOT NULL,
    metric_id      INTEGER NOT NULL,
    to_time        INTEGER NOT NULL, -- in key times, as those of samples
    from_time      INTEGER NOT NULL,
    grain          INTEGER NOT NULL CHECK (grain > 0),
    session        TEXT    NOT NULL, -- of the app, or the ingestion
    received_order INTEGER NOT NULL,
    as_of          INTEGER NOT NULL,
    ingestion_id   BLOB    NOT NULL,
    gaps           BLOB, -- absent buckets, see backend.PackGaps
    PRIMARY KEY (user_id, metric_id, to_time, from_time, grain, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE trust (
    only_row         INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch            INTEGER NOT NULL,
    distrusted_since INTEGER NOT NULL,
    distrusted_until INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid         BLOB    NOT NULL UNIQUE,
    email        TEXT    NOT NULL,
    email_folded TEXT    NOT NULL UNIQUE, -- lower case
    name         TEXT    NOT NULL,
    time_zone    TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    erased_at    INTEGER NOT NULL DEFAULT 0 -- what was received until then is not stored any more
) STRICT;

CREATE TABLE workout_routes (
    user_id         INTEGER NOT NULL,
    workout_id      BLOB    NOT NULL,
    south           REAL    NOT NULL,
    west            REAL    NOT NULL,
    north           REAL    NOT NULL,
    east            REAL    NOT NULL,
    first_latitude  REAL    NOT NULL,
    first_longitude REAL    NOT NULL,
    reach           REAL    NOT NULL,
    points          BLOB    NOT NULL,
    PRIMARY KEY (user_id, workout_id)
) STRICT;

CREATE TABLE workout_series (
    user_id    INTEGER NOT NULL,
    workout_id BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    points     BLOB    NOT NULL,
    PRIMARY KEY (user_id, workout_id, name)
) STRICT;

CREATE TABLE workouts (
    user_id     INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    app_id      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    name_folded TEXT    NOT NULL, -- lower case
    start_time  INTEGER NOT NULL,
    end_time    INTEGER NOT NULL,
    utc_offset  INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    duration    REAL, -- seconds
    quantities  TEXT    NOT NULL, -- JSON object
    attributes  TEXT    NOT NULL,
    received    INTEGER NOT NULL, end_offset INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT;

CREATE UNIQUE INDEX workouts_by_app_id ON workouts (user_id, app_id) WHERE app_id <> '';

CREATE INDEX workouts_by_start ON workouts (user_id, start_time, id);
