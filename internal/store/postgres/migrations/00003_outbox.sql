-- Messages to destinations outside, and who is delivering to which of them; see store.Outbox. Both tables are spread by
-- user, next to what the messages are made of, so that a message can be written in the transaction of what it tells of.
-- Those of the server itself have a user_id of all zeros.

-- +goose Up

-- One row per destination. It is locked by whoever enqueues, claims or records, which puts the messages of a destination
-- in one order, that of the commits.
CREATE TABLE outbox_destinations (
    user_id       uuid NOT NULL,
    due_at        timestamptz,          -- that of the first message that waits, NULL where none does
    claimed_until timestamptz NOT NULL, -- by the clock of the database
    last_number   bigint NOT NULL,      -- of the message enqueued last
    claim         uuid,                 -- of the worker that delivers, NULL for nobody
    kind          text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, kind, name)
);

CREATE INDEX outbox_destinations_due ON outbox_destinations (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE outbox_messages (
    user_id     uuid NOT NULL,
    id          uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    finished_at timestamptz, -- when it was delivered or died
    number      bigint NOT NULL, -- the order within a destination; not without gaps
    attempts    integer NOT NULL,
    state       text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    kind        text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    dedupe_key  text COLLATE "C" NOT NULL,
    failure     text NOT NULL, -- code of the last attempt that failed, or ''
    payload     bytea NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE UNIQUE INDEX outbox_messages_once ON outbox_messages (user_id, kind, destination, dedupe_key);
CREATE INDEX outbox_messages_waiting ON outbox_messages (user_id, kind, destination, number) WHERE state = 'waiting';
CREATE INDEX outbox_messages_dead ON outbox_messages (user_id, id) WHERE state = 'dead';
CREATE INDEX outbox_messages_finished ON outbox_messages (finished_at) WHERE finished_at IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE
    spread text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    FOREACH spread IN ARRAY ARRAY['outbox_destinations', 'outbox_messages']
    LOOP
        EXECUTE format('SELECT create_distributed_table(%L, %L, colocate_with => %L)', spread, 'user_id', 'metric_totals');
    END LOOP;
END
$$;
-- +goose StatementEnd
