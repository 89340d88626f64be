"""Exit statuses of `gradjury check`; only a correct submission has status 0."""

from collections.abc import Iterable
from enum import IntEnum

from verifier.verdict import Verdict


class ExitStatus(IntEnum):
    """An exit status."""

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
_MOST_SEVERE_FIRST = (ExitStatus.INTERNAL, ExitStatus.MALFORMED, ExitStatus.INCORRECT, ExitStatus.UNDECIDED)


def of_verdict(verdict: Verdict) -> ExitStatus:
    """Return the exit status of a verdict."""
    return _OF_VERDICT[verdict]


def of_all(statuses: Iterable[ExitStatus]) -> ExitStatus:
    """Return the common exit status: the most severe one, or MALFORMED if there are no submissions.

    MALFORMED is more severe than INCORRECT, because a malformed submission was not checked.
    """
    present = set(statuses)
    if not present:
        return ExitStatus.MALFORMED
    return next((status for status in _MOST_SEVERE_FIRST if status in present), ExitStatus.CORRECT)
