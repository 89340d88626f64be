"""Check submissions that are not stored, and check the service itself."""

from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from http import HTTPStatus
from typing import TypeVar

from api.http.guard import attend
from api.http.problems import ProblemError, RefusedError
from api.service import Service
from api.services.cached import cached
from api.storage.unavailable import is_unavailable
from api.workers.protocol import (
    NOTHING,
    Judged,
    Outcome,
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
from verifier.oracles import LAYER_ORACLES

INTERNAL_ERROR = "an error of the service, not of the submission"
_MOST_ERRORS = 20
_LONGEST_REASON = 10_000  # characters
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
    outcome = _judged(service, await _wait_for(service.pool.judge(task)))
    if isinstance(outcome, Stopped):
        raise stopped_problem(outcome)
    return outcome


async def judge_attempt(service: Service, task: Task) -> Judged | Stopped:
    """Judge a task as `judge` does, but return the outcome of one that exceeded a limit.

    It is judged to the end when the client leaves: what becomes of an attempt must not tell how far it was.
    """
    return _judged(service, await _raise_if_full(service.pool.judge(task)))


def _judged(service: Service, outcome: Outcome) -> Judged | Stopped:
    service.metrics.count_outcome(outcome)
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
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


def judge_blocking(service: Service, task: Task) -> Outcome:
    """Judge a task of background work, in a thread."""
    outcome = service.pool.judge_sync(task)
    service.metrics.count_outcome(outcome)
    return outcome


def is_transient(error: BaseException) -> bool:
    """True if an error is due to the environment, and a later attempt may succeed."""
    return is_unavailable(error) or isinstance(error, BrokenProcessPool)


def reason_of(outcome: Refusal | Stopped) -> str:
    """Return why a submission was not judged: a line for each mistake, at most 20."""
    if isinstance(outcome, Stopped):
        return f"judging was stopped: {outcome.reason}"
    shown = outcome.errors[:_MOST_ERRORS]
    lines = [document_error.sentence for document_error in shown]
    rest = len(outcome.errors) - len(shown)
    return "\n".join(lines + ([f"and {rest} more mistakes"] if rest else []))[:_LONGEST_REASON]


def stopped_problem(outcome: Stopped, counted: bool = False) -> ProblemError:
    """Return the error for a submission that exceeded a limit. counted: it was stored as an attempt."""
    remedy = "send a smaller network or batch, or ask fewer oracles"
    if counted:
        remedy = "the attempt counts, and your grader sees it"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{reason_of(outcome)}; {remedy}")


async def check_oracles(service: Service) -> dict[str, bool | None]:
    """Return for each oracle whether it agrees on a known problem; None if it gave no answer.

    The problem is judged again after some seconds, however many ask.
    """
    return await cached(service, "oracles", lambda: _ask_oracles(service), _ORACLES_AGE)


def all_agree(oracles: Mapping[str, bool | None], required: Sequence[str]) -> bool:
    """True if all oracles agree. One whose package is not installed is ignored unless it is required."""
    layered = oracles.keys() & LAYER_ORACLES.keys()  # oracles of graphs alone do not judge this problem
    absent = {name for name in layered if oracles[name] is None and LAYER_ORACLES[name].needs}
    needed = layered - (absent - set(required))
    return bool(needed) and all(oracles[name] for name in needed)


async def _ask_oracles(service: Service) -> dict[str, bool | None]:
    content = to_json(example_document("sigmoid-mse")).encode()
    task = Task(content, "json", oracles=service.settings.oracle_names)
    outcome = await _wait_for(service.pool.judge(task))
    return dict(outcome.findings.oracles) if isinstance(outcome, Judged) else {}


async def _wait_for(work: Awaitable[_T]) -> _T:
    """Return the result of work in the pool. Raise ProblemError 429 if too many wait, 400 if nobody does."""
    return await _raise_if_full(attend(work))


async def _raise_if_full(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except QueueFullError:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many submissions are waiting to be judged; try again shortly",
            {"Retry-After": "2"},
        ) from None
