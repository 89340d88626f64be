"""Check submissions that are not stored, and check the service itself."""

from collections.abc import Awaitable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

from api.http.guard import attend
from api.http.problems import ProblemError, RefusedError
from api.service import Service
from api.services.cached import cached
from api.workers.protocol import (
    NOTHING,
    Judged,
    ReadDocument,
    ReadTask,
    Refusal,
    RenderRequest,
    Stopped,
    Task,
)
from api.workers.turns import QueueFullError
from verifier.documents.json import to_json
from verifier.examples.layers import example_document
from verifier.oracles import ORACLES

_T = TypeVar("_T")
_ORACLES_AGE = 10.0  # seconds


def check_task(
    service: Service,
    content: bytes,
    render: RenderRequest = NOTHING,
    declared: str | None = None,
    store: bool = False,
) -> Task:
    """Return the task of a submission that brings its own problem, under the service's settings."""
    settings = service.settings
    return Task(
        content,
        declared,
        oracles=settings.oracle_names,
        render=render,
        store=store,
        bounds=settings.bounds,
        tolerance=settings.preset,
    )


async def judge(service: Service, task: Task) -> Judged:
    """Judge a task in the worker pool.

    Raise RefusedError for a malformed submission, ProblemError 413 for one that exceeded a limit, and
    ProblemError 429 if too many are waiting.
    """
    outcome = await _wait_for(service.pool.judge(task))
    service.metrics.count_outcome(outcome)
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
    if isinstance(outcome, Stopped):
        remedy = "send a smaller network or batch, or ask fewer oracles"
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"judging was stopped: {outcome.reason}; {remedy}"
        )
    return outcome


async def read(service: Service, task: ReadTask) -> ReadDocument:
    """Read a document in the worker pool. Raise as `judge`."""
    outcome = await _wait_for(service.pool.read(task))
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
    if isinstance(outcome, Stopped):
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"reading was stopped: {outcome.reason}; send a smaller one"
        )
    return outcome


async def check_oracles(service: Service) -> dict[str, bool | None]:
    """Return for each oracle whether it agrees on a known problem; None if it gave no answer.

    The problem is judged again after some seconds, however many ask.
    """
    return await cached(service, "oracles", lambda: _ask_oracles(service), _ORACLES_AGE)


def all_agree(oracles: Mapping[str, bool | None], required: Sequence[str]) -> bool:
    """True if all oracles agree. One whose package is not installed is ignored unless it is required."""
    layered = oracles.keys() & ORACLES.keys()  # oracles of graphs alone do not judge this problem
    absent = {name for name in layered if oracles[name] is None and ORACLES[name].needs}
    needed = layered - (absent - set(required))
    return bool(needed) and all(oracles[name] for name in needed)


async def _ask_oracles(service: Service) -> dict[str, bool | None]:
    content = to_json(example_document("sigmoid-mse")).encode()
    task = Task(content, "json", oracles=service.settings.oracle_names)
    outcome = await _wait_for(service.pool.judge(task))
    return dict(outcome.findings.oracles) if isinstance(outcome, Judged) else {}


async def _wait_for(work: Awaitable[_T]) -> _T:
    """Return the result of work in the pool. Raise ProblemError 429 if too many wait, 400 if nobody does."""
    try:
        return await attend(work)
    except QueueFullError:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many submissions are waiting to be judged; try again shortly",
            {"Retry-After": "2"},
        ) from None
