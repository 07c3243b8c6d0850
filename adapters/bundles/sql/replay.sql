-- What decisions that are taken again have to remember of those before them, in a temporary SQLite database.
-- These statements must never be run on a ledger: they know nothing of locks or of other writers.

-- name: make_first
CREATE TABLE first (
    identity BLOB PRIMARY KEY, position INTEGER NOT NULL, digest BLOB NOT NULL, stream INTEGER NOT NULL
) WITHOUT ROWID

-- name: make_key
CREATE TABLE seen_key (key TEXT PRIMARY KEY, stream INTEGER NOT NULL) WITHOUT ROWID

-- name: make_version
CREATE TABLE last_version (stream INTEGER PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID

-- name: make_place
-- Where in the file the line of a message stands.
CREATE TABLE place (inbox INTEGER PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID

-- name: firsts
SELECT identity, position, digest, stream FROM first WHERE identity IN (:values)

-- name: keys
SELECT key, stream FROM seen_key WHERE key IN (:values)

-- name: versions
SELECT stream, version FROM last_version WHERE stream IN (:values)

-- name: places
SELECT inbox, at FROM place WHERE inbox IN (:values)

-- name: add_first
INSERT INTO first VALUES (?, ?, ?, ?)

-- name: add_key
INSERT INTO seen_key VALUES (?, ?)

-- name: add_version
INSERT INTO last_version VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET version = excluded.version

-- name: add_place
INSERT INTO place VALUES (?, ?)
