"""Settings of the service, read from environment variables: GRADJURY_ and the name in capitals."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal, get_args

from annotated_types import Ge, Gt
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from verifier.documents.json import Bounds
from verifier.oracles import ORACLES
from verifier.problem.errors import suggest_name

PREFIX = "GRADJURY_"
_SIMILAR = 0.7  # of a misspelt name and the one that is meant
_OTHERS = frozenset({"DEBUG", "SERVER", "TOKEN"})  # of the command line
_TYPES: Mapping[Any, str] = MappingProxyType(
    {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
)


class InvalidSettingsError(ValueError):
    """Environment variables that are no settings, or settings with a value that they may not have.

    problems: a sentence for each.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Settings(BaseSettings):
    """Settings of the service.

    database_url: sqlite:///FILE or postgresql://…. Its tables are migrated when the service starts.
    largest_body: bytes of a request. largest_inflated: bytes of an inflated npz.
    most_arrays, most_numbers, most_layers, most_nodes: limits on one document.
    deepest: levels of nested lists and objects in a document.
    tolerance: the preset that replaces the tolerance of every checked document, but not of assignments; empty
    to keep the document's.
    oracles: names, separated by commas; empty for all.
    open_checks: checks, and metrics of judging, need no token. Otherwise they need one of a grader or of ci,
    because they reveal what assignments hide from students.
    processes: number of worker processes. seconds_each, memory_each: limits on one submission, in seconds and
    bytes.
    root_path: the path under which a proxy offers the service, such as /gradjury; the proxy takes it away.
    answer_grid: seconds. Students are answered after it or a power of two times it, so that the time reveals
    little.
    most_waiting: submissions that may wait. database_wait: seconds that a request waits for a connection to
    the database, or for another write; then it is answered with 503.
    log_level: the lowest level that is logged.
    most_connections: connections at once. bodies_in_work: bytes of the bodies of all requests in work.
    idle_seconds: a head, the next piece of a body, and the reading of an answer may take so long.
    stopping_seconds: at SIGTERM, what was accepted may take so long to be answered.
    largest_batch: bytes of a batch's body, and of its inflated zip. most_in_batch: its submissions.
    largest_kept: bytes that are kept of one student's submissions to an assignment, with their reports.
    worker: whether this process judges batches, too. `gradjury serve` sets it, unless with --no-worker.
    checks_per_minute, submissions_per_minute, requests_per_minute: limits per token, or per address.
    refused_per_minute: requests with an invalid token per address.
    """

    model_config = SettingsConfigDict(env_prefix="GRADJURY_", frozen=True)

    database_url: str = "sqlite:///gradjury.sqlite"
    largest_body: int = Field(default=64 * 2**20, ge=1)
    largest_inflated: int = Field(default=256 * 2**20, ge=1)
    most_arrays: int = Field(default=2_000, ge=1)
    most_numbers: int = Field(default=2**25, ge=1)
    most_layers: int = Field(default=500, ge=1)
    most_nodes: int = Field(default=20_000, ge=1)
    deepest: int = Field(default=32, ge=8)
    tolerance: Literal["", "strict", "standard", "lenient"] = ""
    oracles: str = ""
    open_checks: bool = True
    processes: int = Field(default_factory=_cores, ge=1)
    seconds_each: float = Field(default=30.0, gt=0)
    memory_each: int = Field(default=4 * 2**30, ge=2**28)
    answer_grid: float = Field(default=0.25, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    most_waiting: int = Field(default=256, ge=0)
    database_wait: int = Field(default=3, ge=0)
    most_connections: int = Field(default=800, ge=1)
    bodies_in_work: int = Field(default=512 * 2**20, ge=1)
    idle_seconds: float = Field(default=20.0, gt=0)
    stopping_seconds: int = Field(default=25, ge=1)
    largest_batch: int = Field(default=256 * 2**20, ge=1)
    most_in_batch: int = Field(default=10_000, ge=1)
    largest_kept: int = Field(default=256 * 2**20, ge=1)
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    worker: bool = False
    checks_per_minute: int = Field(default=1200, ge=1)
    submissions_per_minute: int = Field(default=60, ge=1)
    requests_per_minute: int = Field(default=1200, ge=1)
    refused_per_minute: int = Field(default=60, ge=1)

    @property
    def bounds(self) -> Bounds:
        """Limits on the size of a document in any format."""
        return Bounds(
            inflated=self.largest_inflated,
            arrays=self.most_arrays,
            numbers=self.most_numbers,
            layers=self.most_layers,
            nodes=self.most_nodes,
            depth=self.deepest,
        )

    @property
    def preset(self) -> str | None:
        """The tolerance that replaces a document's own; None to keep that."""
        return self.tolerance or None

    @property
    def oracle_names(self) -> tuple[str, ...] | None:
        """Names of the oracles; None for all."""
        return tuple(name.strip() for name in self.oracles.split(",")) if self.oracles else None


def read_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Return the settings of an environment. given: those of options, which go first.

    Raise InvalidSettingsError with all problems: unknown names, and values that a setting may not have.
    """
    problems = [_unknown_setting(name) for name in environment if _is_unknown(name)]
    values = {name.lower(): value for name, value in environment.items()}
    fields = {name: values[PREFIX.lower() + name] for name in Settings.model_fields
              if PREFIX.lower() + name in values}  # fmt: skip
    fields |= {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings.model_validate(fields)
    except ValidationError as error:
        for name in dict.fromkeys(str(row["loc"][0]) for row in error.errors()):
            rule = _rule(Settings.model_fields[name])
            problems.append(f"{variable_of(name)}: expected {rule}, got {_excerpt(fields[name])}")
        raise InvalidSettingsError(problems) from None
    problems += _unknown_oracles(settings)
    if problems:
        raise InvalidSettingsError(problems)
    return settings


def _excerpt(value: object) -> str:
    return repr(str(value)[:60])


def variable_of(field: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + field.upper()


def _is_unknown(name: str) -> bool:
    if not name.upper().startswith(PREFIX):
        return False
    rest = name.upper().removeprefix(PREFIX)
    return rest not in _OTHERS and rest.lower() not in Settings.model_fields


def _unknown_setting(name: str) -> str:
    close = get_close_matches(name.upper().removeprefix(PREFIX).lower(), Settings.model_fields, 1, _SIMILAR)
    remedy = f"did you mean {variable_of(close[0])}?" if close else "gradjury config lists the settings"
    return f"{name}: there is no such setting; {remedy}"


def _unknown_oracles(settings: Settings) -> list[str]:
    unknown = [name for name in settings.oracle_names or () if name not in ORACLES]
    rule = f"{variable_of('oracles')}: expected names of oracles"
    return [f"{rule}, got {_excerpt(name)}; {suggest_name(name, ORACLES)}" for name in unknown]


def _rule(field: FieldInfo) -> str:
    """Return in words which values a setting may have."""
    choices = get_args(field.annotation)
    if choices:
        return "one of " + ", ".join(choice for choice in choices if choice)
    words = _TYPES[field.annotation]
    for bound in field.metadata:
        if isinstance(bound, Ge):
            words += f" of at least {bound.ge}"
        elif isinstance(bound, Gt):
            words += f" above {bound.gt}"
    return "a path such as /gradjury" if words == _TYPES[str] and field.metadata else words
