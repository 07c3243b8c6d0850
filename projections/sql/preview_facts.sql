-- What the postings of some deals, known by a position, come to otherwise in one generation than in another: by
-- fact, accounts and currency, the largest first. Must never count a posting that both hold.

SELECT deal, fact, debit, credit, currency, sum(side * amount) AS amount, count(*) AS postings
FROM (
    SELECT -1 AS side, gone.* FROM (
        SELECT {columns} FROM posting_{old} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
        EXCEPT ALL
        SELECT {columns} FROM posting_{new} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
    ) gone
    UNION ALL
    SELECT 1, come.* FROM (
        SELECT {columns} FROM posting_{new} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
        EXCEPT ALL
        SELECT {columns} FROM posting_{old} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
    ) come
) differing
GROUP BY deal, fact, debit, credit, currency
ORDER BY deal, abs(sum(side * amount)) DESC, fact, debit, credit, currency
