"""Projectors at work: by which rules each of them works, so that who changes the live generation can tell.

A projector says so by the name of its connection, which also holds a lock that names its schema: both end
with it. Does not belong here: what follows from it (api/rebuilding), projecting.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

from projections import generations

_LOCK_SPACE: Final = 0x43_61_70
_NAME: Final = "cairn projector "


def announce(connection: Connection[Any], schema: str) -> None:
    """Say that a projector of this schema works by the rules of this process, until the connection ends."""
    connection.execute(
        "SELECT set_config('application_name', %s, false)", (_NAME + generations.rules_digest(),)
    )
    connection.execute(
        "SELECT pg_advisory_lock_shared(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.projectors")
    )


def by_other_rules(connection: Connection[Any], schema: str, rules: str) -> list[str]:
    """The digests of the rules by which projectors of the schema work, but for this one."""
    rows = connection.execute(
        """SELECT DISTINCT substr(application_name, %(start)s) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 2
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid = %(space)s::int::oid AND objid = hashtext(%(what)s)::oid
            AND starts_with(application_name, %(name)s)
            AND substr(application_name, %(start)s) <> %(rules)s
        ORDER BY 1""",
        {
            "start": len(_NAME) + 1,
            "space": _LOCK_SPACE,
            "what": f"{schema}.projectors",
            "name": _NAME,
            "rules": rules,
        },
    )
    return [found for (found,) in rows.fetchall()]
