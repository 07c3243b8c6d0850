-- Keys of callers. These statements must never hold or answer a secret, never delete a key, and never give a
-- key more than it was made with.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))

-- name: all
SELECT id, name, digest, roles, sources, entities, territories, personal, rate, max_body,
    created_at, created_by, expires_at, revoked_at, revoked_by, used_at
FROM access_key ORDER BY created_at, id

-- name: live_of
SELECT id, name, digest, roles, sources, entities, territories, personal, rate, max_body,
    created_at, created_by, expires_at, revoked_at, revoked_by, used_at
FROM access_key
WHERE name = %(name)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY created_at, id

-- name: named
SELECT id, name, digest, roles, sources, entities, territories, personal, rate, max_body,
    created_at, created_by, expires_at, revoked_at, revoked_by, used_at
FROM access_key WHERE name = %(name)s OR id = %(name)s ORDER BY created_at, id

-- name: insert
INSERT INTO access_key (
    id, name, digest, roles, sources, entities, territories, personal, rate, max_body, created_by, expires_at
)
VALUES (
    %(id)s, %(name)s, %(digest)s, %(roles)s, %(sources)s, %(entities)s, %(territories)s, %(personal)s,
    %(rate)s, %(max_body)s, %(created_by)s, %(expires_at)s
)
RETURNING created_at

-- name: revoke
UPDATE access_key SET revoked_at = clock_timestamp(), revoked_by = %(by)s
WHERE id = %(id)s AND revoked_at IS NULL

-- name: end_sooner
UPDATE access_key SET expires_at = %(at)s
WHERE id = %(id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(at)s)

-- name: used
UPDATE access_key SET used_at = %(at)s WHERE id = %(id)s AND (used_at IS NULL OR used_at < %(at)s)

-- name: any_live
SELECT EXISTS (
    SELECT FROM access_key
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
)

-- name: any_made
SELECT EXISTS (SELECT FROM access_key)
