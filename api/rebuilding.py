"""Generations and rebuilds as the API tells and runs them; a rebuild is a process of its own beside us.

Belongs here: the form in which a generation is told, starting the process, what it answers. `python -m
api.rebuilding` is it: it ends with its parent, and is not started again by itself; what it has loaded stays,
and the next rebuild goes on with it. Does not belong here: building and promoting (projections).
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from psycopg import Connection

from adapters.postgres.connections import conninfo_for
from api import logs
from api.beside import told_by_parent
from api.reading import text_of
from api.trail import act_of_server
from api.trail import said as details
from domain.policies import Policies
from projections import building, digests, generations, running
from projections.building import Build, BuildUnderWay
from projections.generations import GenerationUnknown, Told
from projections.promoting import Promoted
from projections.rebuild import Rebuilt, rebuild

_GRACE_SECONDS: Final = 10.0
#: Types of milestones that are named in a line for people; all of them stand in the generation's figures.
_TYPES: Final = 4
_ENDED_EARLY: Final = "its process ended early: start a rebuild, which goes on with what is left"


class RebuildFailed(RuntimeError):
    """The process that rebuilds ended before it began."""


class ServerOutdated(RuntimeError):
    """The rules on disk are others than this server has: what it built, it could not bring forward."""


def told(one: Told) -> dict[str, Any]:
    """A generation for people and programs."""
    is_unfinished = one.state in generations.UNFINISHED
    return {
        "generation": one.id,
        "state": one.state,
        "position": one.position,
        "code_version": one.code_version,
        "rules": one.rules,
        "rules_by_module": json.loads(one.rules_by_module),
        "can_be_brought_forward": one.rules == generations.rules_digest(),
        "policies": Policies.from_json(one.policies).stamps,
        **{
            name: _time(getattr(one, name))
            for name in ("made_at", "begun_at", "ready_at", "live_at", "retired_at")
        },
        "progress": {
            "stage": one.stage or "bulk",
            "done": one.done,
            "total": one.total,
            "under_way": one.is_held,
        }
        if is_unfinished
        else None,
        "figures": json.loads(one.figures),
        "error": (one.error or _ENDED_EARLY) if is_unfinished and not one.is_held else None,
        "links": {"self": f"/v1/generations/{one.id}"},
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else text_of(moment)


def listed(connection: Connection[Any], schema: str) -> list[dict[str, Any]]:
    """Every generation there is, the newest first."""
    return [told(one) for one in generations.told(connection, schema)]


def one(connection: Connection[Any], schema: str, id_: int) -> dict[str, Any]:
    """A generation. Raises GenerationUnknown."""
    return told(generations.one_told(connection, schema, id_))


def rebuild_of(connection: Connection[Any], schema: str, id_: int) -> dict[str, Any]:
    """How the rebuild stands that makes a generation. Raises GenerationUnknown."""
    found = generations.one_told(connection, schema, id_)
    if found.upto is None:
        raise GenerationUnknown(f"generation {id_} was not made by a rebuild")
    state = "done"
    if found.state in generations.UNFINISHED:
        state = "running" if found.is_held else "failed"
    shown = told(found)
    return {
        "rebuild": id_,
        "state": state,
        "progress": shown["progress"],
        "error": shown["error"],
        "generation": shown,
        "links": {"self": f"/v1/rebuilds/{id_}", "generation": f"/v1/generations/{id_}"},
    }


def said(found: Rebuilt) -> str:
    """What a rebuild had in common with the generation that was live, in a line for people."""
    basis = found.basis
    if basis.generation is None:
        return "there was no generation before it: everything was folded"
    before = f"generation {basis.generation}"
    if found.copied and not basis.is_partial:
        return f"{found.copied:,} sets of streams were copied before it was broken off; the rest was folded"
    if basis.is_same:
        return f"rules and policies are those of {before}: nothing changed, and everything was folded anew"
    changed = ", ".join([*basis.parts, *(["policies"] if basis.policies_differ else [])])
    if not basis.is_partial:
        return f"changed since {before}: {changed}; everything was folded"
    shown = list(basis.topics[:_TYPES])
    if more := len(basis.topics) - len(shown):
        shown.append(f"{more} more types")
    return (
        f"changed since {before}: {changed} ({', '.join(shown)}); {found.folded:,} sets of streams folded,"
        f" {found.copied:,} copied"
    )


def outcome(found: Rebuilt) -> dict[str, str]:
    """What the audit trail says of a rebuild that is done: policies are adopted where it is live."""
    return details(generation=found.generation, live=found.is_live, policies=found.policies)


def promotion(promoted: Promoted) -> dict[str, Any]:
    """What a promotion or a return came to."""
    return {
        "live": promoted.generation,
        "before": promoted.before,
        "caught_up": promoted.caught_up,
        "links": {"generation": f"/v1/generations/{promoted.generation}"},
    }


def to_restart(connection: Connection[Any], schema: str) -> str | None:
    """What to do where a server at work can't bring the live generation forward; None: all is well."""
    live = generations.live(connection)
    others = [] if live is None else running.by_other_rules(connection, schema, live.rules)
    if live is None or not others:
        return None
    remedy = (
        "restart the server"
        if live.rules == generations.rules_digest()
        else f"restart the server with code version {live.code_version} and the rules that made it,"
    )
    return (
        f"a server is at work with other rules ({', '.join(others)}) than those that made generation"
        f" {live.id} ({live.rules}), and takes nothing more into it: {remedy} to bring it forward"
    )


