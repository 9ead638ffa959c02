-- The directory: organisations, domains, people, groups, addresses, rights, credentials and sessions.
--
-- Others may read every table but the secrets, and write the ones that have a column `revision`: a change
-- takes effect at once. Leave `revision` alone: our own writes always raise it, and a row that changes
-- without it is noted in sql_change and shows in the history as made by SQL.
-- Times are milliseconds since 1970 (UTC); 0 and 1 stand for no and yes.

-- An organisation: the border that no answer crosses.
CREATE TABLE organisation (
    id bigint NOT NULL PRIMARY KEY,                     -- never used again
    account_id bigint NOT NULL UNIQUE,                  -- the account that keeps the history of its directory
    name text NOT NULL UNIQUE CHECK (name <> ''),       -- short unique name, for commands and file names
    display_name text NOT NULL DEFAULT '',              -- name for people
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked', 'closed')), -- locked: nobody logs in; closed: mail is refused too
    max_people bigint CHECK (max_people >= 0),          -- people it may have; NULL: no limit
    max_quota_bytes bigint CHECK (max_quota_bytes >= 0), -- largest quota that one account may have; NULL: no limit
    default_class_id bigint,                            -- class of service of new accounts; NULL: none
    pre_delete_days bigint NOT NULL DEFAULT 30 CHECK (pre_delete_days BETWEEN 0 AND 3650), -- days that a pre-deleted account can be restored
    holds_addresses bigint NOT NULL DEFAULT 1 CHECK (holds_addresses IN (0, 1)), -- 1: addresses of pre-deleted accounts stay theirs; 0: free for others at once
    note text NOT NULL DEFAULT '',                      -- for administrators
    created_at bigint NOT NULL,                         -- when it was created
    revision bigint NOT NULL DEFAULT 0                  -- raised by each of our own writes
);

-- The next id of a domain, unit, class, role, grant or import of an organisation.
CREATE TABLE directory_counter (
    organisation_id bigint NOT NULL PRIMARY KEY REFERENCES organisation (id), -- whose it is
    next_id bigint NOT NULL DEFAULT 1 CHECK (next_id > 0) -- ids from here on were never given out
) {without_rowid};

-- A class of service: what the accounts that have it may use, and how much.
CREATE TABLE class_of_service (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    name text NOT NULL CHECK (name <> ''),              -- unique in the organisation
    quota_bytes bigint CHECK (quota_bytes >= 0),        -- bytes of an account without a quota of its own; NULL: no limit
    max_message_bytes bigint CHECK (max_message_bytes > 0), -- largest message it may send; NULL: the server's limit
    max_aliases bigint CHECK (max_aliases >= 0),        -- aliases of one account; NULL: the server's limit
    retention_days bigint CHECK (retention_days > 0),   -- days that versions and destroyed items are kept; NULL: the server's rule
    webmail bigint NOT NULL DEFAULT 1 CHECK (webmail IN (0, 1)), -- may use the web client and JMAP
    imap bigint NOT NULL DEFAULT 1 CHECK (imap IN (0, 1)), -- may use IMAP
    pop3 bigint NOT NULL DEFAULT 1 CHECK (pop3 IN (0, 1)), -- may use POP3
    submission bigint NOT NULL DEFAULT 1 CHECK (submission IN (0, 1)), -- may send mail with a mail program
    sieve bigint NOT NULL DEFAULT 1 CHECK (sieve IN (0, 1)), -- may have filters of its own
    dav bigint NOT NULL DEFAULT 1 CHECK (dav IN (0, 1)), -- may use CalDAV, CardDAV and WebDAV
    mobile bigint NOT NULL DEFAULT 1 CHECK (mobile IN (0, 1)), -- may synchronise telephones
    calendar bigint NOT NULL DEFAULT 1 CHECK (calendar IN (0, 1)), -- has calendars
    contacts bigint NOT NULL DEFAULT 1 CHECK (contacts IN (0, 1)), -- has address books
    files bigint NOT NULL DEFAULT 1 CHECK (files IN (0, 1)), -- has files
    crm bigint NOT NULL DEFAULT 0 CHECK (crm IN (0, 1)), -- has customer records
    forward_outside bigint NOT NULL DEFAULT 1 CHECK (forward_outside IN (0, 1)), -- mail may be forwarded to outside addresses
    price_cents bigint NOT NULL DEFAULT 0 CHECK (price_cents >= 0), -- price of one account a month, for reports
    note text NOT NULL DEFAULT '',                      -- for administrators
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
) {without_rowid};

