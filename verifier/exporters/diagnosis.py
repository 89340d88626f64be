"""A diagnosis as lines of text: what, where, why it is believed, and what else it could be."""

from collections.abc import Iterator

from verifier.diagnosis.diagnosis import Diagnosis
from verifier.exporters.harmless import one_line
from verifier.report import Report


def heading(row: Diagnosis) -> str:
    """Give the bug and its place: `missing-activation-derivative in layer 0 (hidden_delta)`, or a node."""
    if not row.equation:  # the place is withheld from this reader
        return row.bug or "a hint"
    if row.node:
        return f"{row.bug or 'first wrong'} in {one_line(row.node)}"
    where = "the whole network" if row.layer is None else f"layer {row.layer}"
    return f"{row.bug or 'first wrong'} in {where} ({row.equation})"


def in_brief(row: Diagnosis) -> Iterator[str]:
    """Give the bug, both formulas and what to do next: what a failing test has room for."""
    yield f"bug: {heading(row)}"
    yield f"  {one_line(row.explanation)}"
    if row.right:
        yield f"  right: {row.right}"
        yield f"  used:  {row.wrong}"
    yield f"next: {one_line(row.hint)}"


def of_parameter(report: Report, name: str) -> Iterator[Diagnosis]:
    """Give the rows that speak of a parameter: by its name, or where names are withheld, by its layer."""
    for row in report.diagnosis:
        own_layer = row.layer is None or name.startswith(f"layers.{row.layer}.")
        if name in row.parameters or (not row.parameters and own_layer):
            yield row


def sentences(row: Diagnosis) -> Iterator[str]:
    """Give what there is to say, one sentence or formula a line."""
    if row.explanation:
        yield one_line(row.explanation)
    if row.right:
        yield f"right: {row.right}"
        yield f"used:  {row.wrong}"
    if row.bug != "unexplained" and row.residual is not None:
        left = f"all but {row.residual:.0e}" if row.residual else "all"
        yield f"this reproduces {left} of what was handed in"
    if row.also_consistent:
        yield f"the same numbers here would come from: {', '.join(row.also_consistent)}"
    if row.hint:
        yield f"hint: {one_line(row.hint)}"
