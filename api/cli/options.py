"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the embedded database (env CAIRN_DATA; default: .cairn)."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database-url", help="A PostgreSQL server instead of the embedded one (env DATABASE_URL)."
    ),
]
GenerationOption = Annotated[
    int | None, typer.Option("--generation", help="From this set of books; default: the live one.")
]
KnownAtOption = Annotated[
    str | None, typer.Option("--known-at", help="Only what was recorded by then (RFC 3339).")
]
KnownPositionOption = Annotated[
    int | None, typer.Option("--known-position", help="Only what was recorded up to this position.")
]
HostOption = Annotated[
    str | None, typer.Option("--host", help="Address to listen on (env CAIRN_HOST; default: 127.0.0.1).")
]
PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to listen on; 0: any (env CAIRN_PORT; default: 8080).")
]
