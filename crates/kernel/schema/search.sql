-- How far the words of an account are in the search index. Derived data: it may be deleted at any time.
CREATE TABLE search_account (
--- sqlite
    slot integer PRIMARY KEY, -- a small number that stands for the account in the index of words
    account_id bigint NOT NULL UNIQUE, -- the account
--- end
--- postgres
    account_id bigint NOT NULL PRIMARY KEY, -- the account
--- end
    seq bigint NOT NULL, -- the commit up to which every content is in the index
    busy_by text NOT NULL, -- the node that indexes it now, or empty
    busy_until bigint NOT NULL -- when another node may take over, milliseconds since 1970
);

-- A content whose words are in the index. On PostgreSQL the words stand here, each with its account before it;
-- on SQLite in the table search_words under the row number slot * 2^36 + content_id.
CREATE TABLE search_doc (
    account_id bigint NOT NULL, -- its owner
    content_id bigint NOT NULL, -- the content
    object_id bigint NOT NULL, -- the object whose content it is
    content_seq bigint NOT NULL, -- the commit that last changed the content, when it was indexed
--- postgres
    words tsvector NOT NULL, -- its words, without their places
--- end
    PRIMARY KEY (account_id, content_id)
) {without_rowid};
CREATE INDEX search_doc_object ON search_doc (account_id, object_id);
--- postgres
CREATE INDEX search_doc_words ON search_doc USING gin (words);
--- end
--- sqlite
CREATE VIRTUAL TABLE search_words USING fts5(words, content='', contentless_delete=1, detail=none, tokenize='ascii');
--- end
