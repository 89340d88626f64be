"""What may be said of an entry, of a parameter, and of the whole."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNDECIDED = "undecided"
    MISSING = "missing"  # of a parameter alone


def of_parameter(incorrect: int, undecided: int) -> Verdict:
    """One incorrect entry makes a parameter incorrect; with none, one undecided makes it undecided."""
    if incorrect:
        return Verdict.INCORRECT
    return Verdict.UNDECIDED if undecided else Verdict.CORRECT


def of_whole(parameters: Iterable[Verdict]) -> Verdict:
    """Return the verdict of the whole: one incorrect or missing parameter makes it incorrect.

    With none of these, one undecided parameter makes it undecided, and so do no parameters at all.
    """
    verdicts = set(parameters)
    if not verdicts:
        return Verdict.UNDECIDED
    if verdicts & {Verdict.INCORRECT, Verdict.MISSING}:
        return Verdict.INCORRECT
    return Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else Verdict.CORRECT
