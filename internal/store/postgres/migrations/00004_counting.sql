-- How things are counted: what the rules need to know besides.

-- +goose Up

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
    PERFORM create_distributed_table('sleep_rules', 'user_id', colocate_with => 'metric_totals');
END
$$;
-- +goose StatementEnd
