-- Making the tree of the transparency log anew, as the owner of the tables, in one transaction with its building.
-- These statements must never touch the log, a key or a checkpoint, nor be run by the application.

-- name: empty_tiles
DELETE FROM tree_tile

-- name: empty_state
UPDATE tree_state SET size = 0, edge = ''
