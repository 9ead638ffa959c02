-- What was taken over from mail servers and files elsewhere, so that a later run takes only what is new.
CREATE TABLE mail_taken (
    account_id bigint NOT NULL, -- who took it
    source text NOT NULL,       -- where it comes from, such as imap:ada@old.example:993
    folder text NOT NULL,       -- the folder there
    key text NOT NULL,          -- what names the message there for good
    mailbox_id bigint NOT NULL, -- the mailbox that it was put into here
    uid bigint NOT NULL,        -- its UID there
    flags text NOT NULL,        -- its flags and keywords at the source when it was last looked at, separated by spaces
    PRIMARY KEY (account_id, source, folder, key)
) {without_rowid};
