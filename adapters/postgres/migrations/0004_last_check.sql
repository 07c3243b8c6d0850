-- When the books were checked last: outcomes that stay the same are kept once an hour (self_check).
-- Never here: what a check came to.

-- One row. rest: seconds that the check rests before it is made again, as long as it took.
CREATE TABLE last_check (
    one boolean NOT NULL DEFAULT true,
    checked_at timestamptz NOT NULL,
    generation integer NOT NULL,
    position bigint NOT NULL,
    at date NOT NULL,
    rest double precision NOT NULL,
    CONSTRAINT last_check_pkey PRIMARY KEY (one),
    CONSTRAINT last_check_one CHECK (one)
);

GRANT SELECT, INSERT, UPDATE ON last_check TO :app_role;
