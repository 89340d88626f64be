"""Result of mutation testing a problem, as data and as a document (`gradjury.inspection/1`)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.problem.errors import ReportWarning
from verifier.report.wording import sanitize_line

SCHEMA = "gradjury.inspection/1"


@dataclass(frozen=True, slots=True)
class MutationSite:
    """Location of a mutant. layer: None for the whole network or a graph. node: a gradient of a graph."""

    layer: int | None
    equation: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class BugDetection:
    """Counts of the mutants of one bug.

    Attributes
    ----------
    bug
        Id in the catalogue.
    made
        All mutants: places in the problem times forms of the bug.
    caught
        Mutants with an entry out of tolerance.
    missed
        Mutants not caught here, but with other numbers of the same shape.
    hidden
        Mutants not caught with any numbers that were tried.
    missed_at, hidden_at
        Their locations.
    confused_with
        Bugs with the same gradients here, but not with other numbers of the same shape.
    same_here_as
        Bugs with the same gradients here and with all other numbers that were tried.
    """

    bug: str
    made: int
    caught: int
    missed: int
    hidden: int
    missed_at: tuple[MutationSite, ...] = ()
    hidden_at: tuple[MutationSite, ...] = ()
    confused_with: tuple[str, ...] = ()
    same_here_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """Result of `inspect`: the bugs that a problem can detect.

    Attributes
    ----------
    mutation_score
        Share of mutants caught, among those that some numbers of this shape catch: the mean over bugs, in
        [0, 1].
    bugs
        Counts for each bug.
    uninformative
        Number of zero entries of the right gradient by parameter. Wrong code can pass them.
    entries
        Number of entries of all gradients.
    warnings, advice
        Weaknesses of the problem, and suggested changes.
    name
        Name of the problem, if it has one.
    of_graph
        True if the problem is a graph; the bugs are then wrong local rules.
    """

    mutation_score: float
    bugs: tuple[BugDetection, ...]
    uninformative: Mapping[str, int]
    entries: int
    warnings: tuple[ReportWarning, ...] = ()
    advice: tuple[str, ...] = ()
    name: str | None = None
    of_graph: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ready for JSON."""
        return {
            "schema": SCHEMA,
            **({"name": self.name} if self.name is not None else {}),
            "mutation_score": self.mutation_score,
            "bugs": [_row(row) for row in self.bugs],
            "uninformative": dict(self.uninformative),
            "entries": self.entries,
            "warnings": [
                {"code": w.code, "layer": w.layer, "units": list(w.units), "detail": w.detail}
                for w in self.warnings
            ],
            "advice": list(self.advice),
        }

    def __str__(self) -> str:

        return inspection_text(self)


def _row(row: BugDetection) -> dict[str, Any]:
    return {
        "bug": row.bug,
        "made": row.made,
        "caught": row.caught,
        "missed": row.missed,
        "hidden": row.hidden,
        "missed_at": [_place(at) for at in row.missed_at],
        "hidden_at": [_place(at) for at in row.hidden_at],
        "confused_with": list(row.confused_with),
        "same_here_as": list(row.same_here_as),
    }


def _place(at: MutationSite) -> dict[str, Any]:
    return {
        "layer": at.layer,
        "equation": at.equation,
        **({"node": at.node} if at.node is not None else {}),
    }


_MOST_PLACES = 12  # in one line


def inspection_text(inspection: Inspection) -> str:
    """Return the inspection's text, without a final newline."""
    return "\n".join(_lines(inspection))


def _lines(inspection: Inspection) -> Iterator[str]:
    rows = inspection.bugs
    possible = [row for row in rows if row.caught or row.missed]
    caught = [row for row in possible if not row.missed]
    if inspection.name:
        yield sanitize_line(inspection.name)
    yield (
        f"  {len(possible)} {bug_noun(inspection)} can show in a {problem_noun(inspection)} of this shape; "
        f"this problem catches {len(caught)} of them wherever they can"
    )
    yield from _section(
        "caught only in some places or forms, or not at all:", [r for r in rows if r.missed], _missed
    )
    yield from _section("not told apart here:", [r for r in rows if r.confused_with], _confused)
    yield from _section("the same in any problem of this shape:", [r for r in rows if r.same_here_as], _same)
    yield from _section(
        f"hidden by the {problem_noun(inspection)}'s shape itself:", [r for r in rows if r.hidden], _hidden
    )
    zero = {name: count for name, count in inspection.uninformative.items() if count}
    if zero:
        yield ""
        yield f"  entries whose right gradient is zero: {sum(zero.values())} of {inspection.entries}"
        yield from (f"    {name}: {count}" for name, count in zero.items())
    if inspection.advice:
        yield ""
        yield "  what to change:"
        yield from (f"    - {advice}" for advice in inspection.advice)
    yield ""
    yield f"  mutation score: {inspection.mutation_score:.1%}"


def _section(title: str, rows: list[BugDetection], describe: Callable[[BugDetection], str]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"  {title}"
    for row in rows:
        yield f"    {row.bug}: {describe(row)}"


def _missed(row: BugDetection) -> str:
    return f"{row.caught} of {row.caught + row.missed}, missed at {format_locations(row.missed_at)}"


def _hidden(row: BugDetection) -> str:
    return f"{row.hidden} of {row.made}, at {format_locations(row.hidden_at)}"


def _confused(row: BugDetection) -> str:
    return ", ".join(row.confused_with)


def _same(row: BugDetection) -> str:
    return ", ".join(row.same_here_as)


def format_locations(locations: tuple[MutationSite, ...]) -> str:
    """Return locations as text: `layer 0 (hidden_delta); the whole network (loss)`, or nodes of a graph."""
    shown = [_location_text(location) for location in locations[:_MOST_PLACES]]
    more = [f"{len(locations) - _MOST_PLACES} more"] if len(locations) > _MOST_PLACES else []
    return "; ".join([*shown, *more])


def bug_noun(inspection: Inspection) -> str:
    """Return the plural noun for the bugs of the mutation test."""
    return "wrong local rules" if inspection.of_graph else "bugs of the catalogue"


def problem_noun(inspection: Inspection) -> str:
    """Return the noun for the problem: `graph` or `network`."""
    return "graph" if inspection.of_graph else "network"


def _location_text(location: MutationSite) -> str:
    if location.node is not None:
        return sanitize_line(location.node)
    layer = "the whole network" if location.layer is None else f"layer {location.layer}"
    return f"{layer} ({location.equation})"