-- A node of the tree of units (directorates, schools, laboratories): a place of people and a scope of roles.
CREATE TABLE unit (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    parent_id bigint NOT NULL DEFAULT 0,                -- the unit above; 0 at the top
    name text NOT NULL CHECK (name <> ''),              -- unique below its parent
    external_id text,                                   -- its id in another system; NULL: none
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, parent_id, name)
) {without_rowid};

-- A mail domain that we receive for.
CREATE TABLE domain (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    name text NOT NULL UNIQUE CHECK (name <> '' AND name = lower(name)), -- lower-case A-labels, unique on the server
    alias_of_id bigint,                                 -- every address here is the same address at that domain; NULL: a domain of its own
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked', 'closed')), -- locked: no login with its addresses; closed: mail is refused too
    max_people bigint CHECK (max_people >= 0),          -- people it may have; NULL: no limit
    max_quota_bytes bigint CHECK (max_quota_bytes >= 0), -- largest quota that one of its accounts may have; NULL: no limit
    default_class_id bigint,                            -- class of service of its new accounts; NULL: the organisation's
    password_days bigint CHECK (password_days > 0),     -- days a password lasts before it must be changed; NULL: for ever
    catch_all_id bigint,                                -- account that receives mail for unknown addresses; NULL: refused
    detail_separator text NOT NULL DEFAULT '+' CHECK (length(detail_separator) <= 1), -- name+detail@ reaches name@; empty: no details
    relay_host text,                                    -- unknown addresses live on that server, host or host:port; NULL: refused
    note text NOT NULL DEFAULT '',                      -- for administrators
    created_at bigint NOT NULL,                         -- when it was created
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id)
) {without_rowid};

-- Everyone and everything with an account and an address: people, groups, lists, aliases with several
-- targets, shared mailboxes, resources. What is special to a kind stands in person, team and resource.
CREATE TABLE entry (
    account_id bigint NOT NULL PRIMARY KEY,             -- its account; never used again
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    kind text NOT NULL CHECK (kind IN ('person', 'group', 'list', 'alias', 'shared', 'resource')), -- what it is; never changes
    domain_id bigint NOT NULL,                          -- domain of its primary address
    unit_id bigint,                                     -- its unit; NULL: none
    name text NOT NULL CHECK (name <> ''),              -- name for people
    address text NOT NULL,                              -- its primary address: what people log in with, write to and see
    class_id bigint,                                    -- class of service; NULL: none, nothing is limited
    quota_bytes bigint CHECK (quota_bytes >= 0),        -- quota of its own; NULL: what its class says
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked', 'closed', 'pre-deleted')), -- locked: no login, mail arrives; closed: mail is refused; pre-deleted: as closed, until it is purged
    state_before text NOT NULL DEFAULT 'active' CHECK (state_before IN ('active', 'locked', 'closed')), -- state to return to when a pre-deleted entry is restored
    state_changed_at bigint NOT NULL DEFAULT 0,         -- when the state last changed
    close_at bigint,                                    -- when it is to be closed; NULL: never
    purge_at bigint,                                    -- when a pre-deleted entry is purged; NULL: not pre-deleted
    keeps_copy bigint NOT NULL DEFAULT 1 CHECK (keeps_copy IN (0, 1)), -- whether a copy stays when its mail is redirected
    hidden bigint NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)), -- 1: not shown in the address book
    external_id text,                                   -- its id in another system; NULL: none
    source text NOT NULL DEFAULT 'manual' CHECK (source IN ('manual', 'csv', 'ldap')), -- who keeps it
    note text NOT NULL DEFAULT '',                      -- for administrators
    created_at bigint NOT NULL DEFAULT 0,               -- when it was created
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    FOREIGN KEY (organisation_id, domain_id) REFERENCES domain (organisation_id, id),
    FOREIGN KEY (organisation_id, class_id) REFERENCES class_of_service (organisation_id, id),
    FOREIGN KEY (organisation_id, unit_id) REFERENCES unit (organisation_id, id)
) {without_rowid};
-- Lists of an organisation, by kind and by address.
CREATE INDEX entry_by_address ON entry (organisation_id, kind, address);
CREATE UNIQUE INDEX entry_by_external_id ON entry (organisation_id, external_id) WHERE external_id IS NOT NULL;
-- The people of a domain, for its limit.
CREATE INDEX entry_by_domain ON entry (organisation_id, domain_id, kind);
CREATE INDEX entry_by_class ON entry (organisation_id, class_id);
CREATE INDEX entry_by_unit ON entry (organisation_id, unit_id);
-- What the daily job closes and purges.
CREATE INDEX entry_to_close ON entry (close_at) WHERE close_at IS NOT NULL;
CREATE INDEX entry_to_purge ON entry (purge_at) WHERE purge_at IS NOT NULL;

