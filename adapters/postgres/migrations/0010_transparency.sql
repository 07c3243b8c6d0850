-- The transparency log: a Merkle tree over the milestones of the log, and what was signed of it. It grows
-- behind the log; appending knows nothing of it. Hashes, texts and public keys only.
-- Never here: a private key, and anything that a rebuild makes anew.

-- By what this ledger's tree is told from others that have a schema of the same name: it never changes.
CREATE TABLE tree_mark (
    mark text NOT NULL,
    only_one boolean NOT NULL DEFAULT true,
    CONSTRAINT tree_mark_pkey PRIMARY KEY (only_one),
    CONSTRAINT tree_mark_only_one CHECK (only_one)
);
INSERT INTO tree_mark (mark) VALUES (left(replace(gen_random_uuid()::text, '-', ''), 8));

-- Full tiles, as C2SP tlog-tiles has them: 256 hashes of 32 bytes. Level 0 are those of leaves; each hash of a
-- higher level is the root over a full tile of the level below.
CREATE TABLE tree_tile (
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT tree_tile_pkey PRIMARY KEY (level, number),
    CONSTRAINT tree_tile_full CHECK (level BETWEEN 0 AND 7 AND number >= 0 AND octet_length(hashes) = 8192)
);
-- Hashes can't be compressed.
ALTER TABLE tree_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- How far the tree has come, in one row. edge: the hashes of its partial tiles, those of level 0 first; how many
-- there are of each follows from the size. refused: why nothing is signed any more. changed: which milestone
-- is not what was hashed. denied: how a published checkpoint denies the tree. unpublished: why the last
-- checkpoint could not be published. Null: nothing wrong.
CREATE TABLE tree_state (
    size bigint NOT NULL,
    edge bytea NOT NULL,
    refused text,
    changed text,
    denied text,
    unpublished text,
    only_one boolean NOT NULL DEFAULT true,
    CONSTRAINT tree_state_pkey PRIMARY KEY (only_one),
    CONSTRAINT tree_state_only_one CHECK (only_one AND size >= 0)
);
ALTER TABLE tree_state ALTER COLUMN edge SET STORAGE EXTERNAL;
INSERT INTO tree_state (size, edge) VALUES (0, '');

-- Public keys that have signed, as verifier keys. from_size: of the first checkpoint that a key signed.
CREATE TABLE tree_key (
    id bigint GENERATED ALWAYS AS IDENTITY,
    vkey text COLLATE "C" NOT NULL,
    from_size bigint NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT tree_key_pkey PRIMARY KEY (id),
    CONSTRAINT tree_key_vkey_key UNIQUE (vkey)
);

-- Everything that was signed. note: whole, as it is handed out. chain: SHA-256 over the chain of the one before
-- (of the first: 32 zero bytes) and the note, so that one that is taken out or changed shows.
CREATE TABLE tree_checkpoint (
    id bigint GENERATED ALWAYS AS IDENTITY,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL,
    chain bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT tree_checkpoint_pkey PRIMARY KEY (id),
    CONSTRAINT tree_checkpoint_whole CHECK (size >= 0 AND octet_length(root) = 32 AND octet_length(chain) = 32)
);
CREATE INDEX tree_checkpoint_size ON tree_checkpoint (size);

GRANT SELECT ON tree_mark TO :app_role;
GRANT SELECT, INSERT ON tree_tile, tree_key, tree_checkpoint TO :app_role;
GRANT SELECT, UPDATE ON tree_state TO :app_role;
