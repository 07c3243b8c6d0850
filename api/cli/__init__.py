"""The command `cairn`. Each command translates its arguments, calls the room that does the work, and prints.

Belongs here: the list of commands, and how any of them ends: exit codes, one-line errors, signals.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

import psycopg
import typer
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from adapters.feeds.clients import SourceError
from adapters.feeds.pulling import FeedBusy
from adapters.intake import IntakeClosed, IntakeFull, MappingUnknown, QuarantineUnknown
from adapters.personal.forgetting import SubjectUnknown
from adapters.personal.sealing import Unsealed
from adapters.postgres.connections import SchemaNameError
from adapters.postgres.embedded_errors import EmbeddedServerError
from adapters.postgres.keys import KeyRefused, KeyUnknown
from adapters.postgres.migrate import MigrationError
from adapters.postgres.tenants import TenantRefused, TenantUnknown
from adapters.sources import MappingRefused
from adapters.sources.base import FileRefused
from adapters.transparency.keys import SigningKeyRefused
from adapters.transparency.publishing import PublishFailed
from adapters.transparency.signing import Tampered
from api.checkpoints import NothingSigns, NotInTree, TreeBehind
from api.cli import (
    asking,
    bridging,
    checkpoints,
    completing,
    excepting,
    feeding,
    forgetting,
    generations,
    keys,
    mapping,
    previewing,
    proving,
    pulling,
    quarantining,
    referring,
    restating,
    serving,
    sourcing,
    tenants,
    trail,
    verifying,
)
from api.cursors import CursorRefused
from api.feeds import FeedUnknown
from api.forgetting import NothingSealed
from api.freshness import LedgerGone, NotYetProjected
from api.handling import ExceptionUnknown
from api.mappings import MappingNotFound, NotInstalled
from api.parameters import ParameterRefused
from api.quarantining import EntrySettled
from api.reading import GenerationGone, MilestoneUnknown
from api.remapping.running import ApplyUnderWay, PreviewDiffers
from api.settings import SettingsRefused
from projections.building import BuildUnderWay
from projections.checking import CheckRefused, OtherRules
from projections.deals import DealUnknown
from projections.generations import GenerationUnknown, NoGeneration
from projections.noting import BuildGone
from projections.promoting import GenerationRefused
from projections.reports import ReportRefused
from projections.workers import WorkerEnded

app: Final = typer.Typer(
    name="cairn",
    help="An event-sourced ledger of business milestones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
serving.add_to(app)
sourcing.add_to(app)
feeding.add_to(app)
pulling.add_to(app)
quarantining.add_to(app)
forgetting.add_to(app)
mapping.add_to(app)
asking.add_to(app)
generations.add_to(app)
previewing.add_to(app)
excepting.add_to(app)
restating.add_to(app)
referring.add_to(app)
bridging.add_to(app)
completing.add_to(app)
verifying.add_to(app)
proving.add_to(app)
trail.add_to(app)
checkpoints.add_to(app)
tenants.add_to(app)
keys.add_to(app)

#: What people can do something about: the message is enough.
_FORESEEN: Final = (
    SettingsRefused, SchemaNameError, EmbeddedServerError, MigrationError, ParameterRefused, ReportRefused,
    CursorRefused, GenerationGone, LedgerGone, DealUnknown, ExceptionUnknown, NoGeneration, NotYetProjected,
    QuarantineUnknown, MappingUnknown, EntrySettled, IntakeFull, IntakeClosed, FileNotFoundError,
    PermissionError, NotADirectoryError, serving.AddressTaken, proving.KeyUnreadable, feeding.SourceUnknown,
    feeding.InstanceRefused, FileRefused, MappingRefused, FeedUnknown, FeedBusy, SourceError,
    MilestoneUnknown, MappingNotFound,
    NotInstalled, PreviewDiffers, ApplyUnderWay, IsADirectoryError, BuildUnderWay, SubjectUnknown,
    NothingSealed, Unsealed,
    BuildGone, CheckRefused, OtherRules, WorkerEnded, GenerationUnknown, GenerationRefused, TenantUnknown,
    TenantRefused, KeyRefused, KeyUnknown,
    SigningKeyRefused, PublishFailed, Tampered, NothingSigns, NotInTree, TreeBehind,
    checkpoints.AgainstRefused,
)  # fmt: skip
_DATABASE: Final = (psycopg.Error, PoolTimeout, PersistenceError)


class Ended(SystemExit):
    """The process was asked to end; what is open is closed on the way out."""


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    # asked a second time, it is ending already
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ended(128 + number)


def _say(message: str) -> None:
    print(f"cairn: {message}", file=sys.stderr)


def run_to_end(work: Callable[[], object]) -> None:
    """Do something the way commands do: what is foreseen ends in one line, not in a trace."""
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _end)
    try:
        work()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # the reader of our output has gone; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except _FORESEEN as error:
        allowed = getattr(error, "allowed", ())
        _say(f"{error} (one of {', '.join(allowed)})" if allowed else str(error))
        sys.exit(1)
    except _DATABASE as error:
        first = str(error).strip().partition("\n")[0]
        _say(f"the database can't be used: {first or type(error).__name__}")
        sys.exit(1)


def main() -> None:
    """Run a command.

    Exit codes: 0 done, 1 refused or unhealthy, 2 wrong usage, 3 nothing of what came was understood, 130 and
    143 by signal.
    """
    run_to_end(app)
