"""Settings of the service, read from environment variables: GRADJURY_ and the name in capitals."""

import os
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from verifier.documents.json import Bounds


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
    answer_grid: seconds. Students are answered after it or a power of two times it, so that the time reveals
    little.
    most_waiting: submissions that may wait. log_level: the lowest level that is logged.
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
    most_connections: int = Field(default=800, ge=1)
    bodies_in_work: int = Field(default=512 * 2**20, ge=1)
    idle_seconds: float = Field(default=20.0, gt=0)
    stopping_seconds: int = Field(default=25, ge=1)
    largest_batch: int = Field(default=256 * 2**20, ge=1)
    most_in_batch: int = Field(default=10_000, ge=1)
    largest_kept: int = Field(default=256 * 2**20, ge=1)
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
