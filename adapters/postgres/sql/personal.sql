-- What personal values are kept by: keys of subjects, sealed values, what was done to subjects. These statements
-- must never read or write a plain value, or a subject's id.

-- name: secret
SELECT salt, proof FROM personal_secret

-- name: begin_secret
INSERT INTO personal_secret (salt, proof) VALUES (%(salt)s, %(proof)s) ON CONFLICT DO NOTHING

-- name: last_act
SELECT coalesce(max(id), 0) FROM personal_act

-- name: keys
SELECT subject, wrapped FROM subject_key WHERE subject = ANY (%(subjects)s)

-- name: add_keys
-- In order, so that two writers that add the same ones wait for each other and never in a circle.
INSERT INTO subject_key (subject, wrapped, is_body)
SELECT * FROM unnest(%(subjects)s::bytea[], %(wrapped)s::bytea[], %(bodies)s::boolean[]) AS t (s, w, b)
ORDER BY t.s
ON CONFLICT DO NOTHING

-- name: add_values
-- Only under the key that a value was sealed with: one that was destroyed meanwhile takes nothing any more.
INSERT INTO personal_value (subject, value, sealed)
SELECT t.s, t.v, t.sealed
FROM unnest(%(subjects)s::bytea[], %(values)s::bytea[], %(sealed)s::bytea[], %(wrapped)s::bytea[])
    AS t (s, v, sealed, w)
JOIN subject_key AS k ON k.subject = t.s AND k.wrapped = t.w
ORDER BY t.s, t.v
FOR SHARE OF k
ON CONFLICT DO NOTHING

-- name: values
SELECT v.subject, v.value, v.sealed, k.wrapped
FROM unnest(%(subjects)s::bytea[], %(values)s::bytea[]) AS t (s, v)
JOIN personal_value AS v ON v.subject = t.s AND v.value = t.v
JOIN subject_key AS k ON k.subject = v.subject
WHERE k.wrapped IS NOT NULL

-- name: kept
SELECT v.subject, v.value
FROM unnest(%(subjects)s::bytea[], %(values)s::bytea[]) AS t (s, v)
JOIN personal_value AS v ON v.subject = t.s AND v.value = t.v
JOIN subject_key AS k ON k.subject = v.subject
WHERE k.wrapped IS NOT NULL

-- name: values_of
SELECT v.value, v.sealed, k.wrapped FROM personal_value AS v JOIN subject_key AS k USING (subject)
WHERE v.subject = %(subject)s AND k.wrapped IS NOT NULL

-- name: bodies
SELECT v.subject, v.value, v.sealed, k.wrapped FROM personal_value AS v JOIN subject_key AS k USING (subject)
WHERE k.is_body AND k.wrapped IS NOT NULL

-- name: state
-- Of a subject: whether its key is there, how many values, when it was last forgotten or allowed.
SELECT k.wrapped IS NOT NULL, (SELECT count(*) FROM personal_value AS v WHERE v.subject = k.subject),
    (SELECT max(a.at) FROM personal_act AS a WHERE a.subject = k.subject)
FROM subject_key AS k WHERE k.subject = %(subject)s

-- name: hold
-- Nobody seals under these keys until the transaction ends.
SELECT subject FROM subject_key WHERE subject = ANY (%(subjects)s) ORDER BY subject FOR UPDATE

-- name: destroy_keys
UPDATE subject_key SET wrapped = NULL WHERE subject = ANY (%(subjects)s)

-- name: destroy_values
WITH gone AS (DELETE FROM personal_value WHERE subject = ANY (%(subjects)s) RETURNING subject)
SELECT count(*) FROM gone

-- name: forgotten
-- Even where nothing was kept of a subject yet: nothing will be.
INSERT INTO subject_key (subject, wrapped) VALUES (%(subject)s, NULL) ON CONFLICT (subject) DO NOTHING

-- name: allow
UPDATE subject_key SET wrapped = %(wrapped)s WHERE subject = %(subject)s AND wrapped IS NULL AND NOT is_body

-- name: note
INSERT INTO personal_act (subject, act, destroyed) VALUES (%(subject)s, %(act)s, %(destroyed)s)

-- name: counts
SELECT
    (SELECT count(*) FROM subject_key WHERE wrapped IS NOT NULL AND NOT is_body),
    (SELECT count(*) FROM personal_value AS v JOIN subject_key AS k USING (subject) WHERE NOT k.is_body),
    (SELECT count(*) FROM subject_key WHERE wrapped IS NOT NULL AND is_body),
    (SELECT count(*) FROM subject_key WHERE wrapped IS NULL AND NOT is_body)

-- name: all_forgotten
SELECT k.subject, (SELECT max(a.at) FROM personal_act AS a WHERE a.subject = k.subject AND a.act = 'forgotten')
FROM subject_key AS k WHERE k.wrapped IS NULL ORDER BY 2, 1

-- name: size_of_keys
SELECT pg_table_size('subject_key'::regclass)

-- name: sweep
VACUUM personal_value, subject_key

-- name: sweep_keys_whole
VACUUM (FULL) subject_key