-- What only people have.
CREATE TABLE person (
    account_id bigint NOT NULL PRIMARY KEY REFERENCES entry (account_id), -- the person's account
    organisation_id bigint NOT NULL,                    -- whose it is
    given_name text NOT NULL DEFAULT '',                -- given names
    family_name text NOT NULL DEFAULT '',               -- family name
    title text NOT NULL DEFAULT '',                     -- function in the organisation
    telephone text NOT NULL DEFAULT '',                 -- as it is shown
    language text NOT NULL DEFAULT '',                  -- tag such as fr or en; empty: the server's
    time_zone text NOT NULL DEFAULT '',                 -- name such as Europe/Paris; empty: the server's
    revision bigint NOT NULL DEFAULT 0                  -- raised by each of our own writes
) {without_rowid};

-- What only groups and lists have.
CREATE TABLE team (
    account_id bigint NOT NULL PRIMARY KEY REFERENCES entry (account_id), -- the group's or list's account
    organisation_id bigint NOT NULL,                    -- whose it is
    posting text NOT NULL DEFAULT 'open' CHECK (posting IN ('open', 'organisation', 'members', 'senders', 'moderated')), -- who may write to it: anyone, own people, members, named senders; moderated: others wait for a moderator
    subject_prefix text NOT NULL DEFAULT '',            -- put before the subject of messages; empty: nothing
    reply_to text NOT NULL DEFAULT 'sender' CHECK (reply_to IN ('sender', 'list')), -- where answers go
    max_message_bytes bigint CHECK (max_message_bytes > 0), -- largest message; NULL: the server's limit
    description text NOT NULL DEFAULT '',               -- what it is for
    revision bigint NOT NULL DEFAULT 0                  -- raised by each of our own writes
) {without_rowid};

-- What only resources (rooms, vehicles, devices) have.
CREATE TABLE resource (
    account_id bigint NOT NULL PRIMARY KEY REFERENCES entry (account_id), -- the resource's account
    organisation_id bigint NOT NULL,                    -- whose it is
    purpose text NOT NULL DEFAULT 'room' CHECK (purpose IN ('room', 'vehicle', 'equipment')), -- what it is
    capacity bigint CHECK (capacity >= 0),              -- people it holds; NULL: not known
    location text NOT NULL DEFAULT '',                  -- where it is
    booking text NOT NULL DEFAULT 'free' CHECK (booking IN ('free', 'approval', 'closed')), -- free: accepted when there is no conflict; approval: its manager decides; closed: declined
    max_minutes bigint CHECK (max_minutes > 0),         -- longest booking; NULL: no limit
    horizon_days bigint CHECK (horizon_days > 0),       -- how far ahead it can be booked; NULL: no limit
    manager_id bigint,                                  -- account that decides; NULL: none
    description text NOT NULL DEFAULT '',               -- equipment, access
    revision bigint NOT NULL DEFAULT 0                  -- raised by each of our own writes
) {without_rowid};
CREATE INDEX resource_by_manager ON resource (manager_id) WHERE manager_id IS NOT NULL;

