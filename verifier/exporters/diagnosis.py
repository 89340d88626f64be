"""Write a diagnosis as lines of text: bug, location, evidence and alternatives."""

from collections.abc import Iterator

from verifier.diagnosis.diagnosis import Diagnosis
from verifier.exporters.harmless import one_line
from verifier.report import Report


def heading(row: Diagnosis) -> str:
    """Return the bug and its layer or node: `missing-activation-derivative in layer 0 (hidden_delta)`."""
    if not row.equation:  # students may not see the location
        return row.bug or "a hint"
    if row.node:
        return f"{row.bug or 'first wrong'} in {one_line(row.node)}"
    where = "the whole network" if row.layer is None else f"layer {row.layer}"
    return f"{row.bug or 'first wrong'} in {where} ({row.equation})"


def in_brief(row: Diagnosis) -> Iterator[str]:
    """Yield the bug, both formulas and the hint, for the message of a failing test."""
    yield f"bug: {heading(row)}"
    yield f"  {one_line(row.explanation)}"
    if row.right:
        yield f"  right: {row.right}"
        yield f"  used:  {row.wrong}"
    yield f"next: {one_line(row.hint)}"


def of_parameter(report: Report, name: str) -> Iterator[Diagnosis]:
    """Yield the diagnoses of a parameter, by its name, or by its layer if the diagnosis has no names."""
    for row in report.diagnosis:
        in_same_layer = row.layer is None or name.startswith(f"layers.{row.layer}.")
        if name in row.parameters or (not row.parameters and in_same_layer):
            yield row


def sentences(row: Diagnosis) -> Iterator[str]:
    """Yield the sentences and formulas of a diagnosis."""
    if row.explanation:
        yield one_line(row.explanation)
    if row.right:
        yield f"right: {row.right}"
        yield f"used:  {row.wrong}"
    if row.bug != "unexplained" and row.residual is not None:
        explained = f"all but {row.residual:.0e}" if row.residual else "all"
        yield f"this reproduces {explained} of what was handed in"
    if row.also_consistent:
        yield f"the same numbers here would come from: {', '.join(row.also_consistent)}"
    if row.hint:
        yield f"hint: {one_line(row.hint)}"
