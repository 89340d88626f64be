"""A task judged, or the error that answers it."""

from http import HTTPStatus

from api.judging.task import Judged, Refused, Stopped, Task
from api.problems import ProblemError, RefusedError
from api.service import Service


async def judged(service: Service, task: Task) -> Judged:
    """Judge a task. Raises: RefusedError for a malformed submission, ProblemError 413 for one stopped."""
    outcome = await service.pool.judge(task)
    service.metrics.judged(outcome)
    if isinstance(outcome, Refused):
        raise RefusedError(outcome)
    if isinstance(outcome, Stopped):
        remedy = "send a smaller network or batch, or ask fewer oracles"
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"judging was stopped: {outcome.reason}; {remedy}"
        )
    return outcome
