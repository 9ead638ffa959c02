
-- Which app password opened a session: it ends with it.
CREATE TABLE app_session (
    session_id bigint NOT NULL PRIMARY KEY,             -- the session
    account_id bigint NOT NULL,                         -- whose it is
    app_password_id bigint NOT NULL                     -- the app password that opened it
) {without_rowid};
CREATE INDEX app_session_by_password ON app_session (account_id, app_password_id);

-- Passkeys of an account (WebAuthn). Public keys only: nobody logs in with what stands here.
CREATE TABLE passkey (
    account_id bigint NOT NULL,                         -- whose it is
    id bigint NOT NULL,                                 -- unique in the account
    organisation_id bigint NOT NULL,                    -- whose account it is
    credential_id {bytes} NOT NULL,                     -- the number that the authenticator gave it, unique on the server
    site text NOT NULL,                                 -- the host of the web client that it was made for
    label text NOT NULL,                                -- what its owner calls it
    credential text NOT NULL,                           -- JSON: public key, counter and flags of the authenticator
    created_at bigint NOT NULL,                         -- when it was made
    last_used_at bigint,                                -- when somebody last logged in with it; NULL: never
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE UNIQUE INDEX passkey_by_credential ON passkey (credential_id);
