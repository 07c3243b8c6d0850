-- What is derived from the log, one generation beside another. The rows of a generation live in tables of
-- its own (posting_g1, ...), which the application's role makes, fills and drops.
-- Never here: anything that could not be made anew from the log.

-- state: building, live, retired. position: the last position of the log that it has taken in.
-- rules: digest of the posting rules and policies that made it.
CREATE TABLE generation (
    id integer GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    rules text NOT NULL,
    code_version text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    live_at timestamptz,
    CONSTRAINT generation_pkey PRIMARY KEY (id),
    CONSTRAINT generation_state CHECK (state IN ('building', 'live', 'retired'))
);
CREATE UNIQUE INDEX generation_one_live ON generation (state) WHERE state = 'live';

GRANT SELECT, INSERT, UPDATE, DELETE ON generation TO :app_role;
