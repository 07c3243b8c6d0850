-- Indexes of one generation, after its bulk load. Must never be run on a generation that is read already.

SET LOCAL maintenance_work_mem = '256MB';
CREATE INDEX ON posting_{generation} (deal, position);
CREATE INDEX ON deal_name_{generation} (deal, position);
CREATE INDEX ON deal_name_{generation} (name);
CREATE INDEX ON deal_dimension_{generation} (deal, name);
CREATE INDEX ON finding_{generation} (deal);
ANALYZE posting_{generation}, deal_name_{generation}, deal_dimension_{generation}, finding_{generation};
