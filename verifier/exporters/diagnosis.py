"""A diagnosis as lines of text: what, where, why it is believed, and what else it could be."""

from collections.abc import Iterator

from verifier.diagnosis.diagnosis import Diagnosis


def heading(row: Diagnosis) -> str:
    """Give the bug and its place: `missing-activation-derivative in layer 0 (hidden_delta)`."""
    where = "the whole network" if row.layer is None else f"layer {row.layer}"
    return f"{row.bug} in {where} ({row.equation})"


def sentences(row: Diagnosis) -> Iterator[str]:
    """Give what there is to say, one sentence or formula a line."""
    yield row.explanation
    yield f"right: {row.right}"
    yield f"used:  {row.wrong}"
    if row.bug != "unexplained" and row.residual is not None:
        left = f"all but {row.residual:.0e}" if row.residual else "all"
        yield f"this reproduces {left} of what was handed in"
    if row.also_consistent:
        yield f"the same numbers here would come from: {', '.join(row.also_consistent)}"
    yield f"hint: {row.hint}"
