
-- What a session of a browser or of a program with a token has beyond others.
CREATE TABLE web_session (
    session_id bigint NOT NULL PRIMARY KEY,             -- the session
    account_id bigint NOT NULL,                         -- whose it is
    ends_at bigint NOT NULL,                            -- when it ends however much it is used
    idle_ms bigint NOT NULL,                            -- milliseconds without a request after which it ends
    proved_at bigint NOT NULL                           -- when its owner last showed a password, a code or a passkey
) {without_rowid};
CREATE INDEX web_session_to_forget ON web_session (ends_at);

-- Tickets of logins that were used: none is taken twice.
CREATE TABLE used_ticket (
    id {bytes} NOT NULL PRIMARY KEY,                    -- the number of the ticket, 16 bytes
    expires_at bigint NOT NULL                          -- when the ticket is void by itself
) {without_rowid};
CREATE INDEX used_ticket_to_forget ON used_ticket (expires_at);
