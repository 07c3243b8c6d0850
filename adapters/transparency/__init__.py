"""The transparency log: a Merkle tree over the milestones, grown behind the log, and its checkpoints.

Belongs here: reading leaves from the log, keeping tiles, signing, publishing, and comparing what is there now
with what was hashed and signed. Does not belong here: the arithmetic (domain/merkle.py), the bytes of leaves
(domain/leaves.py) and of notes (domain/notes.py), and who may ask (api).
"""
