"""Making the tree anew from the log, where its tiles were changed and the log was not.

Belongs here: the one transaction that does it, as the owner of the tables: the application can take away no
tile. Does not belong here: finding out what was changed (`checking`).
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

from adapters.postgres.statements import statements
from adapters.transparency import building, signing
from adapters.transparency.entries import LogChanged
from adapters.transparency.keys import Signer
from adapters.transparency.signing import Tampered
from adapters.transparency.tiles import Tree, locked_state

_SQL: Final = statements("transparency_rebuild")


def rebuild(connection: Connection[Any], signer: Signer | None) -> int:
    """Make the tree anew, and keep it only where it is what was signed last: its size.

    connection: as the owner of the tables, in autocommit. signer: whose memory is compared too, where there
    is one. Milestones behind the last checkpoint are hashed as they are now. Raises Tampered: nothing is
    changed then; SigningKeyRefused.
    """
    remembered = None if signer is None else signer.remembered()
    try:
        with connection.transaction():
            locked_state(connection)
            last = signing.newest(connection)
            if last is None:
                raise Tampered("no checkpoint is kept that a new tree could be compared with")
            connection.execute(_SQL["empty_tiles"])
            connection.execute(_SQL["empty_state"])
            while building.build(connection):
                pass
            tree = Tree.now(connection)
            signing.check_kept(tree, last, [used.key for used in signing.keys(connection)])
            if signer is not None and remembered is not None:
                signing.check_remembered(connection, tree, signer, remembered)
    except LogChanged as found:
        raise Tampered(str(found)) from found
    return tree.size
