-- The log and all that is written in one transaction with it. Every table here is append-only: the
-- application's role may SELECT and INSERT, and nothing more.
-- Never here: anything derived that a rebuild makes anew, and any object outside of the tenant's schema.

-- One row per milestone, in the order of recording and without gaps. A stream is a deal as far as its
-- keys showed when the milestone came; its number is the position of its first milestone.
CREATE TABLE log (
    position bigint NOT NULL,
    stream bigint NOT NULL,
    version integer NOT NULL,
    inbox bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    identity uuid NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT log_pkey PRIMARY KEY (position),
    CONSTRAINT log_stream_version_key UNIQUE (stream, version),
    CONSTRAINT log_identity_key UNIQUE (identity),
    CONSTRAINT log_numbers CHECK (stream BETWEEN 1 AND position AND version >= 1)
);

-- One row per transaction that appended to the log. recorded_at is strictly increasing.
CREATE TABLE log_commit (
    first bigint NOT NULL,
    last bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT log_commit_pkey PRIMARY KEY (first),
    CONSTRAINT log_commit_recorded_at_key UNIQUE (recorded_at),
    CONSTRAINT log_commit_range CHECK (last >= first)
);

-- What came in, whole, byte for byte. digest: SHA-256 of body. headers: a JSON object of those that matter.
CREATE TABLE inbox (
    id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    source text NOT NULL,
    content_type text,
    headers text,
    mapping text,
    body bytea NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (id)
);

-- Another message id may speak of the same version of the same subject: (source, subject, type, sequence).
CREATE TABLE sequence_identity (
    identity uuid NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT sequence_identity_pkey PRIMARY KEY (identity)
);

-- The stream in which a business key was first seen, and the position at which it was.
CREATE TABLE deal_key (
    key text COLLATE "C" NOT NULL,
    stream bigint NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT deal_key_pkey PRIMARY KEY (key)
);

-- Two streams found to be one deal. Both were roots at that position; a child is one only once.
CREATE TABLE deal_link (
    child bigint NOT NULL,
    parent bigint NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT deal_link_pkey PRIMARY KEY (child),
    CONSTRAINT deal_link_order CHECK (parent < child)
);
CREATE INDEX deal_link_position ON deal_link (position);
CREATE INDEX deal_link_parent ON deal_link (parent);

-- A milestone of a payment in stream_a, one of whose keys has its home in stream_b: two deals, one payment.
CREATE TABLE payment_crossing (
    stream_a bigint NOT NULL,
    stream_b bigint NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT payment_crossing_pkey PRIMARY KEY (position, stream_b)
);

-- A message whose identity is on record with other content. position: the one on record.
CREATE TABLE conflict (
    id bigint NOT NULL,
    inbox bigint NOT NULL,
    identity uuid NOT NULL,
    position bigint NOT NULL,
    digest bytea NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT conflict_pkey PRIMARY KEY (id),
    CONSTRAINT conflict_identity_digest_key UNIQUE (identity, digest)
);

-- A message that could not be understood. reasons: [{"code", "pointer", "message"}]. digest: its body's.
CREATE TABLE quarantine (
    id bigint NOT NULL,
    inbox bigint NOT NULL,
    digest bytea NOT NULL,
    source text,
    event_id text,
    type text,
    reasons jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    mapping text,
    CONSTRAINT quarantine_pkey PRIMARY KEY (id)
);
CREATE INDEX quarantine_digest ON quarantine (digest);

-- What a second reading of a quarantined message came to, one row per milestone in it. An entry is open
-- while none of its rows has the outcome recorded, duplicate, conflict or ignored.
CREATE TABLE quarantine_replay (
    id bigint GENERATED ALWAYS AS IDENTITY,
    quarantine_id bigint NOT NULL,
    outcome text NOT NULL,
    position bigint,
    reasons jsonb NOT NULL,
    replayed_at timestamptz NOT NULL,
    CONSTRAINT quarantine_replay_pkey PRIMARY KEY (id),
    CONSTRAINT quarantine_replay_outcome CHECK (
        outcome IN ('recorded', 'duplicate', 'conflict', 'quarantined', 'ignored'))
);
CREATE INDEX quarantine_replay_entry ON quarantine_replay (quarantine_id);

-- Long values are stored as they are: compressing them costs more than it saves. (In CREATE TABLE itself this
-- can be said from PostgreSQL 16 on only.)
ALTER TABLE log ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;

GRANT SELECT, INSERT ON
    log, log_commit, inbox, sequence_identity, deal_key, deal_link, payment_crossing,
    conflict, quarantine, quarantine_replay
TO :app_role;