class Rebuilds:
    """The rebuild that this server runs, at most one at a time."""

    def __init__(self, url: str, schema: str, log: str) -> None:
        self._told = {"url": url, "schema": schema, "log": log}
        self._schema = schema
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def start(
        self, connection: Connection[Any], *, keep: bool, keep_policies: bool, whole: bool = False
    ) -> int:
        """Begin a rebuild: the number of its generation.

        Raises ServerOutdated, BuildUnderWay, RebuildFailed.
        """
        if digests.is_outdated():
            raise ServerOutdated(
                "the rules on disk have been changed since this server began, and what they build it could"
                " not bring forward: restart the server, then ask again; or see first what would change, by"
                " `cairn rebuild --preview`"
            )
        with self._lock:
            if building.is_under_way(connection, self._schema):
                raise building.under_way(connection, self._schema)
            self._end()
            child = self._child = subprocess.Popen(
                [sys.executable, "-m", "api.rebuilding"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert child.stdin is not None, "it was asked for"
            assert child.stdout is not None, "it was asked for"
            asked = {**self._told, "keep": keep, "keep_policies": keep_policies, "whole": whole}
            with suppress(BrokenPipeError):
                child.stdin.write(json.dumps(asked).encode() + b"\n")
                child.stdin.flush()
            answer = json.loads(child.stdout.readline() or b"{}")
        threading.Thread(target=child.wait, name="rebuild", daemon=True).start()
        if "generation" in answer:
            return int(answer["generation"])
        error = answer.get("error", "its process ended at once: see the server's log")
        raise BuildUnderWay(error) if answer.get("under_way") else RebuildFailed(error)

    def close(self) -> None:
        """End what is under way; the next rebuild goes on with it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            assert stream is not None, "it was asked for"
            with suppress(BrokenPipeError):
                stream.close()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _say(**answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _policies(conninfo: str) -> Policies | None:
    with Connection.connect(conninfo, autocommit=True) as connection:
        live = generations.live(connection)
    return None if live is None else live.policies


def _run(asked: dict[str, Any]) -> None:
    conninfo = conninfo_for(asked["url"], asked["schema"], application_name="cairn rebuild")
    is_begun = False

    def begun(build: Build) -> None:
        nonlocal is_begun
        is_begun = True
        _say(generation=build.generation)

    try:
        policies = _policies(conninfo) if asked["keep_policies"] else None
        found = rebuild(
            conninfo,
            asked["schema"],
            policies=policies,
            keep=asked["keep"],
            whole=asked["whole"],
            begun=begun,
        )
        act_of_server(asked["url"], asked["schema"], "rebuild.done", outcome(found))
    except Exception as error:
        if is_begun:
            raise  # noted with the generation; here it is for the log
        first = str(error).strip().partition("\n")[0]
        _say(error=first or type(error).__name__, under_way=isinstance(error, BuildUnderWay))


def _main() -> None:
    asked, stop = told_by_parent()
    if asked is None:
        return
    logs.set_up(asked["log"])
    is_done = threading.Event()

    def work() -> None:
        try:
            _run(asked)
        except Exception:
            logging.getLogger("cairn.rebuild").exception("the rebuild ended early")
        finally:
            is_done.set()
            stop.set()

    threading.Thread(target=work, name="rebuild", daemon=True).start()
    stop.wait()
    # as if it had been killed: neither the database nor the thread that reads the input is waited for
    os._exit(0 if is_done.is_set() else 1)


if __name__ == "__main__":
    _main()
