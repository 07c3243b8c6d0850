-- How far the self-check has come with comparing the journal with the log: one row, changed in place.
-- Must never hold what the log or the journal says.

-- next: the first stream that has not been compared in this round; milestones: those compared in it.
-- broken: roots of sets of streams whose journal differed when they were compared last.
CREATE TABLE check_round (
    one boolean NOT NULL DEFAULT true,
    generation integer NOT NULL,
    next bigint NOT NULL,
    milestones bigint NOT NULL,
    began_at timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    completed_at timestamptz,
    broken jsonb NOT NULL,
    CONSTRAINT check_round_pkey PRIMARY KEY (one),
    CONSTRAINT check_round_one CHECK (one)
);

GRANT SELECT, INSERT, UPDATE ON check_round TO :app_role;
