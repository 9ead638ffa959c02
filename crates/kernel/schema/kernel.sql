-- Numbers that are given out across accounts. One row a kind of number.
CREATE TABLE counter (
    name text NOT NULL PRIMARY KEY, -- what is numbered
    next bigint NOT NULL            -- the next number that is free
);

-- An owner of collections with a history of its own: a person, a group, a resource, a shared mailbox, or an
-- organisation as the owner of its directory.
CREATE TABLE account (
    id bigint NOT NULL PRIMARY KEY,  -- its number, below 2^48, never used again
    organisation_id bigint NOT NULL, -- the organisation that it belongs to
    kind text NOT NULL,              -- person, group, list, shared, resource, space or organisation
    seq bigint NOT NULL,             -- the number of its newest commit
    next_id bigint NOT NULL,         -- the next free id of a collection, object or content of this account
    mark_seq bigint NOT NULL,        -- the commit at its newest mark; older states are kept only if a mark sees them
    floor_seq bigint NOT NULL,       -- changes since a commit below this one are no longer known
    used_bytes bigint NOT NULL,      -- the size of all live items, which counts against the quota
    changed_at bigint NOT NULL,      -- when its newest commit was made, milliseconds since 1970
    held bigint NOT NULL,            -- 1: a legal hold, nothing of its history is pruned
    head_hash {bytes} NOT NULL       -- the hash of its newest commit, which covers all before it
);
CREATE INDEX account_organisation ON account (organisation_id, id);

-- A mailbox, a calendar, an address book, a folder: what items lie in.
CREATE TABLE collection (
    account_id bigint NOT NULL,  -- its owner
    id bigint NOT NULL,          -- its number in the account, never used again
    kind text NOT NULL,          -- the kind of its items
    parent_id bigint NOT NULL,   -- the collection that it lies in, 0 at the top
    name text NOT NULL,          -- its name, unique among the living of one kind in one parent
    role text NOT NULL,          -- what it is for (inbox, sent, ...), empty for an ordinary one
    state text NOT NULL,         -- properties of its kind (colour, order, ...), as its kind writes them
    uidnext bigint NOT NULL,     -- the next free id of an item
    total bigint NOT NULL,       -- live items
    unseen bigint NOT NULL,      -- live items without the flag "seen" (bit 0)
    bytes bigint NOT NULL,       -- the size of its live items
    created_seq bigint NOT NULL, -- the commit that made it
    state_seq bigint NOT NULL,   -- the commit that last changed its name, place, role or properties, or removed it
    max_seq bigint NOT NULL,     -- the commit that last changed anything in it
    past_seq bigint NOT NULL,    -- the commit up to which its earlier states are in collection_past
    gone bigint NOT NULL,        -- 1: removed, with all that lay in it; 2: purged as well
    PRIMARY KEY (account_id, id)
);
CREATE INDEX collection_parent ON collection (account_id, parent_id, name);

-- The place of an object in a collection, and its small state. This table is the change log as well: what
-- changed since a commit is a range of the index on changed_seq.
CREATE TABLE item (
    account_id bigint NOT NULL,    -- its owner
    collection_id bigint NOT NULL, -- the collection that it lies in
    id bigint NOT NULL,            -- its number in the collection (for mail: the UID), never used again
    object_id bigint NOT NULL,     -- the object, the same wherever it lies
    content_id bigint NOT NULL,    -- the row of its kind's table with the content
    size bigint NOT NULL,          -- the size of the content in bytes
    flags bigint NOT NULL,         -- small state as bits; bit 0 is "seen"
    state text,                    -- small state as text (keywords, properties), as its kind writes it
    created_seq bigint NOT NULL,   -- the commit that put it here
    content_seq bigint NOT NULL,   -- the commit that last changed its content
    state_seq bigint NOT NULL,     -- the commit that last changed its content, flags or state
    changed_seq bigint NOT NULL,   -- the commit that last changed anything, its removal too
    gone bigint NOT NULL,          -- 0: here; 1: removed; 2: moved to another collection; 3: purged, its content is no longer kept
    PRIMARY KEY (account_id, collection_id, id)
) {without_rowid};
CREATE INDEX item_changed ON item (account_id, collection_id, changed_seq, id);
CREATE INDEX item_object ON item (account_id, object_id);
CREATE INDEX item_live ON item (account_id, collection_id, id) WHERE gone = 0;
CREATE INDEX item_removed ON item (account_id, changed_seq, collection_id, id) WHERE gone = 1;

