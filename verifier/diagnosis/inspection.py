"""What a problem could reveal, frozen, as data; and its document (`gradjury.inspection/1`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.caution import Caution

SCHEMA = "gradjury.inspection/1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bug was made: layer, None for the whole network, and equation; node: a gradient of a graph."""

    layer: int | None
    equation: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class BugPower:
    """One bug of the catalogue, made in `made` places and forms.

    caught: of them, those that leave a number out of tolerance. missed: those that other numbers of the same
    shape would catch. hidden: those that no numbers of this shape were seen to catch.
    confused_with: bugs that give the same numbers here, but not with other numbers of this shape.
    same_here_as: bugs that give the same numbers here, and did with all others.
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
    """What a problem could reveal.

    mutation_score: of each bug the share of places and forms caught, of those that numbers of this shape can
    catch; the mean of these over the bugs that have any, from 0 to 1.
    uninformative: by parameter, entries of the right gradient that are zero, so that wrong code could pass.
    advice: what to change. of_graph: whether the problem is a graph, and bugs are wrong local rules.
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
        """Give the document, ready for JSON."""
        return {
            "schema": SCHEMA,
            **({"name": self.name} if self.name is not None else {}),
            "mutation_score": self.mutation_score,
            "bugs": [_row(row) for row in self.bugs],
            "uninformative": dict(self.uninformative),
            "entries": self.entries,
            "warnings": [
                {"code": own.code, "layer": own.layer, "units": list(own.units), "detail": own.detail}
                for own in self.warnings
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
