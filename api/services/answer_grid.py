"""When students are answered: at moments that tell little of how long their answers were judged.

Judging right and wrong gradients takes different times. A student is answered when a step, or a power of
two times it, has passed since the body was read. The step is the setting `answer_grid`, or a power of two
times it, so that most answers of late were judged within one step. It is chosen before an answer is judged.
With a fixed step, a busy service needed a second one for wrong gradients more often than for right ones.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil, log2
from time import monotonic

import anyio

from api.service import Service
from api.services.cached import LruCache

_ASSIGNMENTS = 1_000  # of which times are kept
_STUDENTS = 32  # whose last times are kept of each, so that no student has more than one vote
_MOST_OF_THEM = 0.9
_SPARE = 1.25  # times what most took
_LONGEST_USUAL = 4.0  # seconds: slow answers of some make no others wait longer than that


@dataclass(frozen=True, slots=True)
class AnswerGrid:
    """Moments at which a student may be answered.

    begun: when the body was read. step: seconds; 0 for no grid.
    """

    begun: float
    step: float

    def next(self) -> float:
        """Return the next of these moments."""
        passed = monotonic() - self.begun
        return self.begun + _power_of_two_times(self.step, passed) if self.step > 0 else monotonic()

    async def wait(self) -> None:
        """Wait for the next of these moments."""
        await anyio.sleep(max(0.0, self.next() - monotonic()))


def begin_answer(service: Service, assignment_id: str) -> AnswerGrid:
    """Return the moments at which an answer may be sent whose body has been read now."""
    grid, times = service.settings.answer_grid, sorted(_times(service, assignment_id).values())
    usual = times[ceil(_MOST_OF_THEM * len(times)) - 1] if times else 0.0
    step = _power_of_two_times(grid, min(_SPARE * usual, _LONGEST_USUAL)) if grid > 0 else 0.0
    return AnswerGrid(monotonic(), step)


def note_judged(service: Service, assignment_id: str, student: str, grid: AnswerGrid) -> None:
    """Note that a student's answer has been judged, for the steps of later answers."""
    times = _times(service, assignment_id)
    times.pop(student, None)
    times[student] = monotonic() - grid.begun
    if len(times) > _STUDENTS:
        times.popitem(last=False)


def _times(service: Service, assignment_id: str) -> OrderedDict[str, float]:
    """Return the seconds that the last answers took, by student."""
    kept: LruCache[OrderedDict[str, float]]
    kept = service.derived.setdefault("judging times", LruCache(_ASSIGNMENTS))
    times = kept.get(assignment_id)
    if times is None:
        times = OrderedDict()
        kept.put(assignment_id, times)
    return times


def _power_of_two_times(step: float, least: float) -> float:
    """Return the least of 1, 2, 4, … times a step that is not below a number."""
    return step * 2.0 ** ceil(log2(least / step)) if least > step else step
