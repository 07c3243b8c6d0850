-- Indexes of one generation, after its bulk load. Must never be run on a generation that is read already.

SET LOCAL maintenance_work_mem = '256MB';
CREATE INDEX ON posting_{generation} (deal);
-- What becomes known is appended: a few pages at the end of each table hold the positions that are new to a reader.
CREATE INDEX ON posting_{generation} USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ON deal_name_{generation} USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ON deal_dimension_{generation} USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ON deal_name_{generation} (deal, position);
CREATE INDEX ON deal_name_{generation} (name);
CREATE INDEX ON deal_dimension_{generation} (deal, name);
CREATE INDEX ON signal_{generation} (deal);
CREATE INDEX ON signal_{generation} (code);
CREATE INDEX ON notice_{generation} (topic, fact);
CREATE INDEX ON fact_place_{generation} (fact);
CREATE INDEX ON fact_place_{generation} (deal);
CREATE INDEX ON key_place_{generation} (key);
CREATE INDEX ON key_place_{generation} (deal);
ANALYZE posting_{generation}, deal_name_{generation}, deal_dimension_{generation}, signal_{generation},
    notice_{generation}, fact_place_{generation}, key_place_{generation};
