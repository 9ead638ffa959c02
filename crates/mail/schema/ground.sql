-- A message: the content of items of the kind "mail". Never changed. The columns behind the body are what lists,
-- sorting and IMAP answers need, so that none of them opens a body.
CREATE TABLE message (
    account_id bigint NOT NULL,      -- its owner
    id bigint NOT NULL,              -- the content's number
    body {bytes} NOT NULL,           -- hash of the message as it was handed over, in the blob store of the organisation
    trace {bytes} NOT NULL,          -- header fields that we put before it on arrival (Return-Path, Received, ...)
    size bigint NOT NULL,            -- bytes of both together
    received_at bigint NOT NULL,     -- when it arrived, or what a client said when it put it here; milliseconds since 1970
    sent_at bigint,                  -- its Date field; NULL: none that can be read
    thread_id bigint NOT NULL,       -- its conversation in this account
    message_id text NOT NULL,        -- its Message-ID without brackets; empty: none
    refs text NOT NULL,              -- what it answers: ids of References and In-Reply-To, separated by spaces
    subject text NOT NULL,           -- its subject, decoded
    sender text NOT NULL,            -- its first author, decoded: name and address
    preview text NOT NULL,           -- how its text begins
    has_attachment bigint NOT NULL,  -- 1: it has attachments
    header_bytes bigint NOT NULL,    -- length of its header, the empty line included
    fields {bytes} NOT NULL,         -- header fields that clients ask for in lists, as they stand in it (docs/mail.md)
    envelope {bytes} NOT NULL,       -- the IMAP envelope (RFC 9051 section 7.5.2), derived
    structure text NOT NULL,         -- the tree of its parts with their places in it (docs/mail.md), derived
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE INDEX message_body ON message (body);
CREATE INDEX message_thread ON message (account_id, thread_id, id);

-- Which conversation a message belongs to that has or names this id, together with the same subject.
CREATE TABLE thread_reference (
    account_id bigint NOT NULL, -- the owner
    reference bigint NOT NULL,  -- hash of a Message-ID and the base subject
    thread_id bigint NOT NULL,  -- the conversation
    PRIMARY KEY (account_id, reference)
) {without_rowid};

-- A mailbox that a person wants to see in lists: its own, or one that is shared with it.
CREATE TABLE mailbox_subscription (
    account_id bigint NOT NULL, -- who wants to see it
    owner_id bigint NOT NULL,   -- whose mailbox it is
    mailbox_id bigint NOT NULL, -- the mailbox
    PRIMARY KEY (account_id, owner_id, mailbox_id)
) {without_rowid};

-- A name that a person is subscribed to although the mailbox of that name was removed: IMAP keeps such subscriptions.
CREATE TABLE mailbox_name_subscription (
    account_id bigint NOT NULL, -- who is subscribed
    name text NOT NULL,         -- the whole name, levels separated by '/'
    PRIMARY KEY (account_id, name)
) {without_rowid};

-- What people and programs note about a mailbox (RFC 5464).
CREATE TABLE mailbox_annotation (
    account_id bigint NOT NULL, -- whose mailbox it is
    mailbox_id bigint NOT NULL, -- the mailbox, 0 for the account
    subject_id bigint NOT NULL, -- who sees it; 0: everyone who reads the mailbox
    name text NOT NULL,         -- its name in lower case, such as /comment
    value {bytes} NOT NULL,     -- what it says
    PRIMARY KEY (account_id, mailbox_id, subject_id, name)
) {without_rowid};
