-- What counting needs to know of bodies; see docs/adr/0019.

-- +goose Up

-- Order of bodies.

-- received_order is health.Ingestion.Order, in microseconds; NULL is received_at, in ingestions of earlier versions.
ALTER TABLE raw_ingestions ADD COLUMN received_order bigint;

-- In the tables of samples, and where else there is a received_at beside a row that came with a body (sleep_metrics,
-- workouts, events, ecg_recordings, latest_values), received_at is health.Sample.Order as a time. health.Sample.AsOf, where
-- it is not the same, is in other_values, as microseconds after it.
--
-- zone_assumed is health.Sample.ZoneAssumed. It stands where a row was padded; a column that may be NULL would have made
-- every row eight bytes longer.
ALTER TABLE heart_rate_metrics ADD COLUMN zone_assumed boolean NOT NULL DEFAULT false;
ALTER TABLE blood_pressure_metrics ADD COLUMN zone_assumed boolean NOT NULL DEFAULT false;
ALTER TABLE activity_metrics ADD COLUMN zone_assumed boolean NOT NULL DEFAULT false;
ALTER TABLE quantity_metrics ADD COLUMN zone_assumed boolean NOT NULL DEFAULT false;
ALTER TABLE latest_values ADD COLUMN as_of timestamptz, ADD COLUMN zone_assumed boolean; -- NULL: received_at, false

-- The order that was given to a user's bodies last, and which of them are still arriving: they have an order, and no
-- ingestion yet.
CREATE TABLE body_orders (
    user_id    uuid PRIMARY KEY,
    last_order bigint NOT NULL,
    arriving   bigint[] NOT NULL
);

-- Bodies that could not be read, and that may be processed again.
CREATE INDEX raw_ingestions_unread ON raw_ingestions (user_id, id) WHERE status IN ('failed', 'unrecognised');

-- Spans and days.

-- What bodies spoke for, see health.Span. A span is deleted when a later one supersedes it.
CREATE TABLE spans (
    user_id        uuid NOT NULL,
    to_time        timestamptz NOT NULL, -- in key times, as those of samples
    from_time      timestamptz NOT NULL,
    received_order timestamptz NOT NULL,
    as_of          timestamptz NOT NULL,
    ingestion_id   uuid NOT NULL,
    grain          integer NOT NULL CHECK (grain > 0),
    metric_id      smallint NOT NULL,
    session        text COLLATE "C" NOT NULL, -- of the app, or the ingestion
    gaps           bytea, -- absent buckets, see backend.PackGaps
    PRIMARY KEY (user_id, metric_id, to_time, from_time, grain, session)
);

-- Devices of sources.

-- Which devices recorded the samples of a source, and the starts of the earliest and the latest of those; see
-- health.SourceDevice.
CREATE TABLE source_devices (
    user_id    uuid NOT NULL,
    source     text COLLATE "C" NOT NULL,
    model      text COLLATE "C" NOT NULL,
    hardware   text COLLATE "C" NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (user_id, source, model, hardware)
);

-- Sleep: the offset at the other end, and in which bodies the fields of a night came.
ALTER TABLE sleep_metrics ADD COLUMN start_offset integer; -- seconds; NULL: as utc_offset, which is that of the end
ALTER TABLE sleep_metrics ADD COLUMN field_orders text; -- JSON object, or ''; see health.Night. NULL: not known
ALTER TABLE sleep_segments ADD COLUMN end_offset integer; -- NULL: as utc_offset, which is that of the start
ALTER TABLE workouts ADD COLUMN end_offset integer; -- as that of a segment

-- Sleep: a night that was dated by another time than its end gets the date of health.DateOfSleep.
UPDATE sleep_metrics SET date = greatest(
    ((CASE WHEN sleep_start IS NOT NULL AND sleep_end IS NOT NULL THEN sleep_end ELSE in_bed_end END
        + make_interval(secs => utc_offset)) AT TIME ZONE 'UTC')::date,
    ((CASE WHEN sleep_start IS NOT NULL AND sleep_end IS NOT NULL THEN sleep_start ELSE in_bed_start END
        + make_interval(secs => utc_offset + 21600)) AT TIME ZONE 'UTC')::date)
