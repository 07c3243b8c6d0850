-- The tables of one generation, without indexes: those are made after the bulk load.
-- Must never touch a table of the log or of another generation.

-- Transfers. amount: minor units that move from debit to credit. They count from `effective` on; with a span,
-- they are earned day by day over it. `stated`: from when on the schedule was known. `position`: from where
-- in the log on the transfer is known.
CREATE TABLE posting_{generation} (
    deal bigint NOT NULL,
    fact bigint NOT NULL,
    position bigint NOT NULL,
    amount bigint NOT NULL,
    stated date NOT NULL,
    effective date NOT NULL,
    span_start date,
    span_end date,
    due date,
    debit smallint NOT NULL,
    credit smallint NOT NULL,
    class smallint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    sku text COLLATE "C",
    line text COLLATE "C",
    object text COLLATE "C"
);

-- The public name of a deal from a position on; empty where it became part of another deal.
CREATE TABLE deal_name_{generation} (
    deal bigint NOT NULL,
    position bigint NOT NULL,
    name text COLLATE "C" NOT NULL
);

-- A deal's value of a dimension from an effective date on, as known from a position on; null: withdrawn.
CREATE TABLE deal_dimension_{generation} (
    deal bigint NOT NULL,
    position bigint NOT NULL,
    effective date NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text COLLATE "C"
);

-- What the fold found about a fact (a repeated document number, a claim of another system, ...), from a
-- position on; sign -1: no longer.
CREATE TABLE finding_{generation} (
    deal bigint NOT NULL,
    fact bigint NOT NULL,
    position bigint NOT NULL,
    sign smallint NOT NULL,
    code text COLLATE "C" NOT NULL
);
