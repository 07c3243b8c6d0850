"""Errors as answers: every exception that may reach the edge, and the problem document it becomes (RFC 9457).

The one place that knows status codes. Rooms further in raise what happened; what is not listed here is a
bug of ours: it is logged whole, and answered without details.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from eventsourcing.persistence import PersistenceError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.feeds.clients import NotOffered, SourceError, SourceUnavailable
from adapters.feeds.proof import ProofRefused
from adapters.intake import IntakeClosed, IntakeFull, MappingUnknown, QuarantineUnknown
from adapters.personal.forgetting import SubjectUnknown
from adapters.personal.sealing import Unsealed
from adapters.postgres.keys import KeyRefused, KeyUnknown
from adapters.sources import MappingRefused
from adapters.transparency.keys import SigningKeyRefused
from adapters.transparency.signing import Tampered
from api.access.refusals import Forbidden, IssuerUnavailable, LimitReached, Unauthorised
from api.bodies import BodyTooLarge
from api.checkpoints import NothingSigns, NotInTree, TreeBehind
from api.cursors import CursorRefused
from api.envelopes import BodyEmpty, MediaTypeUnknown
from api.exporting import ExportUnderWay
from api.feeds import FeedUnknown
from api.forgetting import NothingSealed
from api.freshness import LedgerGone, NotYetProjected
from api.handling import ExceptionUnknown
from api.mappings import MappingNotFound, NotInstalled
from api.parameters import ParameterRefused
from api.quarantining import EntrySettled
from api.reading import GenerationEnds, GenerationGone, MilestoneUnknown
from api.rebuilding import RebuildFailed, ServerOutdated
from api.remapping.running import ApplyUnderWay, PreviewDiffers
from projections.building import BuildUnderWay
from projections.deals import DealUnknown
from projections.generations import GenerationUnknown, NoGeneration
from projections.promoting import GenerationRefused
from projections.reports import ReportRefused

_log: Final = logging.getLogger("cairn.api")

MEDIA: Final = "application/problem+json"
#: Where a request's scope keeps the slug of the problem that it was answered with.
PROBLEM: Final = "cairn.problem"
#: And the route that the audit trail names, where it is more than the pattern; never what a caller wrote.
ROUTE: Final = "cairn.route"


class Kind(NamedTuple):
    """How one kind of exception is answered. slug: the end of the problem's type. tells: whether the message
    is for the caller to read; otherwise `says` stands in for it."""

    status: int
    slug: str
    title: str
    says: str | None = None
    retry_after: int | None = None


_DATABASE: Final = Kind(
    503, "database-unavailable", "The database can't be used now",
    "nothing of this request was answered; send it again later", 2,
)  # fmt: skip

#: By exception; the first that fits counts.
KINDS: Final[tuple[tuple[type[BaseException], Kind], ...]] = (
    (Unauthorised, Kind(401, "unauthorised", "A key is needed")),
    (Forbidden, Kind(403, "forbidden", "The caller may not do this")),
    (LimitReached, Kind(429, "limit-reached", "Too many requests")),
    (IssuerUnavailable, Kind(503, "issuer-unavailable", "The token can't be checked now",
                             "the issuer of the token does not answer: send the request again later", 5)),
    (KeyUnknown, Kind(404, "key-unknown", "There is no such key")),
    (KeyRefused, Kind(422, "key-refused", "The key can't be made so")),
    (ProofRefused, Kind(401, "proof-refused", "The message does not prove its sender")),
    (BodyEmpty, Kind(400, "body-empty", "The body is empty")),
    (BodyTooLarge, Kind(413, "body-too-large", "The body is too large")),
    (MediaTypeUnknown, Kind(415, "media-type-unknown", "The body's media type holds no events")),
    (ParameterRefused, Kind(422, "parameter-refused", "A parameter can't be used")),
    (ReportRefused, Kind(422, "report-refused", "The report can't be asked that way")),
    (CursorRefused, Kind(422, "cursor-refused", "The cursor can't be used")),
    (GenerationEnds, Kind(410, "generation-ends", "The generation ends before that")),
    (GenerationGone, Kind(410, "generation-gone", "What this link was pinned to has been rebuilt since")),
    (GenerationUnknown, Kind(404, "generation-unknown", "There is no such generation")),
    (GenerationRefused, Kind(409, "generation-refused", "This can't be done with the generation")),
    (BuildUnderWay, Kind(409, "build-under-way", "Another rebuild is at work")),
    (ServerOutdated, Kind(409, "server-outdated", "The server began with other code than is installed now")),
    (RebuildFailed, Kind(503, "rebuild-failed", "The rebuild did not begin")),
    (DealUnknown, Kind(404, "deal-unknown", "There is no such deal")),
    (MilestoneUnknown, Kind(404, "milestone-unknown", "There is no such milestone")),
    (ExceptionUnknown, Kind(404, "exception-unknown", "There is no such exception")),
    (FeedUnknown, Kind(404, "source-unknown", "There is no such source")),
    (NotOffered, Kind(422, "not-offered", "The source can't be asked this")),
    (SourceUnavailable, Kind(503, "source-unavailable", "The source does not answer now", None, 30)),
    (SourceError, Kind(502, "source-refused", "The source refuses the question")),
    (SubjectUnknown, Kind(404, "subject-unknown", "Nothing is kept of that subject")),
    (NothingSealed, Kind(409, "nothing-sealed", "No personal values are kept here")),
    (Unsealed, Kind(500, "unsealed", "A sealed value can't be opened")),
    (QuarantineUnknown, Kind(404, "quarantine-unknown", "There is no such quarantine entry")),
    (MappingUnknown, Kind(409, "mapping-unknown", "This version can't read it again")),
    (MappingNotFound, Kind(404, "mapping-not-found", "There is no such mapping")),
    (MappingRefused, Kind(422, "mapping-refused", "The mapping can't be used")),
    (NotInstalled, Kind(409, "mapping-not-installed", "The mapping does not read new messages here")),
    (PreviewDiffers, Kind(409, "preview-differs", "What would be changed is not what was previewed")),
    (ApplyUnderWay, Kind(409, "apply-under-way", "Another apply is at work")),
    (EntrySettled, Kind(409, "entry-settled", "The entry is settled already")),
    (NothingSigns, Kind(409, "nothing-signs", "No checkpoint is signed here")),
    (SigningKeyRefused, Kind(409, "signing-key-refused", "The signing key can't be used")),
    (NotInTree, Kind(404, "not-in-tree", "The transparency log does not hold that")),
    (TreeBehind, Kind(503, "tree-behind", "The transparency log has not come that far yet", None, 1)),
    (ExportUnderWay, Kind(409, "export-under-way", "Another bundle is being written")),
    (Tampered, Kind(409, "ledger-changed", "The ledger is not what was hashed and signed")),
    (LedgerGone, Kind(503, "ledger-gone", "The ledger was dropped")),
    (NotYetProjected, Kind(503, "not-yet-projected", "The reports have not come that far yet", None, 1)),
    (NoGeneration, Kind(503, "nothing-projected", "No report can be given yet",
                        "nothing has been projected yet: is the projector running?", 1)),
    (IntakeFull, Kind(503, "intake-full", "More is coming in than can be written",
                      "nothing of this request was taken in; send it again", 1)),
    (IntakeClosed, Kind(503, "stopping", "The server is stopping", "send the request again", 2)),
    (PoolTimeout, _DATABASE),
    (psycopg.errors.QueryCanceled, Kind(503, "too-slow", "The question took too long",
                                        "ask for a shorter span, fewer groups, or later", 5)),
    (psycopg.OperationalError, _DATABASE),
    (psycopg.InterfaceError, _DATABASE),
    (PersistenceError, _DATABASE),
)  # fmt: skip


def problem(
    kind: Kind, detail: str | None = None, *, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem document."""
    told = {
        "type": f"urn:cairn:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        **more,
    }
    extra = dict(headers or {})
    if kind.retry_after is not None:
        extra["Retry-After"] = str(kind.retry_after)
    content = orjson.dumps({name: value for name, value in told.items() if value is not None})
    return Response(content, kind.status, extra, MEDIA)