WHERE (sleep_start IS NOT NULL AND sleep_end IS NOT NULL OR in_bed_start IS NOT NULL AND in_bed_end IS NOT NULL)
    AND date <> greatest(
    ((CASE WHEN sleep_start IS NOT NULL AND sleep_end IS NOT NULL THEN sleep_end ELSE in_bed_end END
        + make_interval(secs => utc_offset)) AT TIME ZONE 'UTC')::date,
    ((CASE WHEN sleep_start IS NOT NULL AND sleep_end IS NOT NULL THEN sleep_start ELSE in_bed_start END
        + make_interval(secs => utc_offset + 21600)) AT TIME ZONE 'UTC')::date);

-- Sleep: the total of a night is that of health.Night.TotalSleep.
CREATE OR REPLACE VIEW sleep AS
SELECT user_id, date, source, sleep_start, sleep_end, in_bed_start, in_bed_end,
       CASE WHEN total IS NOT NULL THEN total
            WHEN core IS NOT NULL OR deep IS NOT NULL OR rem IS NOT NULL THEN coalesce(core, 0) + coalesce(deep, 0) + coalesce(rem, 0)
            ELSE asleep END AS total,
       asleep, core, deep, rem, awake, in_bed, received_at, attributes
FROM sleep_metrics;

-- Sleep: what a user has set, see aggregate.SleepRule.
CREATE TABLE sleep_rules (
    user_id uuid PRIMARY KEY,
    gap     bigint NOT NULL -- microseconds
);

-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    EXECUTE $q$SELECT create_distributed_table('body_orders', 'user_id', colocate_with => 'metric_totals')$q$;
    EXECUTE $q$SELECT create_distributed_table('spans', 'user_id', colocate_with => 'metric_totals')$q$;
    EXECUTE $q$SELECT create_distributed_table('sleep_rules', 'user_id', colocate_with => 'metric_totals')$q$;
    EXECUTE $q$SELECT create_distributed_table('source_devices', 'user_id', colocate_with => 'metric_totals')$q$;
END
$$;
-- +goose StatementEnd

INSERT INTO body_orders (user_id, last_order, arriving)
SELECT user_id, (extract(epoch FROM max(received_at)) * 1000000)::bigint, '{}' FROM raw_ingestions GROUP BY user_id;

-- Evidence for a grain.

-- inferred is health.Sample.Inferred: a reading that a summary of the same start and value replaces. The indexes have only
-- those, which are few. It stands where a row was padded, as zone_assumed does.
ALTER TABLE heart_rate_metrics ADD COLUMN inferred boolean NOT NULL DEFAULT false;
ALTER TABLE blood_pressure_metrics ADD COLUMN inferred boolean NOT NULL DEFAULT false;
ALTER TABLE activity_metrics ADD COLUMN inferred boolean NOT NULL DEFAULT false;
ALTER TABLE quantity_metrics ADD COLUMN inferred boolean NOT NULL DEFAULT false;
CREATE INDEX heart_rate_metrics_inferred ON heart_rate_metrics (user_id, metric_id, recorded_at) WHERE inferred;
CREATE INDEX blood_pressure_metrics_inferred ON blood_pressure_metrics (user_id, metric_id, recorded_at) WHERE inferred;
CREATE INDEX activity_metrics_inferred ON activity_metrics (user_id, metric_id, recorded_at) WHERE inferred;
CREATE INDEX quantity_metrics_inferred ON quantity_metrics (user_id, metric_id, recorded_at) WHERE inferred;

-- The days are summed up anew, by other rules than before, in the background.
ALTER TABLE daily_summaries ADD COLUMN settled integer NOT NULL DEFAULT 0;
ALTER TABLE daily_summaries ADD COLUMN unplaced double precision;
UPDATE daily_summaries SET hours = NULL;
INSERT INTO source_orders (user_id, sources, version, followed)
    SELECT DISTINCT user_id, '{}', 0, 0 FROM daily_summaries ON CONFLICT DO NOTHING;
UPDATE source_orders SET version = version + 1;
