-- One side of a restatement: the postings that explain a report (explain.sql), by deal, window and group, and
-- where asked by the position that brought them about. Must never count a posting that the report does not.

SELECT n{groups}, currency, deal_number AS of_deal, {recorded} AS recorded, {own} AS own, debit, credit, bucket,
    sum(ve) AS ve, sum(vd) AS vd, sum(vb) AS vb
FROM ({postings}) explained
GROUP BY n{groups}, currency, deal_number, {recorded}, {own}, debit, credit, bucket