def kind_of(error: BaseException) -> Kind | None:
    """How an exception is answered; None for one that nobody foresaw."""
    return next((kind for expected, kind in KINDS if isinstance(error, expected)), None)


def answer(error: BaseException, scope: MutableMapping[str, Any] | None = None) -> Response:
    """The answer to an exception that somebody foresaw. Others are answered 500. scope: the request's."""
    kind = kind_of(error)
    if scope is not None and kind is not None:
        scope[PROBLEM] = kind.slug
    if kind is None:
        return problem(
            Kind(
                500,
                "internal",
                "Something went wrong here",
                "the error has been logged with this request's id",
            )
        )
    if kind is _DATABASE:
        _log.warning("the database can't be used: %s", str(error).strip().partition("\n")[0])
    headers = {"WWW-Authenticate": 'Bearer realm="cairn"'} if kind.status == HTTPStatus.UNAUTHORIZED else {}
    if (seconds := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(seconds)
    if kind.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"
    allowed = getattr(error, "allowed", None)
    return problem(kind, kind.says or str(error), headers=headers, allowed=list(allowed) if allowed else None)


async def _foreseen(request: Request, error: Exception) -> Response:
    return answer(error, request.scope)


async def _unforeseen(_request: Request, error: Exception) -> Response:
    return answer(error)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    kind = Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    detail = None if error.detail == phrase else str(error.detail)
    return problem(kind, detail, headers=dict(error.headers or {}))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = "/".join(str(step) for step in first["loc"])
    return problem(Kind(422, "parameter-refused", "A parameter can't be used"), f"{where}: {first['msg']}")


def install(app: FastAPI) -> None:
    """Let an application answer exceptions this way."""
    for expected, _ in KINDS:
        if issubclass(expected, Exception):
            app.add_exception_handler(expected, _foreseen)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)
