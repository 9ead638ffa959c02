-- What a person set of one of the addresses that it may send as, or of a further one that it made. An address that the
-- directory gives has no row before something of it is set.
CREATE TABLE identity (
    account_id bigint NOT NULL, -- whose it is
    id bigint NOT NULL, -- below 2^53: made of the address where the directory gives it, else random
    address text NOT NULL, -- the address
    made bigint NOT NULL CHECK (made IN (0, 1)), -- 1: the person made it; 0: settings of an address that the directory gives
    name text NOT NULL, -- the name beside the address
    reply_to text, -- where answers go: a JSON list of objects with `name` and `email`; NULL: nowhere else
    bcc text, -- who gets a copy, in the same form; NULL: nobody
    text_signature text NOT NULL, -- below messages in plain text
    html_signature text NOT NULL, -- below messages in HTML
    PRIMARY KEY (account_id, id)
) {without_rowid};

-- How often the submissions of an account changed.
CREATE TABLE submission_state (
    account_id bigint NOT NULL PRIMARY KEY, -- the account
    seq bigint NOT NULL, -- the number of the last change
    floor bigint NOT NULL DEFAULT 0 -- what changed up to this number is not known any more
) {without_rowid};

-- A message that a person sent over JMAP, while it is on its way and for some days afterwards.
CREATE TABLE submission (
    account_id bigint NOT NULL, -- who sent it
    id bigint NOT NULL, -- a random number below 2^53
    object_id bigint NOT NULL, -- the email, as it was called then
    thread_id bigint NOT NULL, -- its conversation then
    identity_id bigint NOT NULL, -- the identity; there may be none any more
    envelope text NOT NULL, -- sender and recipients with their parameters: JSON as RFC 8621 section 7 has it
    send_at bigint NOT NULL, -- when it is sent, milliseconds since 1970
    canceled bigint NOT NULL DEFAULT 0 CHECK (canceled IN (0, 1)), -- 1: it was taken back before it was sent
    queue_id bigint NOT NULL, -- its number in the queue, where it is no more once it is settled
    created_at bigint NOT NULL, -- when it was submitted, milliseconds since 1970
    created_seq bigint NOT NULL, -- the change that made it
    changed_seq bigint NOT NULL, -- the last change of it
    gone bigint NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)), -- 1: the record was removed; the row is there to tell so
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE INDEX submission_queued ON submission (queue_id);
CREATE INDEX submission_age ON submission (account_id, created_at);
CREATE INDEX submission_changed ON submission (account_id, changed_seq);

-- What became of the message for a recipient.
CREATE TABLE submission_recipient (
    queue_id bigint NOT NULL, -- the number of the message in the queue
    number bigint NOT NULL, -- its place in the message, as in `queue_recipient`
    address text NOT NULL, -- the address
    delivered text NOT NULL DEFAULT 'queued' CHECK (delivered IN ('queued', 'yes', 'no', 'unknown')), -- queued; in a mailbox here; given up; passed on to another server
    reply text NOT NULL DEFAULT '', -- what was answered at the end; while it is queued see `queue_recipient`
    PRIMARY KEY (queue_id, number)
) {without_rowid};
