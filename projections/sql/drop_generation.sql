-- The end of a generation that nobody reads. Must never name a live one; the caller has made sure.

DROP TABLE IF EXISTS posting_{generation}, deal_name_{generation}, deal_dimension_{generation},
    signal_{generation}, notice_{generation}, fact_place_{generation}, key_place_{generation};
