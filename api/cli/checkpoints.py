"""cairn checkpoint: the signed state of the transparency log, and comparing the ledger with it.

It reads the database itself, and signs with the key of this installation.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from psycopg import Connection

from adapters.transparency import checking, publishing, signing
from adapters.transparency.keys import make_key, replace, verify
from adapters.transparency.signing import Made, check_begins
from adapters.transparency.tiles import Tree
from api import checkpoints, trail
from api.checkpoints import Means
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption
from api.settings import load
from domain.notes import NoteRefused, read_checkpoint, read_key, read_note, signer_of

#: Seconds that a new checkpoint may wait for the tree: here somebody waits who can end it.
_PATIENCE: Final = 600.0


class AgainstRefused(RuntimeError):
    """What the ledger was to be compared with can't be used; the message says why."""


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("checkpoint")(checkpoint)


def checkpoint(
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file instead of printing it.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", help="Check that the ledger goes on from a checkpoint kept elsewhere: file or URL."
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="With --against: trust this verifier key, and only those so given."),
    ] = None,
    make: Annotated[Path | None, typer.Option("--make-key", help="Make a signing key in this file.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make one now, of everything in the log.")] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Hash every milestone again and compare with the tree.")
    ] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Print the public keys that have signed.")] = False,
) -> None:
    """The last signed checkpoint of the ledger; with options, a new one, its keys, or a check against it.

    Exit code 1 where the ledger is not what was hashed, signed or published.
    """
    if make is not None:
        make_key(make.expanduser().absolute())
        print(f"made {make}: set CAIRN_SIGNING_KEY={make} for every process of the ledger, and keep a copy")
        return
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (url, connection):
        means = Means(checkpoints.plan_of(settings), partial(trail.act_of_command, settings, url), _PATIENCE)
        if recheck:
            print(_recheck(connection))
        elif against is not None:
            print(_check_against(connection, means, against, key or []))
        elif keys:
            for used in signing.keys(connection):
                print(f"{used.key.text}  from size {used.from_size}")
        else:
            made = (checkpoints.fresh if fresh else checkpoints.newest)(connection, means)
            _give(made, out)


def _give(made: Made, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(made.note)
        return
    replace(out.expanduser().absolute(), made.note.encode())
    print(f"wrote a checkpoint of {made.size} milestones to {out}")


def _recheck(connection: Connection[Any]) -> str:
    """Everything that can be compared without another's checkpoint. Raises Tampered."""
    tree = Tree.now(connection)
    finding = (
        checking.recheck_end(connection, tree)
        or checking.recheck(connection, 1, tree.size, tree=tree)
        or checking.recheck_tiles(tree)
    )
    if finding is not None:
        raise signing.Tampered(finding)
    made = signing.newest(connection)
    if made is None:
        return f"{tree.size} milestones are what was hashed; no checkpoint has been signed yet"
    signing.check_kept(connection, tree, made)
    return f"{tree.size} milestones are what was hashed, and what the last checkpoint ({made.size}) signed"


def _check_against(connection: Connection[Any], means: Means, place: str, given: list[str]) -> str:
    """Compare the ledger with a checkpoint kept elsewhere. Raises AgainstRefused, PublishFailed, Tampered."""
    content = publishing.fetch(place)
    shown = publishing.shown(place)
    if content is None:
        raise AgainstRefused(f"there is no checkpoint at {shown}")
    try:
        trusted = [read_key(text) for text in given] or [used.key for used in signing.keys(connection)]
        note = read_note(content)
        said = read_checkpoint(note.text)
        who = signer_of(note, trusted, verify)
    except NoteRefused as error:
        raise AgainstRefused(f"{shown}: {error}") from None
    if said.origin != who.name:
        raise AgainstRefused(f"{shown}: {who.name} signed a checkpoint of another log, {said.origin}")
    checkpoints.caught_up(connection, means)
    tree = Tree.now(connection)
    check_begins(tree, said, f"the checkpoint at {shown}")
    return f"the ledger of {tree.size} milestones goes on from the checkpoint of {said.size} at {shown}"
