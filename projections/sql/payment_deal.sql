-- The payment's own deal that bore this name at a position. Must never find a deal that has milestones of others.

SELECT deal FROM deal_name_{generation} AS named
WHERE name = %(key)s AND position <= %(known)s AND deal < 0
  AND NOT EXISTS (
    SELECT FROM deal_name_{generation} AS later
    WHERE later.deal = named.deal AND later.position > named.position AND later.position <= %(known)s
  )
