-- Who may do what only one server at a time does, see store.Leases. A few rows, one per job. On Citus the table stays on
-- the coordinator, as trust does: every server asks there.

-- +goose Up

CREATE TABLE leases (
    name         text COLLATE "C" PRIMARY KEY,
    owner        text NOT NULL,        -- who holds it, or held it last
    held_until   timestamptz NOT NULL, -- by the clock of the database
    paused_until timestamptz NOT NULL  -- until then only owner can acquire it
);
