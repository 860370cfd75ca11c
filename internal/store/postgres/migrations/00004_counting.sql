-- +goose Up

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

-- The days are summed up anew, by other rules than before, in the background.
ALTER TABLE daily_summaries ADD COLUMN settled integer NOT NULL DEFAULT 0;
ALTER TABLE daily_summaries ADD COLUMN unplaced double precision;
UPDATE daily_summaries SET hours = NULL;
INSERT INTO source_orders (user_id, sources, version, followed)
    SELECT DISTINCT user_id, '{}', 0, 0 FROM daily_summaries ON CONFLICT DO NOTHING;
UPDATE source_orders SET version = version + 1;

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
        EXECUTE $q$SELECT create_distributed_table('spans', 'user_id', colocate_with => 'metric_totals')$q$;
    END IF;
END
$$;
-- +goose StatementEnd
