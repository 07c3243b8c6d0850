-- What connecting source systems needs beside the log: webhooks seen, cursors of polls, what waits to be
-- fetched, totals compared. Never here: anything of the books.

-- ---- polls and fetches

-- Records that sparse messages point to and that are not fetched yet: one row each, however many messages ask
-- for it. source: `<mapping>/<instance>`. native_id: empty where the message says only that something of the
-- kind has changed. inbox: the last message that asked; asked: how many have. next_attempt: null where it is
-- left to a person.
CREATE TABLE awaiting_fetch (
    source text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    inbox bigint NOT NULL,
    asked integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt timestamptz,
    last_error text,
    CONSTRAINT awaiting_fetch_pkey PRIMARY KEY (source, object, native_id)
);
CREATE INDEX awaiting_fetch_next ON awaiting_fetch (source, next_attempt);

-- What became of them, for good. outcome: how its record came in; `gone` where the source no longer has it.
-- inbox: the last message that asked for it.
CREATE TABLE fetched (
    id bigint GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    object text NOT NULL,
    native_id text NOT NULL,
    inbox bigint NOT NULL,
    outcome text NOT NULL,
    since timestamptz NOT NULL,
    fetched_at timestamptz NOT NULL,
    CONSTRAINT fetched_pkey PRIMARY KEY (id)
);

-- How far a feed has been asked for each kind of object. watermark: changes up to then were asked for in a
-- poll that came to its end. page: where the poll that is under way goes on; asked_since and highest belong to
-- it. These rows are written after what they speak of is durable.
CREATE TABLE poll_cursor (
    feed text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    watermark timestamptz,
    asked_since timestamptz,
    page text,
    highest timestamptz,
    began_at timestamptz,
    completed_at timestamptz,
    records bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    next_poll timestamptz,
    last_error text,
    CONSTRAINT poll_cursor_pkey PRIMARY KEY (feed, object)
);

-- Files that a feed has taken from its folder, by the SHA-256 of their bytes. outcome: done or failed.
CREATE TABLE taken_file (
    id bigint GENERATED ALWAYS AS IDENTITY,
    feed text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    bytes bigint NOT NULL,
    outcome text NOT NULL,
    summary jsonb NOT NULL,
    taken_at timestamptz NOT NULL,
    CONSTRAINT taken_file_pkey PRIMARY KEY (id),
    CONSTRAINT taken_file_outcome CHECK (outcome IN ('done', 'failed'))
);
CREATE INDEX taken_file_digest ON taken_file (feed, digest);

GRANT SELECT, INSERT, UPDATE, DELETE ON awaiting_fetch TO :app_role;
GRANT SELECT, INSERT, UPDATE ON poll_cursor TO :app_role;
GRANT SELECT, INSERT ON fetched, taken_file TO :app_role;

-- A quarantined message that is read again may turn out to be a sparse one.
ALTER TABLE quarantine_replay DROP CONSTRAINT quarantine_replay_outcome;
ALTER TABLE quarantine_replay ADD CONSTRAINT quarantine_replay_outcome CHECK (
    outcome IN ('recorded', 'duplicate', 'conflict', 'quarantined', 'ignored', 'waiting'));

-- ---- completeness

-- What each milestone says of an object of its source, a row per milestone: the log does not know sources,
-- objects and amounts by columns. The projector fills it behind the log, so appending pays nothing for it; it
-- could be made anew from the log. effective: as stored, by_time: it is the UTC date of instant (microseconds
-- since 1970 UTC). amount: minor units, gross. number: the sequence, where it is a whole number of 64 bits.
CREATE TABLE source_milestone (
    position bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    effective date NOT NULL,
    by_time boolean NOT NULL,
    instant bigint NOT NULL,
    currency text COLLATE "C",
    amount bigint,
    number bigint,
    CONSTRAINT source_milestone_pkey PRIMARY KEY (position)
);
CREATE INDEX source_milestone_day ON source_milestone (source, object, effective);
CREATE INDEX source_milestone_subject ON source_milestone (source, object, native_id);
CREATE INDEX source_milestone_last ON source_milestone (source, position);
CREATE INDEX source_milestone_number ON source_milestone (source, number) WHERE number IS NOT NULL;
CREATE INDEX source_milestone_total ON source_milestone (position) WHERE topic = 'control_total.reported.v1';

