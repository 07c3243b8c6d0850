"""cairn serve, api, project, migrate: the processes that stay."""

from __future__ import annotations

import gc
import socket
import sys
from contextlib import ExitStack
from typing import Annotated, Final

import psycopg
import typer

from adapters import faults
from adapters.postgres import keys, tenants
from adapters.postgres.migrate import MigrationError
from adapters.postgres.migrate import migrate as run_migrations
from api import health, logs, projecting, pulling, sealing
from api.cli.options import DatabaseOption, DataOption, HostOption, PortOption
from api.cli.staying import stay
from api.house import House, connection_to, database
from api.settings import Settings, SettingsRefused, load
from api.trail import act_of_command, said
from projections import moments

_GRACE_SECONDS: Final = 15
#: How long one thread may keep the interpreter while another wants it. The writer's thread waits for the
#: database most of the time; let in at once, it answers a group of events sooner than with the usual 5 ms.
SWITCH_SECONDS: Final = 0.0005
#: How the name of the migration begins that makes a ledger; whatever runs without it is an upgrade.
_FIRST: Final = "0001_"
#: Objects between looks for garbage cycles: a request leaves few, and looking costs every request.
GARBAGE: Final = 20_000


class AddressTaken(OSError):
    """The address that the API should listen on can't be had."""


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("serve")(serve)
    app.command("api")(api)
    app.command("project")(project)
    app.command("migrate")(migrate)


def serve(
    port: PortOption = None,
    host: HostOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """All in one process: database (embedded unless told otherwise), migrations, API and projector."""
    settings = load(port=port, host=host, folder=data, database_url=database_url)
    _listen(settings, projects=True)


def api(
    port: PortOption = None,
    host: HostOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """The API alone; `cairn migrate` comes before it, `cairn project` beside it."""
    settings = load(port=port, host=host, folder=data, database_url=database_url)
    _listen(settings, projects=False)


def project(data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """The projector alone: keeps the reports and the transparency log up with the log until it is stopped."""
    settings = load(folder=data, database_url=database_url)
    prepare(settings)
    with database(settings) as url:
        check_migrations(settings, url)
        print(f"projecting schema {settings.tenant}; Ctrl-C ends it", flush=True)
        with sealing.beside_us(settings, url):
            stay(settings, url, lambda stop: projecting.run(url, settings.tenant, stop, settings.self_check))


def migrate(
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Of every tenant that the database holds.")] = False,
) -> None:
    """Make the schema and its role, and run the migrations that have not run."""
    settings = load(folder=data, database_url=database_url)
    with database(settings) as url:
        if not all_:
            _say_migrated(settings.tenant, bring_up(settings, url, settings.tenant))
            return
        done = [_migrated(settings, url, name) for name in tenants.names(url)]
    if not all(done):
        raise typer.Exit(1)


def bring_up(settings: Settings, url: str, schema: str) -> list[str]:
    """Run the migrations that have not run: their names. An upgrade of a ledger stands in its audit trail."""
    run = run_migrations(url, schema)
    if run and not run[0].startswith(_FIRST):
        act_of_command(settings, url, "ledger.migrated", said(migrations=run), schema=schema)
    return run


def _migrated(settings: Settings, url: str, schema: str) -> bool:
    """One of many tenants brought up to date: whether it could be. One that can't must not hold up others."""
    try:
        _say_migrated(schema, bring_up(settings, url, schema))
    except (MigrationError, psycopg.Error) as error:
        print(f"cairn: schema {schema}: {str(error).strip()}", file=sys.stderr)
        return False
    return True


def _say_migrated(schema: str, run: list[str]) -> None:
    print(f"schema {schema}: " + (", ".join(run) if run else "up to date"))


def prepare(settings: Settings) -> None:
    """Set up the logs of this process, and what tests have armed. Raises SettingsRefused."""
    logs.set_up(settings.log)
    if settings.crash_at is not None:
        label, _, nth = settings.crash_at.partition(":")
        try:
            faults.arm(label, int(nth or 1), others=moments.MOMENTS)
            moments.watch(faults.reach)
        except ValueError as error:
            raise SettingsRefused(f"CAIRN_CRASH_AT: {error}") from None


def check_migrations(settings: Settings, url: str) -> None:
    """Raises SettingsRefused where `cairn migrate` has not been run. On our own database it is run here."""
    if settings.database_url is None:
        bring_up(settings, url, settings.tenant)
        return
    with psycopg.connect(url, autocommit=True, application_name="cairn check") as connection:
        # as the login role: before the migrations there is no other
        found = connection.execute("SELECT to_regclass(%s)", (f"{settings.tenant}.migration",)).fetchone()
    if found == (None,):
        raise SettingsRefused(f"there is no ledger in schema {settings.tenant} yet: run cairn migrate")
    with connection_to(url, settings.tenant, "check") as connection:
        if missing := health.missing_migrations(connection):
            raise SettingsRefused(
                f"{missing} migrations are missing in schema {settings.tenant}: run cairn migrate"
            )


def check_access(settings: Settings, url: str) -> None:
    """Raises SettingsRefused where the API would have to be open, and must not be."""
    with connection_to(url, settings.tenant, "check") as connection:
        settings.check_access(any_live=keys.any_live(connection))


def bound_to(host: str, port: int) -> socket.socket:
    """A listening socket, had before anything is started that would have to be stopped again.

    Raises AddressTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise AddressTaken(
            f"can't listen on {host}:{port} ({error.strerror}): choose another --port, or 0 for any"
        ) from None


def _listen(settings: Settings, *, projects: bool) -> None:
    with bound_to(settings.host, settings.port) as bound:
        listen(settings, bound, projects=projects)


def listen(settings: Settings, bound: socket.socket, *, projects: bool) -> None:
    """Serve on a socket until a signal comes; with a projector beside it where `projects`."""
    # other commands need neither, and begin twice as fast
    import uvicorn

    from api.app import build_app

    prepare(settings)
    with ExitStack() as open_:
        url = open_.enter_context(database(settings))
        if projects:
            bring_up(settings, url, settings.tenant)
        else:
            check_migrations(settings, url)
        check_access(settings, url)
        house = open_.enter_context(House(settings, url))
        if projects:
            open_.enter_context(
                projecting.projecting(url, settings.tenant, settings.log, settings.self_check)
            )
            open_.enter_context(pulling.beside_us(settings, url))
            open_.enter_context(sealing.beside_us(settings, url))
        config = uvicorn.Config(
            build_app(house),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            proxy_headers=False,
        )
        # what is there at start stays: no need to look through it for garbage again and again
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE, 20, 50)
        _announce(settings, bound.getsockname()[1], is_open=settings.may_be_open and not house.keys.any_made)
        server = uvicorn.Server(config)

        def leave() -> None:
            # at once: whoever waits for an answer would get one of a ledger that is gone
            server.should_exit = server.force_exit = True

        house.freshness.on_gone = leave
        if house.freshness.gone is None:
            server.run(sockets=[bound])
        house.freshness.check()


def _announce(settings: Settings, port: int, *, is_open: bool) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    access = (
        "open: whoever is on this machine may do everything, nobody else can reach it;"
        " the first `cairn keys create` ends that"
        if is_open
        else "callers send Authorization: Bearer <key>"
    )
    print(f"cairn listens on http://{host}:{port} ({access}); Ctrl-C ends it", flush=True)
