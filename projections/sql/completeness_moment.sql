-- Up to when silence is told on a day: its end, but of the day that still runs now. Microseconds since 1970 UTC.

SELECT (extract(epoch FROM CASE
    WHEN (clock_timestamp() AT TIME ZONE 'UTC')::date = %(at)s::date THEN clock_timestamp()
    ELSE (%(at)s::date + 1)::timestamp AT TIME ZONE 'UTC'
END) * 1000000)::bigint
