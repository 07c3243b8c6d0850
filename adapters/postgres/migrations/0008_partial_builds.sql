-- Of builds that copy from the live generation what no changed rule has touched: what of each share was copied.
-- Never here: rows of a generation.

-- folded, copied: sets of streams of the share; 0 both where nothing could be copied.
ALTER TABLE generation_share
    ADD COLUMN folded bigint NOT NULL DEFAULT 0,
    ADD COLUMN copied bigint NOT NULL DEFAULT 0;
