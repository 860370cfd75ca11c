-- What counting needs to know of bodies; see docs/adr/0019.

-- +goose Up

-- Order of bodies.

-- received_order is health.Ingestion.Order; NULL is received_at, in ingestions of earlier versions.
ALTER TABLE raw_ingestions ADD COLUMN received_order INTEGER;

-- In the tables of samples, and in all others that have it, received is health.Sample.Order. health.Sample.AsOf, where it
-- is not the same, is in other_values, as microseconds after it. zone_assumed is health.Sample.ZoneAssumed.
ALTER TABLE heart_rate_metrics ADD COLUMN zone_assumed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blood_pressure_metrics ADD COLUMN zone_assumed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activity_metrics ADD COLUMN zone_assumed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quantity_metrics ADD COLUMN zone_assumed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE latest_values ADD COLUMN as_of INTEGER; -- NULL where it is received
ALTER TABLE latest_values ADD COLUMN zone_assumed INTEGER NOT NULL DEFAULT 0;

-- The order that was given to a user's bodies last.
CREATE TABLE body_orders (
    user_id    INTEGER PRIMARY KEY,
    last_order INTEGER NOT NULL
) STRICT;
INSERT INTO body_orders SELECT user_id, max(received_at) FROM raw_ingestions GROUP BY user_id;

-- The bodies that are still arriving: they have an order, and no ingestion yet.
CREATE TABLE arriving_bodies (
    user_id        INTEGER NOT NULL,
    received_order INTEGER NOT NULL,
    PRIMARY KEY (user_id, received_order)
) STRICT, WITHOUT ROWID;

-- Bodies that could not be read, and that may be processed again.
CREATE INDEX raw_ingestions_unread ON raw_ingestions (user_id, id) WHERE status IN ('failed', 'unrecognised');

-- Devices of sources.

-- Which devices recorded the samples of a source, and the starts of the earliest and the latest of those; see
-- health.SourceDevice.
CREATE TABLE source_devices (
    user_id    INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    hardware   TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (user_id, source, model, hardware)
) STRICT, WITHOUT ROWID;

-- Evidence for a grain.

-- inferred is health.Sample.Inferred: a reading that a summary of the same start and value replaces. The indexes have only
-- those, which are few.
ALTER TABLE heart_rate_metrics ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blood_pressure_metrics ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activity_metrics ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quantity_metrics ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0;
CREATE INDEX heart_rate_metrics_inferred ON heart_rate_metrics (user_id, metric_id, key_time) WHERE inferred = 1;
CREATE INDEX blood_pressure_metrics_inferred ON blood_pressure_metrics (user_id, metric_id, key_time) WHERE inferred = 1;
CREATE INDEX activity_metrics_inferred ON activity_metrics (user_id, metric_id, key_time) WHERE inferred = 1;
CREATE INDEX quantity_metrics_inferred ON quantity_metrics (user_id, metric_id, key_time) WHERE inferred = 1;

-- Spans and days.

-- What bodies spoke for, see health.Span. A span is deleted when a later one supersedes it.
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

-- The days are summed up anew, by other rules than before, in the background.
ALTER TABLE daily_summaries ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_summaries ADD COLUMN unplaced REAL;
UPDATE daily_summaries SET hours = NULL;
INSERT INTO source_orders (user_id, sources, version, followed)
    SELECT DISTINCT user_id, '{}', 0, 0 FROM daily_summaries WHERE true ON CONFLICT DO NOTHING;
UPDATE source_orders SET version = version + 1;

-- Sleep: the offset at the other end, and in which bodies the fields of a night came.
ALTER TABLE sleep_metrics ADD COLUMN start_offset INTEGER; -- seconds; NULL: as utc_offset, which is that of the end
ALTER TABLE sleep_metrics ADD COLUMN field_orders TEXT; -- JSON object, or ''; see health.Night. NULL: not known
ALTER TABLE sleep_segments ADD COLUMN end_offset INTEGER; -- NULL: as utc_offset, which is that of the start
ALTER TABLE workouts ADD COLUMN end_offset INTEGER; -- as that of a segment

-- Sleep: a night that was dated by another time than its end gets the date of health.DateOfSleep.
UPDATE sleep_metrics SET date = max(
    floor((CASE WHEN sleep_start <> 0 AND sleep_end <> 0 THEN sleep_end ELSE in_bed_end END + utc_offset * 1000000) / 86400000000.0),
    floor((CASE WHEN sleep_start <> 0 AND sleep_end <> 0 THEN sleep_start ELSE in_bed_start END + (utc_offset + 21600) * 1000000) / 86400000000.0))
WHERE sleep_start <> 0 AND sleep_end <> 0 OR in_bed_start <> 0 AND in_bed_end <> 0;

-- Sleep: what a user has set, see aggregate.SleepRule.
CREATE TABLE sleep_rules (
    user_id INTEGER PRIMARY KEY,
    gap     INTEGER NOT NULL -- microseconds
) STRICT;
