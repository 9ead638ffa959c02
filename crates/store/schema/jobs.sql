-- Work that a change asked for and that is done after it: written by the transaction of that change, so that
-- it is asked for if and only if the change was made. A row goes when its work is done.
CREATE TABLE job (
    id bigint NOT NULL PRIMARY KEY, -- a random number below 2^53
    queue text NOT NULL, -- what kind of work it is; each kind has a queue of its own
    payload text NOT NULL, -- what to do, as JSON
    dedupe_key text, -- of waiting jobs of one queue with the same key there is one; NULL: as many as are asked for
    run_at bigint NOT NULL, -- waiting: not before this time; dead: since when; milliseconds since 1970
    priority bigint NOT NULL DEFAULT 1 CHECK (priority IN (0, 1, 2)), -- 0 before 1 before 2
    attempts bigint NOT NULL DEFAULT 0, -- how often it was begun
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'dead')), -- waiting, running, or dead: tried too often, kept for an administrator
    claimed_by text, -- running: the node that does it
    claimed_until bigint, -- running: when another node may take it over, because its node no longer extends this
    created_at bigint NOT NULL, -- when it was asked for, milliseconds since 1970
    account_id bigint, -- the account it is for, if it is for one
    last_error text -- why the last attempt failed
) {without_rowid};
CREATE INDEX job_waiting ON job (queue, priority, run_at, id) WHERE state = 'waiting';
CREATE UNIQUE INDEX job_dedupe ON job (queue, dedupe_key) WHERE state = 'waiting' AND dedupe_key IS NOT NULL;
CREATE INDEX job_running ON job (claimed_until, queue) WHERE state = 'running';
CREATE INDEX job_dead ON job (queue, run_at, id) WHERE state = 'dead';
--- postgres
ALTER TABLE job SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
--- end

-- Work that is done again and again: whichever node comes first asks for it.
CREATE TABLE job_every (
    queue text NOT NULL PRIMARY KEY, -- the queue of the work
    every_ms bigint NOT NULL CHECK (every_ms > 0), -- how often: at multiples of this since 1970
    next_at bigint NOT NULL, -- when it is asked for next, milliseconds since 1970
    last_at bigint NOT NULL DEFAULT 0 -- when it was asked for last, milliseconds since 1970; 0: never
) {without_rowid};
