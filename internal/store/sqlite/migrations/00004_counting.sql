-- +goose Up

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
