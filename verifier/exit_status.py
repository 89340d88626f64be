"""Exit statuses of `gradjury check`, failing closed."""

from collections.abc import Iterable
from enum import IntEnum

from verifier.verdict import Verdict


class ExitStatus(IntEnum):
    CORRECT = 0
    INCORRECT = 1
    MALFORMED = 2  # or nothing to check
    UNDECIDED = 3
    INTERNAL = 4


_OF_VERDICT = {
    Verdict.CORRECT: ExitStatus.CORRECT,
    Verdict.INCORRECT: ExitStatus.INCORRECT,
    Verdict.UNDECIDED: ExitStatus.UNDECIDED,
}
_GRAVEST_FIRST = (ExitStatus.INTERNAL, ExitStatus.MALFORMED, ExitStatus.INCORRECT, ExitStatus.UNDECIDED)


def of_verdict(verdict: Verdict) -> ExitStatus:
    return _OF_VERDICT[verdict]


def of_all(statuses: Iterable[ExitStatus]) -> ExitStatus:
    """A malformed submission outweighs incorrect ones, since it was not judged; so does having none."""
    found = set(statuses)
    if not found:
        return ExitStatus.MALFORMED
    return next((status for status in _GRAVEST_FIRST if status in found), ExitStatus.CORRECT)
