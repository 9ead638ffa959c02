-- concurrently
CREATE INDEX item_removed ON item (account_id, changed_seq, collection_id, id) WHERE gone = 1;
