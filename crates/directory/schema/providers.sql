
-- A provider that people of an organisation log in at (OpenID Connect).
CREATE TABLE login_provider (
    organisation_id bigint NOT NULL REFERENCES organisation (id), -- whose people
    id bigint NOT NULL,                                 -- unique in the organisation
    name text NOT NULL CHECK (name <> ''),              -- unique in the organisation; shown where people log in
    issuer text NOT NULL,                               -- its address, as it names itself
    client_id text NOT NULL,                            -- what it calls this server
    scopes text NOT NULL DEFAULT 'openid email profile', -- what it is asked for
    address_claim text NOT NULL DEFAULT 'email',        -- the claim that names the address of an account
    group_claim text NOT NULL DEFAULT 'groups',         -- the claim that names groups, mapped by provider_group
    trusts_addresses bigint NOT NULL DEFAULT 0 CHECK (trusts_addresses IN (0, 1)), -- 1: addresses count without email_verified
    makes_people bigint NOT NULL DEFAULT 0 CHECK (makes_people IN (0, 1)), -- 1: a person is made at the first login
    token_audience text NOT NULL DEFAULT '',            -- audience of its access tokens that open IMAP, POP3, Sieve and submission; empty: none do
    introspects bigint NOT NULL DEFAULT 0 CHECK (introspects IN (0, 1)), -- 1: it is asked about tokens that are not signed (RFC 7662)
    revision bigint NOT NULL DEFAULT 0,                 -- raised by each of our own writes
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
) {without_rowid};
CREATE INDEX login_provider_by_issuer ON login_provider (issuer);

-- What this server proves itself with at a provider; none: nothing (PKCE only). Secret: give no reader access.
CREATE TABLE provider_secret (
    organisation_id bigint NOT NULL,                    -- whose provider
    provider_id bigint NOT NULL,                        -- the provider
    secret text NOT NULL,                               -- as the provider gave it
    PRIMARY KEY (organisation_id, provider_id)
) {without_rowid};

-- What a value of a provider's group claim means here: a group that people are in, or a role that they have.
CREATE TABLE provider_group (
    organisation_id bigint NOT NULL,                    -- whose provider
    provider_id bigint NOT NULL,                        -- the provider
    value text NOT NULL,                                -- the value of the claim
    group_id bigint NOT NULL DEFAULT 0,                 -- account of the group; 0: a role
    role_id bigint NOT NULL DEFAULT 0,                  -- the role on the whole organisation; 0: a group
    PRIMARY KEY (organisation_id, provider_id, value, group_id, role_id),
    CHECK ((group_id = 0) <> (role_id = 0))
) {without_rowid};
CREATE INDEX provider_group_by_group ON provider_group (group_id);

-- Who people are at a provider.
CREATE TABLE provider_subject (
    organisation_id bigint NOT NULL,                    -- whose provider
    provider_id bigint NOT NULL,                        -- the provider
    subject text NOT NULL,                              -- what the provider calls them, for ever
    account_id bigint NOT NULL,                         -- the account here
    linked_at bigint NOT NULL,                          -- when they first came
    PRIMARY KEY (organisation_id, provider_id, subject)
) {without_rowid};
CREATE INDEX provider_subject_by_account ON provider_subject (account_id);

-- Sessions that began at a provider, which can end them.
CREATE TABLE provider_session (
    session_id bigint NOT NULL PRIMARY KEY,             -- the session
    organisation_id bigint NOT NULL,                    -- whose provider
    provider_id bigint NOT NULL,                        -- the provider
    account_id bigint NOT NULL,                         -- whose it is
    subject text NOT NULL,                              -- what the provider calls them
    provider_session text NOT NULL DEFAULT ''           -- the provider's own session (sid); empty: it told none
) {without_rowid};
CREATE INDEX provider_session_by_account ON provider_session (account_id);
CREATE INDEX provider_session_by_subject ON provider_session (organisation_id, provider_id, subject);

--- sqlite
CREATE TRIGGER login_provider_added_by_sql AFTER INSERT ON login_provider WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'login_provider', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER login_provider_changed_by_sql AFTER UPDATE ON login_provider WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'login_provider', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.address_claim IS DISTINCT FROM NEW.address_claim THEN 'address_claim: ' || coalesce(OLD.address_claim, 'none') || ' -> ' || coalesce(NEW.address_claim, 'none') END,
        CASE WHEN OLD.client_id IS DISTINCT FROM NEW.client_id THEN 'client_id: ' || coalesce(OLD.client_id, 'none') || ' -> ' || coalesce(NEW.client_id, 'none') END,
        CASE WHEN OLD.group_claim IS DISTINCT FROM NEW.group_claim THEN 'group_claim: ' || coalesce(OLD.group_claim, 'none') || ' -> ' || coalesce(NEW.group_claim, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.introspects IS DISTINCT FROM NEW.introspects THEN 'introspects: ' || coalesce(OLD.introspects, 'none') || ' -> ' || coalesce(NEW.introspects, 'none') END,
        CASE WHEN OLD.issuer IS DISTINCT FROM NEW.issuer THEN 'issuer: ' || coalesce(OLD.issuer, 'none') || ' -> ' || coalesce(NEW.issuer, 'none') END,
        CASE WHEN OLD.makes_people IS DISTINCT FROM NEW.makes_people THEN 'makes_people: ' || coalesce(OLD.makes_people, 'none') || ' -> ' || coalesce(NEW.makes_people, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.scopes IS DISTINCT FROM NEW.scopes THEN 'scopes: ' || coalesce(OLD.scopes, 'none') || ' -> ' || coalesce(NEW.scopes, 'none') END,
        CASE WHEN OLD.token_audience IS DISTINCT FROM NEW.token_audience THEN 'token_audience: ' || coalesce(OLD.token_audience, 'none') || ' -> ' || coalesce(NEW.token_audience, 'none') END,
        CASE WHEN OLD.trusts_addresses IS DISTINCT FROM NEW.trusts_addresses THEN 'trusts_addresses: ' || coalesce(OLD.trusts_addresses, 'none') || ' -> ' || coalesce(NEW.trusts_addresses, 'none') END));
END;
CREATE TRIGGER login_provider_removed_by_sql AFTER DELETE ON login_provider WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'login_provider', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
--- end
--- postgres
CREATE TRIGGER login_provider_added_by_sql AFTER INSERT ON login_provider FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER login_provider_changed_by_sql AFTER UPDATE ON login_provider FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER login_provider_removed_by_sql AFTER DELETE ON login_provider FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
--- end
