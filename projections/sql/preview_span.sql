-- The first and the last day on which postings known by a position have an effect. Must read one generation only.

SELECT min(effective), max(greatest(effective, span_end)) FROM posting_{generation} WHERE position <= %(known)s
