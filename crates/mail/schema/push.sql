-- Where a client wants to be told of changes (RFC 8620 section 7.2): an address that is sent to.
CREATE TABLE push_subscription (
    account_id bigint NOT NULL,                                -- whose it is
    id bigint NOT NULL,                                        -- a random number below 2^53
    session_id bigint NOT NULL,                                -- the session of a browser or program that it goes with; 0: it was made with a password
    device text NOT NULL,                                      -- how the client knows its device
    url text NOT NULL,                                         -- where it is sent to
    p256dh text NOT NULL,                                      -- the client's public key in base64url; empty: it is sent as it is
    auth text NOT NULL,                                        -- the secret beside that key, in base64url
    types text,                                                -- the types that it wants to hear of, as JSON; NULL: all
    code text NOT NULL,                                        -- what the client must have received before anything else is sent
    verified bigint NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)), -- 1: it has
    expires_at bigint NOT NULL,                                -- when it ends, milliseconds since 1970
    told text NOT NULL DEFAULT '',                             -- the states that were sent last
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE INDEX push_subscription_expired ON push_subscription (expires_at);

-- The key that push services know this installation by (VAPID, RFC 8292).
CREATE TABLE push_key (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one
    private_key text NOT NULL                      -- secret: PKCS#8 in base64
) {without_rowid};
