"""Verdicts on entries, parameters and submissions."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """The verdict on an entry, a parameter or a whole submission.

    Attributes
    ----------
    CORRECT
        Within the tolerance of a correct value.
    INCORRECT
        Outside of it, for all possible errors of the reference.
    UNDECIDED
        The reference is not accurate enough to decide.
    MISSING
        No gradient was submitted (of parameters only).
    """

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNDECIDED = "undecided"
    MISSING = "missing"  # of parameters only


def parameter_verdict(incorrect: int, undecided: int) -> Verdict:
    """Return the verdict on a parameter: one incorrect entry makes it incorrect.

    Without incorrect entries, one undecided entry makes it undecided.
    """
    if incorrect:
        return Verdict.INCORRECT
    return Verdict.UNDECIDED if undecided else Verdict.CORRECT


def overall_verdict(parameters: Iterable[Verdict]) -> Verdict:
    """Return the verdict of the whole: one incorrect or missing parameter makes it incorrect.

    With none of these, one undecided parameter makes it undecided, and so do no parameters at all.
    """
    verdicts = set(parameters)
    if not verdicts:
        return Verdict.UNDECIDED
    if verdicts & {Verdict.INCORRECT, Verdict.MISSING}:
        return Verdict.INCORRECT
    return Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else Verdict.CORRECT


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


def exit_status_of(verdict: Verdict) -> ExitStatus:
    """Return the exit status of a verdict."""
    return _OF_VERDICT[verdict]


def combined_status(statuses: Iterable[ExitStatus]) -> ExitStatus:
    """Return the common exit status: the most severe one, or MALFORMED if there are no submissions.

    MALFORMED is more severe than INCORRECT, because a malformed submission was not checked.
    """
    present = set(statuses)
    if not present:
        return ExitStatus.MALFORMED
    return next((status for status in _MOST_SEVERE_FIRST if status in present), ExitStatus.CORRECT)
