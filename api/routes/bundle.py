"""GET /v1/audit/bundle: the audit bundle, for those who have no command line beside the ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from threading import Lock
from typing import IO, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api import exporting
from api.access.routing import Guarded
from api.checkpoints import Means
from api.house import House, connection_to
from api.parameters import Parameter, Values
from api.routes.common import documented, house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["audit"])

_MEDIA: Final = "application/x-tar"
_PIECE: Final = 1 << 18
_BUNDLE: Final = {
    "payloads": Parameter(
        "`whole` (default), or `digests`: the source payloads, or their digests only.",
        {"enum": ["whole", "digests"]},
    )
}


@router.get(
    "/v1/audit/bundle",
    summary="Everything that is recorded now, as one file that proves itself",
    openapi_extra={
        "parameters": documented(_BUNDLE),
        "responses": responses(401, 403, 409, 422, 503)
        | {
            "200": {
                "description": "A tar in a canonical form (docs/audit.md).",
                "content": {_MEDIA: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    },
)
async def get_bundle(request: Request) -> Response:
    """What `cairn export --audit` writes. It is written whole before the first byte is sent."""
    values = Values(sent(request), _BUNDLE)
    payloads = values.one_of("payloads", ("whole", "digests")) != "digests"
    house = house_of(request)
    file, done = await run_in_threadpool(_exported, house, payloads=payloads)
    headers = {
        "Content-Length": str(done.length),
        "Content-Disposition": f'attachment; filename="{house.schema}-{done.size}.cairn"',
        "Cache-Control": "no-store",
        "X-Checkpoint-Size": str(done.size),
    }
    return StreamingResponse(_pieces(file), headers=headers, media_type=_MEDIA)


#: One at a time: each takes a transaction and as much of the disk as the log does.
_turn: Final = Lock()


def _exported(house: House, *, payloads: bool) -> tuple[IO[bytes], exporting.Exported]:
    if not _turn.acquire(blocking=False):
        raise exporting.ExportUnderWay("another bundle is being written: ask again when it is done")
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when it has been sent
        try:
            with connection_to(house.url, house.schema, "export") as connection:
                means = Means(house.plan, house.trail.noticed, exporting.PATIENCE)
                done = exporting.write(connection, means, file, payloads=payloads)
            said = {"size": str(done.size), "payloads": "whole" if payloads else "digests"}
            house.trail.acted("bundle.exported", said | {"bytes": str(done.length)})
        except BaseException:
            file.close()
            raise
    finally:
        _turn.release()
    return file, done


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece
