-- What the whole of milestone accounting needs beside the log.
-- Never here: anything derived that a rebuild makes anew, but for where generations are kept.

-- A correction or void that came before its target: when the target comes, the two are folded together.
CREATE TABLE awaited (
    target uuid NOT NULL,
    stream bigint NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT awaited_pkey PRIMARY KEY (target, position)
);

-- What a self-check of the books came to. breaches: [] where all laws held.
CREATE TABLE self_check (
    id bigint GENERATED ALWAYS AS IDENTITY,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    generation integer NOT NULL,
    position bigint NOT NULL,
    at date NOT NULL,
    breaches jsonb NOT NULL,
    CONSTRAINT self_check_pkey PRIMARY KEY (id)
);

-- Generations of another shape can't be read any more; the projector makes the first of the new shape anew.
DO $$
DECLARE
    made record;
    part text;
BEGIN
    FOR made IN SELECT id FROM generation LOOP
        FOREACH part IN ARRAY ARRAY['posting', 'deal_name', 'deal_dimension', 'finding'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', part || '_g' || made.id);
        END LOOP;
    END LOOP;
    DELETE FROM generation;
END
$$;

-- policies: what is in force in it, as JSON (domain/policies). A generation beside the live one that is
-- kept at the head, because it is folded under other policies, has the state `side`.
ALTER TABLE generation ADD COLUMN policies text NOT NULL DEFAULT '[]';
ALTER TABLE generation DROP CONSTRAINT generation_state;
ALTER TABLE generation ADD CONSTRAINT generation_state CHECK (state IN ('building', 'live', 'retired', 'side'));

GRANT SELECT, INSERT ON awaited, self_check TO :app_role;
