-- A body that a client uploaded and has not used yet. Only who uploaded it reads it; it goes when it is old.
CREATE TABLE upload (
    uploader_id bigint NOT NULL,     -- the account of who uploaded it
    account_id bigint NOT NULL,      -- the account that it was uploaded to
    organisation_id bigint NOT NULL, -- the organisation of both
    hash {bytes} NOT NULL,           -- the body: BLAKE3, the key of `blob` with the organisation
    size bigint NOT NULL,            -- its bytes
    type text NOT NULL,              -- its media type, as the client says
    uploaded_at bigint NOT NULL,     -- when it was uploaded last, milliseconds since 1970
    PRIMARY KEY (uploader_id, account_id, hash)
) {without_rowid};
CREATE INDEX upload_body ON upload (organisation_id, hash);
CREATE INDEX upload_age ON upload (uploaded_at);
