-- A Sieve script of an account (RFC 5228), as its owner wrote it.
CREATE TABLE sieve_script (
    account_id bigint NOT NULL, -- whose it is
    id bigint NOT NULL,         -- unique in the account
    name text NOT NULL CHECK (name <> ''), -- unique in the account
    text text NOT NULL,         -- the script
    changed_at bigint NOT NULL, -- when the text last changed, milliseconds since 1970
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) {without_rowid};

-- What an account has done with its incoming mail: the script in force, the answer while away, the forwarding.
-- An account without any of these has no row, so that a delivery to it costs one look here.
CREATE TABLE sieve_account (
    account_id bigint NOT NULL PRIMARY KEY, -- whose it is
    script_id bigint,                       -- the script in force; NULL: none
    vacation_on bigint NOT NULL DEFAULT 0 CHECK (vacation_on IN (0, 1)), -- whether senders are answered
    vacation_from bigint,                   -- answers begin then; NULL: at once
    vacation_until bigint,                  -- answers end then; NULL: when it is turned off
    vacation_subject text NOT NULL DEFAULT '', -- subject of the answer; empty: the subject of the message behind a prefix
    vacation_text text NOT NULL DEFAULT '', -- the answer
    vacation_html text,                     -- the answer as HTML; NULL: plain text only
    vacation_addresses text NOT NULL DEFAULT '', -- further addresses of the person, a line each
    vacation_days bigint NOT NULL DEFAULT 3 CHECK (vacation_days >= 1), -- a sender is answered again after so many days
    forward_on bigint NOT NULL DEFAULT 0 CHECK (forward_on IN (0, 1)), -- whether mail is forwarded
    forward_addresses text NOT NULL DEFAULT '', -- where to, a line each
    forward_keep bigint NOT NULL DEFAULT 1 CHECK (forward_keep IN (0, 1)) -- whether a copy stays
) {without_rowid};

-- A filter that administrators set for a domain, or for all domains of an organisation. They run before those of
-- the person, in their order.
CREATE TABLE sieve_domain_filter (
    organisation_id bigint NOT NULL, -- whose it is
    id bigint NOT NULL,              -- unique in the organisation
    domain_id bigint NOT NULL,       -- for mail to the accounts of that domain; 0: of all domains
    position bigint NOT NULL,        -- filters run in the order of this number, then of their ids
    name text NOT NULL CHECK (name <> ''), -- for people
    text text NOT NULL,              -- the script
    active bigint NOT NULL CHECK (active IN (0, 1)), -- whether it runs
    terminal bigint NOT NULL CHECK (terminal IN (0, 1)), -- whether no other filter runs after it has done something
    changed_at bigint NOT NULL,      -- when it last changed, milliseconds since 1970
    PRIMARY KEY (organisation_id, id)
) {without_rowid};

-- What a filter has to remember for a time: senders that were answered, and messages that came before (RFC 7352).
CREATE TABLE sieve_seen (
    account_id bigint NOT NULL, -- whose filter
    what bigint NOT NULL,       -- 1: a sender that was answered; 2: a message
    key {bytes} NOT NULL,       -- the first half of a BLAKE3 hash of it
    expires_at bigint NOT NULL, -- forgotten then, milliseconds since 1970
    PRIMARY KEY (account_id, what, key)
) {without_rowid};
CREATE INDEX sieve_seen_expiry ON sieve_seen (account_id, expires_at);
