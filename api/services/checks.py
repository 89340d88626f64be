"""Check submissions that are not stored, and check the service itself."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from api.http.problems import ProblemError, RefusedError
from api.service import Service
from api.workers.pool import QueueFullError
from api.workers.protocol import NOTHING, Judged, Outcome, Refusal, RenderRequest, Stopped, Task
from verifier.documents.json import to_json
from verifier.examples.layers import example_document
from verifier.oracles import ORACLES


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
    outcome = await _run(service, task)
    service.metrics.count_outcome(outcome)
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
    if isinstance(outcome, Stopped):
        remedy = "send a smaller network or batch, or ask fewer oracles"
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"judging was stopped: {outcome.reason}; {remedy}"
        )
    return outcome


async def check_oracles(service: Service) -> dict[str, bool | None]:
    """Judge a known problem. Return for each oracle whether it agrees; None if it gave no answer."""
    content = to_json(example_document("sigmoid-mse")).encode()
    outcome = await _run(service, Task(content, "json", oracles=service.settings.oracle_names))
    return dict(outcome.findings.oracles) if isinstance(outcome, Judged) else {}


def all_agree(oracles: Mapping[str, bool | None], required: Sequence[str]) -> bool:
    """True if all oracles agree. One whose package is not installed is ignored unless it is required."""
    layered = oracles.keys() & ORACLES.keys()  # oracles of graphs alone do not judge this problem
    absent = {name for name in layered if oracles[name] is None and ORACLES[name].needs}
    needed = layered - (absent - set(required))
    return bool(needed) and all(oracles[name] for name in needed)


async def _run(service: Service, task: Task) -> Outcome:
    try:
        return await service.pool.judge(task)
    except QueueFullError:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many submissions are waiting to be judged; try again shortly",
            {"Retry-After": "2"},
        ) from None
