-- Keys that callers present, and what each may do. A key's text is shown once and kept nowhere: here is its
-- SHA-256. Rows are never deleted: what a key was is part of who did what.
-- Never here: a secret, a caller that OIDC vouches for, the operator's token.

CREATE TABLE access_key (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-Za-z]{10}$'),
    name text NOT NULL CHECK (name ~ '^[0-9A-Za-z][0-9A-Za-z._@-]{0,62}$'),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    roles text[] NOT NULL CHECK (
        cardinality(roles) > 0 AND roles <@ ARRAY['append', 'read', 'audit', 'rebuild', 'administer']
    ),
    -- patterns of sources to append for; empty where it does not append
    sources text[] NOT NULL CHECK (('append' = ANY (roles)) = (cardinality(sources) > 0)),
    -- values whose rows it may read; empty: all rows
    entities text[] NOT NULL,
    territories text[] NOT NULL,
    personal boolean NOT NULL,
    rate text,
    max_body bigint CHECK (max_body > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    -- by the minute, behind the requests
    used_at timestamptz
);

CREATE INDEX access_key_name ON access_key (name);

-- What has ended stays ended, and no key is given more time than it was made with.
CREATE FUNCTION access_key_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'a revoked key stays revoked';
    END IF;
    IF OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at) THEN
        RAISE EXCEPTION 'a key is not given more time';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER access_key_ends BEFORE UPDATE OF expires_at, revoked_at ON access_key
FOR EACH ROW EXECUTE FUNCTION access_key_ends();

-- Servers of this schema hear of it at once.
CREATE FUNCTION access_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_TABLE_SCHEMA || '_keys', '');
    RETURN NULL;
END $$;

CREATE TRIGGER access_key_changed AFTER INSERT OR UPDATE OF expires_at, revoked_at ON access_key
FOR EACH STATEMENT EXECUTE FUNCTION access_key_changed();

GRANT SELECT, INSERT ON access_key TO :app_role;
GRANT UPDATE (expires_at, revoked_at, revoked_by, used_at) ON access_key TO :app_role;
