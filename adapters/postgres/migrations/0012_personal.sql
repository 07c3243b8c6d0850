-- Personal values that stand apart from the log: what tokens in stored payloads stand for, sealed under a key
-- per data subject. Never here: a plain value, a subject's id, the secret that wraps the keys.

-- What tokens of this ledger are made with besides the secret, which stands outside of the database. salt: so
-- that two tenants never have the same tokens. proof: tells whether a secret is the one that it began with.
CREATE TABLE personal_secret (
    one boolean NOT NULL DEFAULT true,
    salt bytea NOT NULL,
    proof bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT personal_secret_pkey PRIMARY KEY (one),
    CONSTRAINT personal_secret_one CHECK (one)
);

-- A key per data subject. subject: 8 bytes of a keyed hash of the id. wrapped: the key, encrypted under the
-- secret; null once the subject was forgotten. is_body: not a person but one whole payload that could not be
-- searched for personal values, with a key of its own.
CREATE TABLE subject_key (
    subject bytea NOT NULL,
    wrapped bytea,
    is_body boolean NOT NULL DEFAULT false,
    CONSTRAINT subject_key_pkey PRIMARY KEY (subject),
    CONSTRAINT subject_key_length CHECK (octet_length(subject) = 8)
);

-- A value as it stood in a payload, encrypted under its subject's key, bound to its token.
CREATE TABLE personal_value (
    subject bytea NOT NULL,
    value bytea NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT personal_value_pkey PRIMARY KEY (subject, value)
);
ALTER TABLE personal_value ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- What was done to subjects, in order: forgotten, or allowed again. destroyed: sealed values that went.
CREATE TABLE personal_act (
    id bigint GENERATED ALWAYS AS IDENTITY,
    subject bytea NOT NULL,
    act text NOT NULL,
    destroyed bigint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT personal_act_pkey PRIMARY KEY (id),
    CONSTRAINT personal_act_known CHECK (act IN ('forgotten', 'allowed'))
);
CREATE INDEX personal_act_subject ON personal_act (subject, id);

GRANT SELECT, INSERT ON personal_secret, personal_act TO :app_role;

-- Owned by the application, so that it can sweep what is left of a key once it is destroyed (VACUUM).
ALTER TABLE subject_key OWNER TO :app_role;
ALTER TABLE personal_value OWNER TO :app_role;
