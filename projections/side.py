"""Other policies over the same log: which generation a report is to be read from under them.

Policies that differ only in how the journal is read are answered from the live generation; others from one
that is folded under them and kept beside it. Belongs here: naming a policy, finding its generation. Does not
belong here: making such generations (projections/alternatives, projections/projector).
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from domain.policies import DEFAULT_POLICIES, DEFAULT_POLICY, Policies
from projections import alternatives, generations
from projections.generations import Generation
from projections.questions import ReportRefused


class NotYetPrepared(RuntimeError):
    """The books under these policies are being prepared."""


def find(connection: Connection[Any], policies: Policies) -> Generation | None:
    """A generation kept beside the live one that posts as these policies do, read under them; or None."""
    wanted = policies.posting_settings()
    for found in reversed(generations.sides(connection)):
        if found.policies.posting_settings() == wanted and found.rules == generations.rules_digest():
            return found._replace(policies=policies)
    return None


def under(connection: Connection[Any], live: Generation, known: int, stamp: str) -> Generation:
    """The generation to read under a policy `name@version`, with the policies that hold then.

    `default@1` is the default alone; any other has been activated in the log, as known by the position, and
    takes the place of the live versions of its name. Raises ReportRefused for one that is not known or has no
    books beside the live ones, NotYetPrepared where the books under it are not there yet.
    """
    policies = named(connection, live, known, stamp)
    if policies.posting_settings() == live.policies.posting_settings():
        return live._replace(policies=policies)
    found = find(connection, policies)
    if found is None:
        if not alternatives.has_books(connection, live, policies):
            again = "" if stamp == DEFAULT_POLICY else ", or activate this one again"
            raise ReportRefused(
                f"no books are kept under {stamp}: beside those in force there are books under the"
                f" {alternatives.MOST} policies activated last that post otherwise. Void those that are not"
                f" wanted any more{again}",
                _askable(connection, live),
            )
        raise NotYetPrepared(f"the books under {stamp} are being prepared: ask again in a while")
    return found


def _askable(connection: Connection[Any], live: Generation) -> tuple[str, ...]:
    """The policies that a report can be asked under now, or soon."""
    kept = [live.policies.posting_settings()]
    kept += [policies.posting_settings() for policies in alternatives.wanted(connection, live)]
    told = {DEFAULT_POLICY: DEFAULT_POLICIES}
    for version in (
        *live.policies.versions[1:],
        *alternatives.activated(connection, live.id, live.position),
    ):
        told[version.stamp] = alternatives.with_version(live.policies, version)
    return tuple(stamp for stamp, policies in told.items() if policies.posting_settings() in kept)


def named(connection: Connection[Any], live: Generation, known: int, stamp: str) -> Policies:
    """What holds where a policy `name@version` is in force. Raises ReportRefused for an unknown one."""
    if stamp == DEFAULT_POLICY:
        return DEFAULT_POLICIES
    versions = {version.stamp: version for version in alternatives.activated(connection, live.id, known)}
    versions |= {version.stamp: version for version in live.policies.versions[1:]}
    version = versions.get(stamp)
    if version is None:
        raise ReportRefused(
            f"no policy {stamp[:80]!r} has been activated: give name@version", (DEFAULT_POLICY, *versions)
        )
    return alternatives.with_version(live.policies, version)
