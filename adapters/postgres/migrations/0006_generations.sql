-- How a generation is made, and what becomes of it: states, progress, figures, and the shares of its bulk.
-- Never here: rows of a generation; those live in tables of their own.

-- state: building (the bulk is loaded and indexed), catching_up (the milestones that came in since are taken in),
-- ready (at the head, not read by default), live, retired, side. rules_by_module: digest by module, as JSON;
-- rules is the digest of all of them. begun_at: when the process that builds it now began; it may be another than
-- the one that made it. total, done: milestones of the bulk, and those of them that are loaded. upto: the last
-- position of the bulk; null where there was none. plan: digest of how the bulk is divided into shares. figures:
-- what it came to and how long it took, as JSON. error: why the build ended early.
ALTER TABLE generation
    ADD COLUMN rules_by_module text NOT NULL DEFAULT '{}',
    ADD COLUMN begun_at timestamptz,
    ADD COLUMN ready_at timestamptz,
    ADD COLUMN retired_at timestamptz,
    ADD COLUMN stage text,
    ADD COLUMN upto bigint,
    ADD COLUMN plan text,
    ADD COLUMN total bigint NOT NULL DEFAULT 0,
    ADD COLUMN done bigint NOT NULL DEFAULT 0,
    ADD COLUMN figures text NOT NULL DEFAULT '{}',
    ADD COLUMN error text;
UPDATE generation SET retired_at = clock_timestamp() WHERE state = 'retired';
ALTER TABLE generation DROP CONSTRAINT generation_state;
ALTER TABLE generation ADD CONSTRAINT generation_state
    CHECK (state IN ('building', 'catching_up', 'ready', 'live', 'retired', 'side'));

-- The shares of a bulk that are loaded: each row is written in the transaction that loads its share, so that a
-- build that was broken off goes on with the others. share: its number in the plan.
CREATE TABLE generation_share (
    generation integer NOT NULL,
    share integer NOT NULL,
    milestones bigint NOT NULL,
    postings bigint NOT NULL,
    CONSTRAINT generation_share_pkey PRIMARY KEY (generation, share),
    CONSTRAINT generation_share_generation FOREIGN KEY (generation) REFERENCES generation ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON generation_share TO :app_role;
