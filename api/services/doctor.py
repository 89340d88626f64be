"""Examine what a service depends on, without starting it: `gradjury doctor`."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from api.services.checks import all_agree
from api.settings import Settings
from api.storage.database import DatabaseState, database_file, examine_database, masked_url
from verifier.examples.layers import example_document
from verifier.pipeline.layers import verify

_LARGEST_DRIFT = timedelta(seconds=5)  # of two clocks: workers count as dead after 10 s
_SILENCE = timedelta(seconds=10)
_LITTLE, _TOO_LITTLE = 2**30, 2**26  # bytes


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that was examined. detail: a sentence, with the remedy if it is not well."""

    name: str
    state: State
    detail: str


def examine(settings: Settings, trouble: Callable[[Exception], str]) -> Iterator[Diagnostic]:
    """Yield what is found of the database, its tables, clocks, disks and oracles.

    trouble: returns why a database cannot be used, from its error.
    """
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        detail = f"there is no file {file.absolute()}; gradjury serve makes it where it is started"
        yield Diagnostic("database", State.FAILURE, detail)
    else:
        try:
            database = examine_database(settings.database_url)
        except SQLAlchemyError as error:
            yield Diagnostic("database", State.FAILURE, trouble(error))
        else:
            yield from _examine_database(settings, database)
    yield _examine_disk([Path(tempfile.gettempdir()), *([] if file is None else [file.absolute().parent])])
    yield _examine_oracles(settings)


def _examine_database(settings: Settings, database: DatabaseState) -> Iterator[Diagnostic]:
    url = masked_url(settings.database_url)
    yield Diagnostic("database", State.OK, f"{url} answers")
    yield _examine_tables(database)
    yield _examine_clocks(database)
    alive = sum(seen > database.clock - _SILENCE for seen in database.workers)
    yield Diagnostic("workers", State.OK, f"{alive} alive")


def _examine_tables(database: DatabaseState) -> Diagnostic:
    if database.revision == database.newest:
        return Diagnostic("tables", State.OK, f"up to date, revision {database.revision}, and take a write")
    if database.revision is None:
        return Diagnostic("tables", State.WARNING, "there are none; gradjury serve makes them")
    if database.known:
        detail = f"of revision {database.revision}, this release has {database.newest}; "
        remedy = "make a backup, then start the service, which brings them up to date"
        return Diagnostic("tables", State.WARNING, detail + remedy)
    detail = f"of revision {database.revision}, which this release does not know; install the newer release"
    return Diagnostic("tables", State.FAILURE, detail)


def _examine_clocks(database: DatabaseState) -> Diagnostic:
    now = datetime.now(UTC)
    drift = database.clock - now
    if abs(drift) > _LARGEST_DRIFT:
        detail = f"the database's is {drift.total_seconds():.0f} s ahead of this machine's; set both by NTP"
        return Diagnostic("clock", State.FAILURE, detail)
    if database.latest is not None and database.latest > now + _LARGEST_DRIFT:
        detail = f"something was stored at {database.latest.isoformat()}, in the future; set the clock by NTP"
        return Diagnostic("clock", State.FAILURE, detail)
    return Diagnostic("clock", State.OK, f"{now.isoformat(timespec='seconds')}, as the database's")


def _examine_disk(folders: Sequence[Path]) -> Diagnostic:
    free = {folder: shutil.disk_usage(folder).free for folder in folders if folder.is_dir()}
    detail = ", ".join(f"{size / 2**30:.1f} GiB free in {folder}" for folder, size in free.items())
    least = min(free.values())
    if least >= _LITTLE:
        return Diagnostic("disk", State.OK, detail)
    return Diagnostic("disk", State.FAILURE if least < _TOO_LITTLE else State.WARNING, f"{detail}; make room")


def _examine_oracles(settings: Settings) -> Diagnostic:
    report = verify(example_document("sigmoid-mse"), oracles=settings.oracle_names)
    agrees = {row.oracle: row.agrees for row in report.evidence}
    words = {True: "agrees", False: "DISAGREES", None: "gave no answer"}
    detail = ", ".join(f"{name} {words[agreed]}" for name, agreed in agrees.items())
    if all_agree(agrees, settings.oracle_names or ()):
        return Diagnostic("oracles", State.OK, detail)
    remedy = "autograd needs PyTorch: pip install 'gradjury[torch]'; please report any that disagrees"
    return Diagnostic("oracles", State.FAILURE, f"{detail}; {remedy}")