-- Who is in a group or list: an account (also another group or list) or an outside address.
CREATE TABLE membership (
    organisation_id bigint NOT NULL,                    -- whose it is
    group_id bigint NOT NULL REFERENCES entry (account_id), -- the group or list
    member_id bigint NOT NULL DEFAULT 0,                -- the member's account; 0: an outside address
    member_address text NOT NULL DEFAULT '',            -- the outside address; empty: an account
    added_at bigint NOT NULL DEFAULT 0,                 -- when it was added
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (group_id, member_id, member_address),
    CHECK ((member_id = 0) <> (member_address = ''))
) {without_rowid};
-- The groups of an account.
CREATE INDEX membership_by_member ON membership (member_id) WHERE member_id <> 0;

-- Who may write to a group or list that takes mail from named senders only, and who moderates it.
CREATE TABLE team_sender (
    organisation_id bigint NOT NULL,                    -- whose it is
    team_id bigint NOT NULL REFERENCES team (account_id), -- the group or list
    sender_id bigint NOT NULL DEFAULT 0,                -- account of the sender, or of a group of senders; 0: an outside address
    sender_address text NOT NULL DEFAULT '',            -- the outside address; empty: an account
    moderator bigint NOT NULL DEFAULT 0 CHECK (moderator IN (0, 1)), -- 1: also decides on mail of others
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (team_id, sender_id, sender_address),
    CHECK ((sender_id = 0) <> (sender_address = ''))
) {without_rowid};
CREATE INDEX team_sender_by_sender ON team_sender (sender_id) WHERE sender_id <> 0;

-- Where mail goes instead: the targets of an alias, and the forwards of a person or shared mailbox.
CREATE TABLE redirect (
    organisation_id bigint NOT NULL,                    -- whose it is
    account_id bigint NOT NULL REFERENCES entry (account_id), -- the alias, person or shared mailbox
    target_id bigint NOT NULL DEFAULT 0,                -- account of the target; 0: an outside address
    target_address text NOT NULL DEFAULT '',            -- the outside address; empty: an account
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (account_id, target_id, target_address),
    CHECK ((target_id = 0) <> (target_address = ''))
) {without_rowid};
CREATE INDEX redirect_by_target ON redirect (target_id) WHERE target_id <> 0;

-- Every address that we receive for, whatever it leads to.
CREATE TABLE address (
    address text NOT NULL PRIMARY KEY CHECK (address = lower(address)), -- local part in lower case, domain in A-labels
    organisation_id bigint NOT NULL,                    -- whose it is
    domain_id bigint NOT NULL,                          -- its domain, which is no alias of another
    account_id bigint NOT NULL REFERENCES entry (account_id), -- whom it reaches
    kind text NOT NULL DEFAULT 'alias' CHECK (kind IN ('primary', 'alias', 'temporary')), -- primary: one a entry; temporary: ends by itself
    expires_at bigint,                                  -- when a temporary address ends; NULL: never
    note text NOT NULL DEFAULT '',                      -- what it was made for
    created_at bigint NOT NULL DEFAULT 0,               -- when it was made
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    FOREIGN KEY (organisation_id, domain_id) REFERENCES domain (organisation_id, id),
    CHECK ((kind = 'temporary') = (expires_at IS NOT NULL))
) {without_rowid};
CREATE INDEX address_by_account ON address (account_id);
CREATE INDEX address_by_domain ON address (organisation_id, domain_id);
CREATE INDEX address_to_expire ON address (expires_at) WHERE expires_at IS NOT NULL;

