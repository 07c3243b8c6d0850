-- The journal as it was reported: what became known after a period had closed counts from the first open day on.
-- Must hold every posting of the journal once, unchanged but for the days from which on it counts.

(SELECT deal, fact, position, amount, {stated} AS stated, {effective} AS effective,
    stated AS own_stated, effective AS own_effective, span_start, span_end, due, debit, credit, class,
    currency, sku, line, object
FROM {posting_table})
