-- What a person is told of what others share with it, until it removes it.
CREATE TABLE share_notification (
    account_id bigint NOT NULL,       -- who is told
    id bigint NOT NULL,               -- its number in that account
    created_seq bigint NOT NULL,      -- the commit of that account that made it
    gone_seq bigint NOT NULL,         -- the commit that removed it; 0: it is there
    created_at bigint NOT NULL,       -- when, milliseconds since 1970
    actor_id bigint NOT NULL,         -- who changed the share; 0: the program or an administrator at the machine
    actor_name text NOT NULL,         -- the name of that person then; empty: none
    actor_address text NOT NULL,      -- its address then; empty: none
    owner_id bigint NOT NULL,         -- the account that the mailbox is of
    owner_seq bigint NOT NULL,        -- the commit of that account that changed the share
    mailbox_id bigint NOT NULL,       -- the mailbox; the inbox where the whole account was shared
    name text NOT NULL,               -- its name then
    old_rights bigint NOT NULL,       -- what the person could do before, as bits (docs/history.md)
    new_rights bigint NOT NULL,       -- what it can do since
    PRIMARY KEY (account_id, id)
) {without_rowid};
-- What of an account became visible or invisible since one of its commits.
CREATE INDEX share_notification_owner ON share_notification (account_id, owner_id, owner_seq);