-- Addresses that a pre-deleted entry gave up, to be given back if they are still free when it is restored.
CREATE TABLE released_address (
    account_id bigint NOT NULL,                         -- whose it was
    address text NOT NULL,                              -- the address
    organisation_id bigint NOT NULL,                    -- whose it is
    domain_id bigint NOT NULL,                          -- its domain
    kind text NOT NULL,                                 -- what it was
    expires_at bigint,                                  -- when a temporary address ends
    note text NOT NULL,                                 -- what it was made for
    created_at bigint NOT NULL,                         -- when it was made
    PRIMARY KEY (account_id, address)
) {without_rowid};

-- The password of an account. Secret: give no reader access.
CREATE TABLE password (
    account_id bigint NOT NULL PRIMARY KEY,             -- whose it is
    organisation_id bigint NOT NULL,                    -- whose account it is
    hash text NOT NULL,                                 -- argon2id; or of an older system (SSHA, CRYPT), replaced at the next login
    changed_at bigint NOT NULL DEFAULT 0,               -- when it was set
    must_change bigint NOT NULL DEFAULT 0 CHECK (must_change IN (0, 1)), -- 1: good for nothing but setting a new one
    revision bigint NOT NULL DEFAULT 0                  -- raised by each of our own writes
) {without_rowid};

-- Passwords for one program each: 128 random bits. Secret: give no reader access.
CREATE TABLE app_password (
    account_id bigint NOT NULL,                         -- whose it is
    id bigint NOT NULL,                                 -- unique in the account
    organisation_id bigint NOT NULL,                    -- whose account it is
    hash {bytes} NOT NULL,                              -- BLAKE3 of the account and the password
    label text NOT NULL,                                -- the program or device it is for
    doors text NOT NULL DEFAULT '',                     -- names of the doors it opens, separated by spaces; empty: all that take passwords
    created_at bigint NOT NULL,                         -- when it was made
    last_used_at bigint,                                -- when it last opened a door, within an hour; NULL: never
    expires_at bigint,                                  -- when it ends; NULL: never
    PRIMARY KEY (account_id, id)
) {without_rowid};

-- The second factor of an account: one-time codes (RFC 6238). Secret: give no reader access.
CREATE TABLE one_time_code (
    account_id bigint NOT NULL PRIMARY KEY,             -- whose it is
    organisation_id bigint NOT NULL,                    -- whose account it is
    secret {bytes} NOT NULL,                            -- the shared secret, 20 bytes
    confirmed_at bigint,                                -- when a first code was right; NULL: not in force yet
    last_step bigint NOT NULL DEFAULT 0                 -- step of the last code that was taken: none is taken twice
) {without_rowid};

-- Codes that replace the second factor once each. Secret: give no reader access.
CREATE TABLE recovery_code (
    account_id bigint NOT NULL,                         -- whose it is
    hash {bytes} NOT NULL,                              -- BLAKE3 of the account and the code
    used_at bigint,                                     -- when it was used; NULL: still good
    PRIMARY KEY (account_id, hash)
) {without_rowid};

-- Networks an account logged in from: strangers who guess its password cannot shut those out.
CREATE TABLE known_network (
    account_id bigint NOT NULL,                         -- whose it is
    network text NOT NULL,                              -- IPv4 address or IPv6 /64
    last_seen_at bigint NOT NULL,                       -- when it last logged in from there, within a day
    PRIMARY KEY (account_id, network)
) {without_rowid};

