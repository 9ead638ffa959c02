
-- Keys of SCRAM-SHA-256 of the password of an account (RFC 7677). Secret: give no reader access.
CREATE TABLE password_scram (
    account_id bigint NOT NULL PRIMARY KEY,             -- whose it is
    organisation_id bigint NOT NULL,                    -- whose account it is
    of_hash text NOT NULL,                              -- password.hash that was made of the same password: void beside any other
    salt {bytes} NOT NULL,                              -- random
    iterations bigint NOT NULL,                         -- how often the password was hashed
    stored_key {bytes} NOT NULL,                        -- what a client's proof is checked against, 32 bytes
    server_key {bytes} NOT NULL                         -- what the server proves itself with, 32 bytes
) {without_rowid};

-- The open sessions of an account, for its limit: those that ended are many more.
CREATE INDEX session_open ON session (account_id, created_at) WHERE ended_at IS NULL;
-- What ended lately, for the connections that are bound to it.
CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL;
