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

-- What stands about a deal beside its postings: exceptions that the rules find (codes in capitals) and conditions
-- (small letters), from `effective` on, as known from `position` on. It stands while the signs add up to more
-- than zero. fact: the milestone that said it. amount: minor units of the currency.
CREATE TABLE signal_{generation} (
    deal bigint NOT NULL,
    fact bigint NOT NULL,
    position bigint NOT NULL,
    amount bigint NOT NULL,
    effective date NOT NULL,
    sign smallint NOT NULL,
    code text COLLATE "C" NOT NULL,
    object text COLLATE "C",
    currency text COLLATE "C",
    detail text COLLATE "C"
);

-- Milestones that concern the whole ledger and are in force, as stored, from a position on; sign -1: no longer.
CREATE TABLE notice_{generation} (
    fact bigint NOT NULL,
    position bigint NOT NULL,
    sign smallint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL
);

-- The deal of a milestone, and of a key, where it is not simply that of the stream; deal 0: it is again.
CREATE TABLE fact_place_{generation} (
    fact bigint NOT NULL,
    deal bigint NOT NULL,
    position bigint NOT NULL
);
CREATE TABLE key_place_{generation} (
    deal bigint NOT NULL,
    position bigint NOT NULL,
    key text COLLATE "C" NOT NULL
);