-- Sessions: who is or was logged in, from where. Secret in part: token_hash.
CREATE TABLE session (
    id bigint NOT NULL PRIMARY KEY,                     -- random; stands in the history of what was done in it
    organisation_id bigint NOT NULL,                    -- whose account it is
    account_id bigint NOT NULL,                         -- who logged in
    door bigint NOT NULL,                               -- number of the door
    client text NOT NULL DEFAULT '',                    -- program or browser, as it names itself
    network_address text NOT NULL DEFAULT '',           -- where it came from; emptied when the law says so
    token_hash {bytes},                                 -- BLAKE3 of the token that the client holds; NULL: bound to a connection
    created_at bigint NOT NULL,                         -- when it began
    last_seen_at bigint NOT NULL,                       -- when it was last used, within some minutes
    expires_at bigint NOT NULL,                         -- when it ends by itself
    ended_at bigint                                     -- when it was ended; NULL: not ended by anyone
) {without_rowid};
CREATE INDEX session_by_account ON session (account_id, created_at);
CREATE UNIQUE INDEX session_by_token ON session (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX session_to_forget ON session (expires_at);

-- A role: a set of verbs under a name.
CREATE TABLE role (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    name text NOT NULL CHECK (name <> ''),              -- unique in the organisation
    description text NOT NULL DEFAULT '',               -- what it is for
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
) {without_rowid};

-- A verb of a role. The verbs are listed in docs/directory.md.
CREATE TABLE role_verb (
    organisation_id bigint NOT NULL,                    -- whose it is
    role_id bigint NOT NULL,                            -- the role
    verb text NOT NULL,                                 -- what it allows
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, role_id, verb),
    FOREIGN KEY (organisation_id, role_id) REFERENCES role (organisation_id, id)
) {without_rowid};

-- A role given to someone on a part of the organisation.
CREATE TABLE role_grant (
    organisation_id bigint NOT NULL,                    -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    subject_id bigint NOT NULL,                         -- account of the person or group that has it
    role_id bigint NOT NULL,                            -- the role
    scope text NOT NULL CHECK (scope IN ('organisation', 'domain', 'unit', 'group')), -- on what: all; a domain's entries; a unit and those below; a group and its direct members
    scope_id bigint NOT NULL DEFAULT 0,                 -- id of the domain or unit, account of the group; 0: the organisation
    max_people bigint CHECK (max_people >= 0),          -- people that may exist in the scope when it creates one; NULL: no limit
    max_quota_bytes bigint CHECK (max_quota_bytes >= 0), -- largest quota it may give; NULL: no limit
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, role_id) REFERENCES role (organisation_id, id),
    CHECK ((scope = 'organisation') = (scope_id = 0))
) {without_rowid};
CREATE UNIQUE INDEX role_grant_once ON role_grant (organisation_id, subject_id, role_id, scope, scope_id);

-- An import of people from a file, which can be taken up where it stopped.
CREATE TABLE import_run (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose it is
    id bigint NOT NULL,                                 -- unique in the organisation
    file_name text NOT NULL,                            -- as the administrator named it
    file_hash {bytes} NOT NULL,                         -- BLAKE3 of the file: another file is another import
    started_at bigint NOT NULL,                         -- when it began
    finished_at bigint,                                 -- when its last line was done; NULL: not finished
    lines bigint NOT NULL DEFAULT 0,                    -- lines that are done, the header is line 1
    created bigint NOT NULL DEFAULT 0,                  -- people it created
    changed bigint NOT NULL DEFAULT 0,                  -- people it changed
    unchanged bigint NOT NULL DEFAULT 0,                -- people who were as the file says
    failed bigint NOT NULL DEFAULT 0,                   -- lines with an error
    PRIMARY KEY (organisation_id, id)
) {without_rowid};
CREATE UNIQUE INDEX import_run_by_file ON import_run (organisation_id, file_hash);

-- A line of an import that could not be done.
CREATE TABLE import_error (
    organisation_id bigint NOT NULL,                    -- whose it is
    run_id bigint NOT NULL,                             -- the import
    line bigint NOT NULL,                               -- line of the file, from 1
    field text NOT NULL,                                -- column that is wrong
    rule text NOT NULL,                                 -- what is wrong with it, for people
    PRIMARY KEY (organisation_id, run_id, line, field),
    FOREIGN KEY (organisation_id, run_id) REFERENCES import_run (organisation_id, id)
) {without_rowid};

