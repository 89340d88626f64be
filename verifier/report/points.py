"""Score submissions: a correct parameter earns all of its points, any other earns none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor, fsum, log10
from types import MappingProxyType

from verifier.problem.errors import ErrorCollector, describe, read_number
from verifier.problem.graph import INPUT, NODE
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict

_DIGITS = 5  # decimals of rounded points
_SHARE_DIGITS = 2  # decimals of a parameter's share, if it is worth at least 0.1


@dataclass(frozen=True, slots=True)
class Points:
    """The points of a submission.

    total: of the whole submission, divided evenly; the shares are rounded and add up to it.
    by_name: of each parameter; others are worth 0.
    Without both, each parameter is worth 1. Inputs and nodes of a graph are worth points only by name, or if
    no parameter was submitted, so that optional gradients do not earn extra points.
    """

    total: float | None = None
    by_name: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


ONE_POINT_EACH = Points()


@dataclass(frozen=True, slots=True)
class Score:
    """The points of one parameter.

    verdict: None if the submission could not be checked, or if the network has no such parameter.
    """

    name: str
    verdict: Verdict | None
    earned: float
    worth: float

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.CORRECT


def read_points(text: str, errors: ErrorCollector) -> Points:
    """Return the points in a text such as `10` or `layers.0.weight=2,layers.0.bias=1`."""
    parts = split_points(text)
    if isinstance(parts, str):
        return Points(total=_number(parts, errors))
    return Points(by_name={name: _number(value, errors) for name, value in parts.items()})


def split_points(text: str) -> str | dict[str, str]:
    """Return the texts of points by name, such as `layers.0.weight=2,layers.0.bias=1`, or the only text."""
    if "=" not in text:
        return text
    parts = (part.rpartition("=") for part in text.split(","))
    return {name.strip(): value for name, _, value in parts}


def _number(text: str, errors: ErrorCollector) -> float:
    try:
        value = float(text)
    except ValueError:
        remedy = "write 10, or layers.0.weight=2,layers.0.bias=1"
        errors.add("--points", "a number of at least 0", describe(text.strip()), remedy)
        return 0.0
    number = read_number(value, "--points", errors, at_least=0.0)
    return 0.0 if number is None else number


def score_outcome(sourced: FileOutcome, points: Points) -> tuple[Score, ...]:
    """Return a score per parameter, or one for the whole submission if parameters are unknown or hidden."""
    report = sourced.report
    if report is None:
        return (Score("submission", None, 0.0, _total_worth(points)),)
    if not report.parameters:
        earned = _total_worth(points) if report.verdict is Verdict.CORRECT else 0.0
        return (Score("gradients", report.verdict, earned, _total_worth(points)),)
    return score_verdicts({name: row.verdict for name, row in report.parameters.items()}, points)


def score_verdicts(verdicts: Mapping[str, Verdict], points: Points) -> tuple[Score, ...]:
    """Return a score per parameter; a parameter in `points` without verdict has a score, too."""
    by_name: dict[str, Verdict | None] = dict(verdicts)
    if points.by_name:
        by_name |= {name: None for name in points.by_name if name not in by_name}
        worths = {name: points.by_name.get(name, 0.0) for name in by_name}
    else:
        rewarded = [name for name in by_name if not name.startswith((INPUT, NODE))] or list(by_name)
        shares = [1.0] * len(rewarded) if points.total is None else _shares(points.total, len(rewarded))
        worths = dict.fromkeys(by_name, 0.0) | dict(zip(rewarded, shares, strict=True))
    return tuple(
        Score(name, verdict, worths[name] if verdict is Verdict.CORRECT else 0.0, worths[name])
        for name, verdict in by_name.items()
    )


def _shares(total: float, count: int) -> list[float]:
    """Return `count` rounded shares of a total, which add up to it: 3.33, 3.34, 3.33 of 10."""
    if not total:
        return [0.0] * count
    digits = max(_SHARE_DIGITS, 1 - floor(log10(total / count)))
    ends = [round(total * index / count, digits) for index in range(count)] + [total]
    return [round(end - start, max(digits, _DIGITS)) for start, end in pairwise(ends)]


def earned(rows: Iterable[Score]) -> float:
    """Return the sum of the earned points."""
    return round_points(fsum(row.earned for row in rows))


def worth(rows: Iterable[Score]) -> float:
    """Return the sum of the possible points."""
    return round_points(fsum(row.worth for row in rows))


def round_points(value: float) -> float:
    """Return points with at most five decimals, so that three thirds of ten are ten."""
    return round(value, _DIGITS)


def points_line(outcome: FileOutcome, points: Points) -> str:
    """Return the earned points of a submission as a line; empty if none were set."""
    if points == ONE_POINT_EACH:
        return ""
    rows = score_outcome(outcome, points)
    return f"points: {earned(rows):g} of {worth(rows):g}"


def as_integers(rows: Sequence[Score]) -> list[tuple[int, int]]:
    """Return (earned, worth) of each row as integers, such that the worths sum to the rounded total."""
    results: list[tuple[int, int]] = []
    total, distributed = 0.0, 0
    for row in rows:
        total += row.worth
        row_worth = round(round_points(total)) - distributed
        distributed += row_worth
        results.append((row_worth if row.earned == row.worth and row.passed else 0, row_worth))
    return results


def _total_worth(points: Points) -> float:
    if points.by_name:
        return fsum(points.by_name.values())
    return 1.0 if points.total is None else points.total
