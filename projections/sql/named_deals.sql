-- The deals that bore a public name at a position, as rows of reports show it. Must never show one renamed by then.

SELECT deal FROM deal_name_{generation} AS named
WHERE name = %(name)s AND position <= %(known)s
  AND NOT EXISTS (
    SELECT FROM deal_name_{generation} AS later
    WHERE later.deal = named.deal AND later.position > named.position AND later.position <= %(known)s
      AND later.name <> named.name
  )