-- Changes that others made by SQL and that are not in the history yet. Written by triggers, emptied by us.
--- sqlite
CREATE TABLE sql_change (
    id integer PRIMARY KEY AUTOINCREMENT,               -- order of the changes
    at bigint NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS integer)), -- when
    organisation_id bigint NOT NULL,                    -- whose row it is
    table_name text NOT NULL,                           -- the table
    row_key text NOT NULL,                              -- key of the row; parts are separated by /
    what text NOT NULL,                                 -- insert, update or delete
    detail text NOT NULL DEFAULT ''                     -- for an update: column: old -> new; ...
);
--- end
--- postgres
CREATE TABLE sql_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of the changes
    at bigint NOT NULL DEFAULT ((extract(epoch FROM clock_timestamp()) * 1000)::bigint), -- when
    organisation_id bigint NOT NULL,                    -- whose row it is
    table_name text NOT NULL,                           -- the table
    row_key text NOT NULL,                              -- key of the row; parts are separated by /
    what text NOT NULL,                                 -- insert, update or delete
    detail text NOT NULL DEFAULT ''                     -- for an update: column: old -> new; ...
);
--- end

-- People, one row each, with what is in force for them. Stable: for other programs.
CREATE VIEW directory_people AS
SELECT o.name AS organisation, e.account_id, e.address, e.name, p.given_name, p.family_name, p.title, p.telephone,
       e.state, e.unit_id, e.external_id, c.name AS class,
       nullif({least}(coalesce(e.quota_bytes, c.quota_bytes, 9223372036854775807),
                      coalesce(d.max_quota_bytes, 9223372036854775807),
                      coalesce(o.max_quota_bytes, 9223372036854775807)), 9223372036854775807) AS quota_bytes
FROM entry e
JOIN organisation o ON o.id = e.organisation_id
JOIN domain d ON d.organisation_id = e.organisation_id AND d.id = e.domain_id
JOIN person p ON p.account_id = e.account_id
LEFT JOIN class_of_service c ON c.organisation_id = e.organisation_id AND c.id = e.class_id;

-- Every address with the entry it reaches. Stable: for other programs.
CREATE VIEW directory_addresses AS
SELECT o.name AS organisation, a.address, a.kind, a.expires_at, e.account_id, e.kind AS entry_kind,
       e.address AS primary_address, e.state
FROM address a
JOIN entry e ON e.account_id = a.account_id
JOIN organisation o ON o.id = a.organisation_id;

-- Direct members of groups and lists, by address. Stable: for other programs.
CREATE VIEW directory_members AS
SELECT g.address AS group_address, g.kind AS group_kind, coalesce(m.address, s.member_address) AS member_address,
       s.group_id, s.member_id
FROM membership s
JOIN entry g ON g.account_id = s.group_id
LEFT JOIN entry m ON m.account_id = s.member_id;

-- For Postfix, virtual_mailbox_domains: domains that are received for.
CREATE VIEW postfix_domains AS
SELECT d.name, 'OK' AS result
FROM domain d
JOIN organisation o ON o.id = d.organisation_id
WHERE d.state <> 'closed' AND o.state <> 'closed';

-- For Postfix, virtual_mailbox_maps: addresses that are received for now, also those at aliases of domains.
CREATE VIEW postfix_recipients AS
SELECT a.address, e.account_id
FROM address a
JOIN entry e ON e.account_id = a.account_id AND e.state IN ('active', 'locked')
UNION ALL
SELECT substr(a.address, 1, length(a.address) - length(d.name)) || x.name, e.account_id
FROM domain x
JOIN domain d ON d.organisation_id = x.organisation_id AND d.id = x.alias_of_id
JOIN address a ON a.organisation_id = d.organisation_id AND a.domain_id = d.id
JOIN entry e ON e.account_id = a.account_id AND e.state IN ('active', 'locked');
