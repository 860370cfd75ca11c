-- How things are counted: what the rules need to know besides.

-- +goose Up

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
