-- A body (the bytes of a message, of a file), stored once in an organisation under the hash of its plain
-- text. A row is written by the transaction that names the body, and lives on while something names it.
CREATE TABLE blob (
    organisation_id bigint NOT NULL, -- the organisation; bodies are never shared across this border
    hash {bytes} NOT NULL, -- BLAKE3 of the plain text, 32 bytes
    size bigint NOT NULL CHECK (size >= 0), -- bytes of the plain text
    container_id bigint NOT NULL, -- where the bytes are (blob_container); 0: in blob_stage
    offset_bytes bigint NOT NULL, -- where its record begins in a pack; 0 elsewhere
    stored_bytes bigint NOT NULL CHECK (stored_bytes >= 0), -- bytes as stored: in a pack without the head of the record, in a container of its own all of it
    encoding bigint NOT NULL, -- 0 plain, 1 zstd, 2 frames of zstd with a table; from 16 on zstd with that blob_dictionary
    touched_at bigint NOT NULL, -- when it was last named or put, milliseconds since 1970: kept for a lease from then on, whatever names it
    PRIMARY KEY (organisation_id, hash)
) {without_rowid};
-- What is in a container, in its order: for compaction and checks.
CREATE INDEX blob_by_container ON blob (container_id, offset_bytes);

-- A file or object that holds bodies. Its id is random and never used again, so that bytes once written
-- under it never change.
CREATE TABLE blob_container (
    id bigint NOT NULL PRIMARY KEY, -- its number; the name of the file or object follows from it
    form text NOT NULL CHECK (form IN ('pack', 'large')), -- pack: many small bodies; large: one body
    place text NOT NULL CHECK (place IN ('disk', 's3')), -- the local disk or the object store
    state text NOT NULL CHECK (state IN ('open', 'sealed', 'dying')), -- open: being written; sealed: complete; dying: nothing is in it any more, its bytes go after a delay
    stored_bytes bigint NOT NULL DEFAULT 0, -- its length, once it is sealed
    dead_bytes bigint NOT NULL DEFAULT 0, -- bytes of records that were removed or moved: what compaction would win
    created_at bigint NOT NULL, -- when it was begun, milliseconds since 1970
    touched_at bigint NOT NULL, -- when it was last known to be written to; nothing is decided about it within a lease from then on
    dying_since bigint -- when it was given up; NULL before
);
-- The few containers in a state, the longest untouched first.
CREATE INDEX blob_container_by_state ON blob_container (state, touched_at);

-- Small bodies on their way to the object store: written by the transaction that names them, moved into
-- packs by a job.
CREATE TABLE blob_stage (
    organisation_id bigint NOT NULL, -- the organisation of the body
    hash {bytes} NOT NULL, -- the hash of the body
    data {bytes} NOT NULL, -- the bytes as blob.encoding says
    PRIMARY KEY (organisation_id, hash)
);

-- A dictionary that makes zstd smaller on many alike bodies. Bodies need the one they were written with, so
-- none is ever removed.
CREATE TABLE blob_dictionary (
    id bigint NOT NULL PRIMARY KEY CHECK (id >= 16), -- its number, as blob.encoding names it
    data {bytes} NOT NULL, -- the dictionary
    trained_at bigint NOT NULL, -- when it was made, milliseconds since 1970
    sample_count bigint NOT NULL -- bodies that it was trained on
);