-- What is expected of a feed, a row whenever its configuration changes: the last one holds. speaks: sources that
-- it speaks as, `/role/system/instance` or `system/instance` for every role. every: seconds until silence is an
-- exception, null: never. dense: source or subject, whose sequence counts without gaps; null: none.
CREATE TABLE feed_expectation (
    id bigint GENERATED ALWAYS AS IDENTITY,
    feed text COLLATE "C" NOT NULL,
    speaks text[] NOT NULL,
    every bigint,
    dense text,
    configured_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT feed_expectation_pkey PRIMARY KEY (id),
    CONSTRAINT feed_expectation_dense CHECK (dense IN ('source', 'subject'))
);

-- A comparison of a source with the ledger: what each had, what was missing and was brought in. told_by: the
-- client or file that spoke for the source. result: counts, amounts and keys as JSON, lists capped. total: the
-- position of its control_total.reported, null where the source could not be asked to its end.
CREATE TABLE reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY,
    source text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    told_by text NOT NULL,
    outcome text NOT NULL,
    result jsonb NOT NULL,
    total bigint,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reconciliation_pkey PRIMARY KEY (id),
    CONSTRAINT reconciliation_outcome CHECK (outcome IN ('complete', 'broken'))
);
CREATE INDEX reconciliation_source ON reconciliation (source, id);

GRANT SELECT, INSERT ON source_milestone, feed_expectation, reconciliation TO :app_role;

-- ---- quarantine and mappings

-- Messages that were understood and rightly yielded no milestone, with the reason. Their bytes are kept, so
-- that a changed mapping can read them again. digest: their body's. The last row of an inbox row holds.
CREATE TABLE ignored (
    id bigint GENERATED ALWAYS AS IDENTITY,
    inbox bigint NOT NULL,
    digest bytea NOT NULL,
    mapping text,
    reason text NOT NULL,
    CONSTRAINT ignored_pkey PRIMARY KEY (id)
);
CREATE INDEX ignored_digest ON ignored (digest);

-- Milestones that another mapping, or another version of it, made of bytes than the one by which the bytes
-- came in: corrections and voids that a changed mapping led to are among them.
CREATE TABLE remapped (
    position bigint NOT NULL,
    mapping text NOT NULL,
    CONSTRAINT remapped_pkey PRIMARY KEY (position)
);

-- mapping: the one that read the message again. A message may also be dismissed: it is kept, and nobody has to
-- do anything about it any more. actor, note: who said so, and why.
ALTER TABLE quarantine_replay ADD COLUMN mapping text;
ALTER TABLE quarantine_replay ADD COLUMN actor text;
ALTER TABLE quarantine_replay ADD COLUMN note text;
ALTER TABLE quarantine_replay DROP CONSTRAINT quarantine_replay_outcome;
ALTER TABLE quarantine_replay ADD CONSTRAINT quarantine_replay_outcome CHECK (
    outcome IN ('recorded', 'duplicate', 'conflict', 'quarantined', 'ignored', 'waiting', 'dismissed'));

