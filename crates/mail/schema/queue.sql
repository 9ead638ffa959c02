-- A message on its way to other servers: one row until its last recipient is settled. Its body stays as long
-- as the row does.
CREATE TABLE queue_message (
    id bigint NOT NULL PRIMARY KEY, -- a random number below 2^53
    organisation_id bigint NOT NULL, -- whose it is
    account_id bigint NOT NULL, -- the account that sent it; 0: the server itself
    hash {bytes} NOT NULL, -- its body: BLAKE3, the key of `blob` with the organisation
    size bigint NOT NULL, -- bytes of the body
    sender text NOT NULL, -- the reverse path; empty: the null sender, to whom nothing is ever reported
    envelope_id text, -- the sender's own name for it (ENVID of RFC 3461), decoded; NULL: none
    return_text text NOT NULL DEFAULT '' CHECK (return_text IN ('', 'full', 'headers')), -- what a failure report brings back (RET of RFC 3461); empty: the server decides
    needs_utf8 bigint NOT NULL DEFAULT 0 CHECK (needs_utf8 IN (0, 1)), -- 1: it was given with SMTPUTF8
    has_8bit bigint NOT NULL DEFAULT 0 CHECK (has_8bit IN (0, 1)), -- 1: its body has bytes above 127
    requires_tls bigint NOT NULL DEFAULT 0 CHECK (requires_tls IN (0, 1)), -- 1: never sent over a connection that is not verified (RFC 8689)
    sign_domain text, -- the domain whose DKIM keys sign it when it is sent; NULL: it is not signed
    created_at bigint NOT NULL, -- when it was queued, milliseconds since 1970
    release_at bigint NOT NULL, -- not sent before this (future release, RFC 4865); milliseconds since 1970
    warn_at bigint NOT NULL, -- from then on the sender is told once that it is late
    expires_at bigint NOT NULL -- from then on a failure is final
) {without_rowid};
CREATE INDEX queue_message_body ON queue_message (organisation_id, hash);
CREATE INDEX queue_message_account ON queue_message (account_id, id);

-- A recipient of a queued message: gone when it is settled, that is delivered, refused or given up.
CREATE TABLE queue_recipient (
    message_id bigint NOT NULL, -- its message
    number bigint NOT NULL, -- its place in the message, from 1
    address text NOT NULL, -- the address
    route text NOT NULL, -- the domain that it is delivered to, in lower-case A-labels; an address literal in brackets
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'held')), -- waiting for its time, being sent, or held back by an administrator
    attempts bigint NOT NULL DEFAULT 0, -- how often it was tried
    next_at bigint NOT NULL, -- waiting: not before this time; milliseconds since 1970
    last_at bigint, -- when it was tried last; NULL: never
    last_reply text, -- what was answered then
    notify bigint NOT NULL DEFAULT 0 CHECK (notify BETWEEN 0 AND 8), -- what the sender wants to hear (NOTIFY of RFC 3461): 0 not said, 8 nothing, else a sum of 1 success, 2 failure, 4 delay
    original text, -- the address it was sent to first (ORCPT of RFC 3461), decoded, with its type; NULL: not said
    warned bigint NOT NULL DEFAULT 0 CHECK (warned IN (0, 1)), -- 1: the sender was told that it is late
    lease_by text, -- sending: the node that does it
    lease_until bigint, -- sending: when another node may take it over
    PRIMARY KEY (message_id, number)
) {without_rowid};
CREATE INDEX queue_recipient_waiting ON queue_recipient (route, next_at, message_id, number) WHERE state = 'waiting';
CREATE INDEX queue_recipient_sending ON queue_recipient (lease_until) WHERE state = 'sending';
--- postgres
ALTER TABLE queue_recipient SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
--- end

-- A destination that nothing is sent to until an administrator lets it go on.
CREATE TABLE queue_pause (
    route text NOT NULL PRIMARY KEY, -- the domain; `*`: all of them
    since bigint NOT NULL, -- when it was paused, milliseconds since 1970
    reason text NOT NULL DEFAULT '' -- why, for people
) {without_rowid};

-- When an administrator last wanted all that waits for a destination to be tried at once.
CREATE TABLE queue_flush (
    route text NOT NULL PRIMARY KEY, -- the domain; `*`: all of them
    flushed_at bigint NOT NULL -- what nodes learnt before about destinations that do not answer counts no more; milliseconds since 1970
) {without_rowid};

-- What a domain promised about TLS (MTA-STS, RFC 8461), kept as long as it said.
CREATE TABLE queue_sts_policy (
    domain text NOT NULL PRIMARY KEY, -- the domain
    policy_id text NOT NULL, -- the id of its DNS record when the policy was fetched
    policy text NOT NULL, -- the policy as it was fetched
    expires_at bigint NOT NULL -- until when it binds us, milliseconds since 1970
) {without_rowid};

-- How sessions with TLS to a domain went on a day, for the report of that day (TLS-RPT, RFC 8460).
CREATE TABLE queue_tls_result (
    day bigint NOT NULL, -- days since 1970 in UTC
    domain text NOT NULL, -- the domain that was delivered to
    policy_type text NOT NULL, -- what bound us: sts, tlsa or no-policy-found
    result text NOT NULL, -- empty: it worked; else the result type of RFC 8460 section 4.3
    host text NOT NULL, -- the host that was connected to; empty where it worked
    policy text NOT NULL, -- the policy, as lines
    sessions bigint NOT NULL, -- how many went so
    PRIMARY KEY (day, domain, policy_type, result, host)
) {without_rowid};
