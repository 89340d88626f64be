"""What a submission is worth, and what it earns: a parameter's points whole or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from types import MappingProxyType

from verifier.documents.mistakes import Mistakes, read_number
from verifier.graphs.problem import INPUT, NODE
from verifier.sourced import Sourced
from verifier.verdict import Verdict

_DIGITS = 5  # points are rounded to so many decimals


@dataclass(frozen=True, slots=True)
class Points:
    """total: of a submission, split evenly. by_name: of each parameter; others are worth nothing.

    With neither, each parameter is worth 1. Of a graph, inputs and nodes are worth something only by name, or
    where nothing else was handed in: who hands in more of them may not earn more.
    """

    total: float | None = None
    by_name: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


ONE_EACH = Points()


@dataclass(frozen=True, slots=True)
class Score:
    """verdict: None for what could not be judged, or a parameter that the network does not have."""

    name: str
    verdict: Verdict | None
    earned: float
    worth: float

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.CORRECT


def read_points(text: str, mistakes: Mistakes) -> Points:
    """Read `10`, or `layers.0.weight=2,layers.0.bias=1`."""
    if "=" not in text:
        total = _number(text, mistakes)
        return Points(total=total)
    by_name = {}
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        by_name[name.strip()] = _number(value, mistakes)
    return Points(by_name=by_name)


def _number(text: str, mistakes: Mistakes) -> float:
    try:
        value: object = float(text)
    except ValueError:
        value = text.strip()
    read = read_number(value, "--points", mistakes, at_least=0.0)
    return 0.0 if read is None else read


def scores(sourced: Sourced, points: Points) -> tuple[Score, ...]:
    """Give each parameter's points; one score of the whole where nothing is known of parameters."""
    report = sourced.report
    if report is None:
        return (Score("submission", None, 0.0, _whole(points)),)
    if not report.parameters:
        earned = _whole(points) if report.verdict is Verdict.CORRECT else 0.0
        return (Score("gradients", report.verdict, earned, _whole(points)),)
    return scores_of({name: row.verdict for name, row in report.parameters.items()}, points)


def scores_of(verdicts: Mapping[str, Verdict], points: Points) -> tuple[Score, ...]:
    """Give each parameter's points by its verdict, one without a verdict for what only has points."""
    found: dict[str, Verdict | None] = dict(verdicts)
    if points.by_name:
        found |= {name: None for name in points.by_name if name not in found}
        worths = {name: points.by_name.get(name, 0.0) for name in found}
    else:
        paid = [name for name in found if not name.startswith((INPUT, NODE))] or list(found)
        each = 1.0 if points.total is None else points.total / len(paid)
        worths = dict.fromkeys(found, 0.0) | dict.fromkeys(paid, each)
    return tuple(
        Score(name, verdict, worths[name] if verdict is Verdict.CORRECT else 0.0, worths[name])
        for name, verdict in found.items()
    )


def earned(rows: Iterable[Score]) -> float:
    return rounded(fsum(row.earned for row in rows))


def worth(rows: Iterable[Score]) -> float:
    return rounded(fsum(row.worth for row in rows))


def rounded(value: float) -> float:
    """Give points with at most five decimals, so that thirds of ten make ten."""
    return round(value, _DIGITS)


def in_whole_numbers(rows: Sequence[Score]) -> list[tuple[int, int]]:
    """Give (earned, worth) as whole numbers; worths sum to the rounded total."""
    found: list[tuple[int, int]] = []
    running, given = 0.0, 0
    for row in rows:
        running += row.worth
        own = round(rounded(running)) - given
        given += own
        found.append((own if row.earned == row.worth and row.passed else 0, own))
    return found


def _whole(points: Points) -> float:
    if points.by_name:
        return fsum(points.by_name.values())
    return 1.0 if points.total is None else points.total