-- Entries as people ask for them: what their last reading said of them. source: of the milestone where it could
-- be read, else what the bytes came in as. status: open, dismissed, settled by a
-- reading that understood them, or mended: the message came again under its source and id and is on record.
-- stamp: `name@version#digest` of the mapping that read it last.
CREATE VIEW quarantine_entry AS
SELECT
    q.id,
    q.inbox,
    nullif(coalesce(q.source, i.source), '') AS source,
    q.event_id,
    q.type,
    coalesce(again.reasons, q.reasons) AS reasons,
    q.received_at,
    by.mapping,
    by.stamp,
    split_part(split_part(by.stamp, '#', 1), '@', 1) AS mapping_name,
    split_part(split_part(by.stamp, '#', 1), '@', 2) AS mapping_version,
    CASE
        WHEN again.settled THEN 'settled'
        WHEN again.dismissed THEN 'dismissed'
        WHEN EXISTS (
            -- the identity of a message: domain/deal.message_identity
            SELECT FROM log AS l
            WHERE l.identity = encode(substr(sha256(
                    convert_to(q.source, 'UTF8') || '\x00'::bytea || convert_to(q.event_id, 'UTF8')
                ), 1, 16), 'hex')::uuid
            AND q.received_at < (
                SELECT c.recorded_at FROM log_commit AS c
                WHERE c.first <= l.position ORDER BY c.first DESC LIMIT 1)
        ) THEN 'mended'
        ELSE 'open'
    END AS status
FROM quarantine AS q
JOIN inbox AS i ON i.id = q.inbox
CROSS JOIN LATERAL (
    SELECT
        bool_or(r.outcome NOT IN ('quarantined', 'dismissed')) AS settled,
        bool_or(r.outcome = 'dismissed') AS dismissed,
        (array_agg(r.reasons ORDER BY r.id DESC) FILTER (WHERE r.outcome = 'quarantined'))[1] AS reasons,
        (array_agg(r.mapping ORDER BY r.id DESC) FILTER (WHERE r.mapping IS NOT NULL))[1] AS mapping
    FROM quarantine_replay AS r WHERE r.quarantine_id = q.id
) AS again
CROSS JOIN LATERAL (
    SELECT coalesce(again.mapping, q.mapping) AS mapping,
        split_part(coalesce(again.mapping, q.mapping), '/', 1) AS stamp
) AS by;

GRANT SELECT, INSERT ON ignored, remapped TO :app_role;
GRANT SELECT ON quarantine_entry TO :app_role;

-- ---- webhooks and what each feed has brought

-- Records by feed, day of receipt (UTC) and what became of them; one row is added to. reason: of what is
-- ignored or quarantined, else empty. outcome `rejected` counts messages that did not prove their sender or
-- could not be taken, of which nothing is known to be a record. Written after what it counts is durable, and
-- before the sender is answered.
CREATE TABLE feed_tally (
    feed text COLLATE "C" NOT NULL,
    day date NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    records bigint NOT NULL,
    CONSTRAINT feed_tally_pkey PRIMARY KEY (feed, day, outcome, reason),
    CONSTRAINT feed_tally_outcome CHECK (outcome IN (
        'recorded', 'duplicate', 'conflict', 'quarantined', 'waiting', 'ignored', 'rejected'))
);

-- When a feed last brought something. behind: seconds from the latest time that a milestone of the last
-- message that had one states until it was received.
CREATE TABLE feed_state (
    feed text COLLATE "C" NOT NULL,
    last_message_at timestamptz NOT NULL,
    behind double precision,
    CONSTRAINT feed_state_pkey PRIMARY KEY (feed)
);

-- Signed messages that were taken in: by the proof of a message, which its sender makes only once. Kept for
-- twice the longest tolerance of clocks.
CREATE TABLE webhook_seen (
    feed text COLLATE "C" NOT NULL,
    proof bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT webhook_seen_pkey PRIMARY KEY (feed, proof)
);
CREATE INDEX webhook_seen_at ON webhook_seen (seen_at);

-- Messages that were turned away, the last thousand of each feed. Their bytes are not kept: whoever can't prove
-- who they are must not fill the disk. digest: SHA-256 of the body, where it was read.
CREATE TABLE webhook_rejection (
    id bigint GENERATED ALWAYS AS IDENTITY,
    feed text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    digest bytea,
    size bigint,
    CONSTRAINT webhook_rejection_pkey PRIMARY KEY (id)
);
CREATE INDEX webhook_rejection_feed ON webhook_rejection (feed, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON feed_tally, feed_state, webhook_seen, webhook_rejection TO :app_role;
