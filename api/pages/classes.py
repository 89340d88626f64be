"""A class as a table: students by parameters, what is commonest in a column, who made the same mistake."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.services.classes import Standing
from verifier.documents.json_text import parse
from verifier.verdict import Verdict

_BANDS = ((1e-7, "slight"), (1e-4, "small"), (1e-2, "middle"), (math.inf, "large"))  # of relative errors
_WORDS: Mapping[str, str] = {
    Verdict.CORRECT: "right",
    Verdict.INCORRECT: "wrong",
    Verdict.UNDECIDED: "undecided",
    Verdict.MISSING: "missing",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a report's diagnosis, as far as it can be the same for two students."""

    bug: str
    title: str
    layer: int | None
    factor: str

    @property
    def words(self) -> str:
        where = "" if self.layer is None else f", layer {self.layer}"
        return f"{self.title}{where}" + (f" (factor {self.factor})" if self.factor else "")


@dataclass(frozen=True, slots=True)
class Digest:
    """What the table takes from a report. errors: the largest relative, by parameter. found: by parameter."""

    errors: Mapping[str, float | None]
    found: Mapping[str, tuple[Found, ...]]
    all_found: tuple[Found, ...]


NOTHING = Digest({}, {}, ())


@dataclass(frozen=True, slots=True)
class Cell:
    """text: in words, colour beside. band: how large the error is, or the verdict."""

    text: str
    band: str


@dataclass(frozen=True, slots=True)
class Row:
    standing: Standing
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """wrong: how many students. commonest: what most of them did, in words; empty where nothing was found."""

    name: str
    wrong: int
    students: int
    commonest: str
    many: int


@dataclass(frozen=True, slots=True)
class Group:
    """Students whose reports say the same: the same bugs, layers, factors and wrong parameters."""

    found: tuple[Found, ...]
    parameters: tuple[str, ...]
    members: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class ClassTable:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]


def digest(document: bytes) -> Digest:
    """Take from a grader's report what the table shows."""
    report = parse(document)
    found: dict[str, list[Found]] = defaultdict(list)
    rows = [(_found(row), row["parameters"]) for row in report["diagnosis"]]
    for each, parameters in rows:
        for name in parameters:
            found[name].append(each)
    errors = {row["name"]: _float(row.get("max_rel_error")) for row in report["parameters"]}
    return Digest(
        errors, {name: tuple(each) for name, each in found.items()}, tuple(each for each, _ in rows)
    )


def class_table(
    standings: Sequence[Standing], digests: Mapping[str, Digest], sort: str, down: bool
) -> ClassTable:
    """Lay out a class. digests: by report. sort: `student`, `verdict`, `points` or a parameter's name."""
    names = tuple(dict.fromkeys(name for each in standings for name in each.result.parameters))
    of = {each.submission.id: digests.get(each.result.report or "", NOTHING) for each in standings}
    rows = [Row(each, tuple(_cell(each, of[each.submission.id], n) for n in names)) for each in standings]
    rows.sort(key=lambda row: _key(row, of[row.standing.submission.id], sort), reverse=down)
    columns = tuple(_column(name, standings, of) for name in names)
    return ClassTable(columns, tuple(rows), _groups(standings, of))


def _key(row: Row, found: Digest, sort: str) -> tuple[Any, ...]:
    standing, result = row.standing, row.standing.result
    student = standing.submission.student
    if sort == "student":
        return (student,)
    if sort == "verdict":
        return str(result.verdict or ""), student
    if sort == "points":
        return result.earned, student
    error = found.errors.get(sort)
    size = 0.0 if error is None else (math.inf if math.isnan(error) else error)
    return result.parameters.get(sort, Verdict.CORRECT) is not Verdict.CORRECT, size, student


def _cell(standing: Standing, found: Digest, name: str) -> Cell:
    verdict = standing.result.parameters.get(name)
    if verdict is None:
        return Cell("not judged", "none")
    if verdict is not Verdict.INCORRECT:
        return Cell(_WORDS[verdict], str(verdict))
    error = found.errors.get(name)
    if error is None or math.isnan(error):
        return Cell("wrong", "large")
    band = next(band for most, band in _BANDS if error <= most)
    return Cell(f"wrong {error:.0e}", band)


def _column(name: str, standings: Sequence[Standing], of: Mapping[str, Digest]) -> Column:
    wrong = [
        each for each in standings if each.result.parameters.get(name, Verdict.CORRECT) is not Verdict.CORRECT
    ]
    words = Counter(row.words for each in wrong for row in set(of[each.submission.id].found.get(name, ())))
    commonest, many = min(words.items(), key=lambda item: (-item[1], item[0])) if words else ("", 0)
    return Column(name, len(wrong), len(standings), commonest, many)


def _groups(standings: Sequence[Standing], of: Mapping[str, Digest]) -> tuple[Group, ...]:
    alike: dict[tuple[tuple[Found, ...], tuple[str, ...]], list[Standing]] = defaultdict(list)
    for each in standings:
        parameters = each.result.parameters
        wrong = tuple(name for name, verdict in parameters.items() if verdict is not Verdict.CORRECT)
        if wrong:
            alike[of[each.submission.id].all_found, wrong].append(each)
    groups = [Group(found, wrong, tuple(members)) for (found, wrong), members in alike.items()]
    return tuple(sorted(groups, key=lambda group: (-len(group.members), group.members[0].submission.student)))


def _found(row: Mapping[str, Any]) -> Found:
    factor = _float(row.get("factor"))
    return Found(
        row["bug"], row["title"] or row["bug"], row["layer"], "" if factor is None else f"{factor:.3g}"
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)  # "NaN" and "Infinity" are numbers to float
