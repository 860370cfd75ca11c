-- Messages to destinations outside, and who is delivering to which of them; see store.Outbox. user_id is 0 for those of the
-- server itself.

-- +goose Up

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

CREATE UNIQUE INDEX outbox_messages_once ON outbox_messages (user_id, kind, destination, dedupe_key);
CREATE INDEX outbox_messages_waiting ON outbox_messages (user_id, kind, destination, number) WHERE state = 'waiting';
CREATE INDEX outbox_messages_dead ON outbox_messages (user_id, id) WHERE state = 'dead';
CREATE INDEX outbox_messages_finished ON outbox_messages (finished_at) WHERE finished_at > 0;
