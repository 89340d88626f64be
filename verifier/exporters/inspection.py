"""Export an inspection as plain text, for `print(inspect(problem))` and `gradjury inspect`."""

from collections.abc import Callable, Iterator

from verifier.diagnosis.inspection import BugPower, Inspection, Place
from verifier.exporters.harmless import one_line

_MOST_PLACES = 12  # in one line


def export(inspection: Inspection) -> str:
    """Return the inspection's text, without a final newline."""
    return "\n".join(_lines(inspection))


def _lines(inspection: Inspection) -> Iterator[str]:
    rows = inspection.bugs
    possible = [row for row in rows if row.caught or row.missed]
    caught = [row for row in possible if not row.missed]
    if inspection.name:
        yield one_line(inspection.name)
    yield (
        f"  {len(possible)} {made(inspection)} can show in a {shape(inspection)} of this shape; "
        f"this problem catches {len(caught)} of them wherever they can"
    )
    yield from _section(
        "caught only in some places or forms, or not at all:", [r for r in rows if r.missed], _missed
    )
    yield from _section("not told apart here:", [r for r in rows if r.confused_with], _confused)
    yield from _section("the same in any problem of this shape:", [r for r in rows if r.same_here_as], _same)
    yield from _section(
        f"hidden by the {shape(inspection)}'s shape itself:", [r for r in rows if r.hidden], _hidden
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


def _section(title: str, rows: list[BugPower], describe: Callable[[BugPower], str]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"  {title}"
    for row in rows:
        yield f"    {row.bug}: {describe(row)}"


def _missed(row: BugPower) -> str:
    return f"{row.caught} of {row.caught + row.missed}, missed at {places(row.missed_at)}"


def _hidden(row: BugPower) -> str:
    return f"{row.hidden} of {row.made}, at {places(row.hidden_at)}"


def _confused(row: BugPower) -> str:
    return ", ".join(row.confused_with)


def _same(row: BugPower) -> str:
    return ", ".join(row.same_here_as)


def places(locations: tuple[Place, ...]) -> str:
    """Return locations as text: `layer 0 (hidden_delta); the whole network (loss)`, or nodes of a graph."""
    shown = [_place(location) for location in locations[:_MOST_PLACES]]
    more = [f"{len(locations) - _MOST_PLACES} more"] if len(locations) > _MOST_PLACES else []
    return "; ".join([*shown, *more])


def made(inspection: Inspection) -> str:
    """Return the plural noun for the bugs of the mutation test."""
    return "wrong local rules" if inspection.of_graph else "bugs of the catalogue"


def shape(inspection: Inspection) -> str:
    """Return the noun for the problem: `graph` or `network`."""
    return "graph" if inspection.of_graph else "network"


def _place(location: Place) -> str:
    if location.node is not None:
        return one_line(location.node)
    layer = "the whole network" if location.layer is None else f"layer {location.layer}"
    return f"{layer} ({location.equation})"
