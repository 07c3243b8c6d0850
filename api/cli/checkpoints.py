"""cairn checkpoint: the signed state of the transparency log, and comparing the ledger with it.

It reads the database itself, and signs with the key of this installation.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg import Connection

from adapters.postgres.connections import conninfo_for
from adapters.transparency import checking, history, publishing, rebuilding, signing
from adapters.transparency.entries import LogChanged
from adapters.transparency.keys import make_key, replace, verify
from adapters.transparency.signing import Made, check_begins
from adapters.transparency.tiles import Tree
from api import checkpoints
from api.checkpoints import Means
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption
from api.settings import load
from domain.notes import NoteRefused, read_checkpoint, read_key, read_note, signer_of


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
    rebuild_tree: Annotated[
        bool,
        typer.Option("--rebuild-tree", help="Make the tree anew from the log, if it is what was signed."),
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
        means = Means.of_command(settings, url, checkpoints.PATIENCE)
        if recheck:
            print(_recheck(connection, means))
        elif rebuild_tree:
            print(_rebuild(settings.tenant, url, connection, means))
        elif against is not None:
            print(_check_against(connection, means, against, key or []))
        elif keys:
            for used in signing.keys(connection):
                print(f"{used.key.text}  from size {used.from_size}")
        else:
            _give(checkpoints.fresh(connection, means) if fresh else _newest(connection, means), out)


def _give(made: Made, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(made.note)
        return
    replace(out.expanduser().absolute(), made.note.encode())
    print(f"wrote a checkpoint of {made.size} milestones to {out}")


def _newest(connection: Connection[Any], means: Means) -> Made:
    """The last checkpoint, compared with what its signer remembers."""
    signer = checkpoints.signer_at_hand(means.plan, connection)
    remembered = None if signer is None else signer.remembered()
    made = checkpoints.newest(connection, means)
    if signer is not None and remembered is not None:
        signing.check_remembered(connection, Tree.now(connection), signer, remembered)
    return made


def _recheck(connection: Connection[Any], means: Means) -> str:
    """Everything that can be compared without another's checkpoint. Raises Tampered, SigningKeyRefused."""
    last = signing.newest(connection)
    try:
        tree = Tree.now(connection)
        finding = checking.recheck_whole(
            connection, tree, 0 if last is None else last.size, b"" if last is None else last.root
        )
    except LogChanged as found:
        raise signing.Tampered(str(found)) from found
    if finding is not None:
        raise signing.Tampered(finding)
    signer = checkpoints.signer_at_hand(means.plan, connection)
    count = history.check(connection, signer)
    if last is None:
        return f"{tree.size} milestones are what was hashed; no checkpoint has been signed yet"
    return (
        f"{tree.size} milestones are what was hashed, and what the last checkpoint ({last.size}) signed;"
        f" checkpoints in all: {count}, each is how this tree was, in the order in which they were signed"
        + ("" if signer else "; no signing key is here, so what its signer remembers was not compared")
    )


def _rebuild(schema: str, url: str, connection: Connection[Any], means: Means) -> str:
    signer = checkpoints.signer_at_hand(means.plan, connection)
    conninfo = conninfo_for(url, schema, application_name="cairn checkpoint", role="none")  # the owner
    with psycopg.connect(conninfo, autocommit=True) as owner:
        size = rebuilding.rebuild(owner, signer)
    return f"the tree of {size} milestones was made anew, and is what was signed"


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
