-- Who may do what only one process at a time does, see store.Leases.

-- +goose Up

CREATE TABLE leases (
    name         TEXT    NOT NULL PRIMARY KEY,
    owner        TEXT    NOT NULL, -- who holds it, or held it last
    held_until   INTEGER NOT NULL,
    paused_until INTEGER NOT NULL  -- until then only owner can acquire it
) STRICT, WITHOUT ROWID;
