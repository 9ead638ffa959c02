-- Zones of INTERNALDATE, and what is `\Recent` in a mailbox.
ALTER TABLE message ADD COLUMN received_zone bigint NOT NULL DEFAULT 0;
CREATE TABLE mailbox_recent (
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    uid bigint NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) {without_rowid};
