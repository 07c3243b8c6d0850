-- Tenants of one database, seen by the login role that owns them: which there are, how each stands, who uses
-- it. These statements must never change a row of a tenant; dropping a tenant is written in tenants.py, where
-- names are quoted.

-- name: tenants
-- A schema with our table of migrations and a role of our naming.
SELECT nspname
FROM pg_namespace
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = 'migration' AND relkind = 'r'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = nspname || '_app')
    AND has_schema_privilege(pg_namespace.oid, 'USAGE')
ORDER BY nspname COLLATE "C"

-- name: look_into
-- From here to the end of the transaction, names without a schema are this one's.
SELECT set_config('search_path', %s, true)

-- name: migrations_run
SELECT count(*) FROM migration

-- name: has_log
SELECT to_regclass('log') IS NOT NULL AND to_regclass('log_commit') IS NOT NULL

-- name: stands
SELECT last, recorded_at FROM log_commit ORDER BY first DESC LIMIT 1

-- name: size
-- Tables with their indexes and long values, in bytes.
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
FROM pg_class
WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'm')

-- name: is_taken
-- Whether a schema of that name holds anything.
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(%s))

-- name: sessions
-- Every connection of ours names its tenant first (connections.conninfo_for).
SELECT pid, application_name
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND starts_with(application_name, %s)
ORDER BY pid

-- name: end_session
SELECT pg_terminate_backend(%s, 5000)

-- name: be_patient
-- How long the transaction waits for any lock.
SELECT set_config('lock_timeout', %s, true)

-- name: writers_turn
SELECT pg_advisory_xact_lock(%s)

-- name: migrators_turn
SELECT pg_advisory_lock(%s)

-- name: is_role
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)
