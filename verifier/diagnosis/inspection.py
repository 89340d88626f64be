"""Result of mutation testing a problem, as data and as a document (`gradjury.inspection/1`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.caution import Caution

SCHEMA = "gradjury.inspection/1"


@dataclass(frozen=True, slots=True)
class Place:
    """Location of a mutant. layer: None for the whole network or a graph. node: a gradient of a graph."""

    layer: int | None
    equation: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class BugPower:
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
    missed_at: tuple[Place, ...] = ()
    hidden_at: tuple[Place, ...] = ()
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
    bugs: tuple[BugPower, ...]
    uninformative: Mapping[str, int]
    entries: int
    warnings: tuple[Caution, ...] = ()
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
        from verifier.exporters.inspection import export

        return export(self)


def _row(row: BugPower) -> dict[str, Any]:
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


def _place(at: Place) -> dict[str, Any]:
    return {
        "layer": at.layer,
        "equation": at.equation,
        **({"node": at.node} if at.node is not None else {}),
    }
