-- A key that signs mail of a domain (DKIM, RFC 6376). The private part stands here as it is: whoever may read this table
-- may sign as the domain.
CREATE TABLE dkim_key (
    domain text NOT NULL, -- the domain that it signs for, in lower-case A-labels
    selector text NOT NULL, -- its name below `_domainkey`
    organisation_id bigint NOT NULL, -- whose domain it is
    algorithm text NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')), -- what it signs with
    private_key text NOT NULL, -- secret: DER in base64; PKCS#1 for RSA, PKCS#8 for Ed25519
    public_key text NOT NULL, -- what its DNS record publishes, in base64
    state text NOT NULL CHECK (state IN ('next', 'active', 'retired')), -- next: to be published, signs later; active: signs; retired: signs no more, its record stays until what it signed has arrived
    created_at bigint NOT NULL, -- when it was made, milliseconds since 1970
    active_at bigint, -- when it began to sign
    retired_at bigint, -- when it ceased to sign
    PRIMARY KEY (domain, selector)
) {without_rowid};