-- What an item was before a commit, kept where a mark can see it or its kind keeps every version.
CREATE TABLE past (
    account_id bigint NOT NULL,    -- the owner
    collection_id bigint NOT NULL, -- the collection
    id bigint NOT NULL,            -- the item
    to_seq bigint NOT NULL,        -- the commit that ended this state
    from_seq bigint NOT NULL,      -- the commit that began it
    content_id bigint NOT NULL,    -- the content then
    size bigint NOT NULL,          -- its size
    flags bigint NOT NULL,         -- the flags then
    state text,                    -- the small state then
    PRIMARY KEY (account_id, collection_id, id, to_seq)
) {without_rowid};
CREATE INDEX past_to ON past (account_id, to_seq, from_seq);
CREATE INDEX past_content ON past (account_id, content_id);

-- What a collection was before a commit, kept where a mark can see it.
CREATE TABLE collection_past (
    account_id bigint NOT NULL, -- the owner
    id bigint NOT NULL,         -- the collection
    to_seq bigint NOT NULL,     -- the commit that ended this state
    from_seq bigint NOT NULL,   -- the commit that began it
    parent_id bigint NOT NULL,  -- where it lay
    name text NOT NULL,         -- its name
    role text NOT NULL,         -- its role
    state text NOT NULL,        -- its properties
    uidnext bigint NOT NULL,    -- the next free id of an item
    total bigint NOT NULL,      -- live items
    unseen bigint NOT NULL,     -- live items not seen
    bytes bigint NOT NULL,      -- their size
    gone bigint NOT NULL,       -- whether it was removed
    PRIMARY KEY (account_id, id, to_seq)
) {without_rowid};
CREATE INDEX collection_past_to ON collection_past (account_id, to_seq, from_seq);

-- The history of an account: one row a transaction that changed something. Never changed afterwards.
CREATE TABLE commit_ (
    account_id bigint NOT NULL, -- whose history
    seq bigint NOT NULL,        -- its number in that history, from 1 on without gaps
    at bigint NOT NULL,         -- when, milliseconds since 1970; never before the commit in front of it
    actor_id bigint NOT NULL,   -- the account that did it, 0 for the program itself
    door bigint NOT NULL,       -- the door it came through (docs/history.md)
    session bigint NOT NULL,    -- the session it was done in, 0 without one
    changes text NOT NULL,      -- all that it did, a line each (docs/history.md)
    hash {bytes} NOT NULL,      -- keyed BLAKE3 over the hash before it and all columns of this row
    PRIMARY KEY (account_id, seq)
) {without_rowid};
CREATE INDEX commit_actor ON commit_ (actor_id, at);

-- An image of an account: everything as it was at a commit can be read again while this row stands.
CREATE TABLE mark (
    account_id bigint NOT NULL, -- whose image
    seq bigint NOT NULL,        -- the commit it shows
    at bigint NOT NULL,         -- when it was made
    hash {bytes} NOT NULL,      -- the hash of that commit
    PRIMARY KEY (account_id, seq)
) {without_rowid};

-- A right of a person or group on a collection of another account.
CREATE TABLE share (
    account_id bigint NOT NULL,    -- the owner
    collection_id bigint NOT NULL, -- the collection, 0 for all of the account
    subject_id bigint NOT NULL,    -- the account of the person or group that has the right
    rights bigint NOT NULL,        -- the rights as bits (docs/history.md)
    PRIMARY KEY (account_id, collection_id, subject_id)
) {without_rowid};
CREATE INDEX share_subject ON share (subject_id, account_id);
