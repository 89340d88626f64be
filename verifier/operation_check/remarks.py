"""Collect the warnings about an operation over all uses."""

from collections.abc import Iterator, Mapping, Sequence

from verifier.caution import Caution
from verifier.operation_check.inputs import Shapes
from verifier.operation_check.judging import Judged
from verifier.operation_check.question import Question
from verifier.operation_check.references import Reference
from verifier.operation_check.trying import OperationRaised

_NAMED = 6  # shapes in one warning


def is_decided(reference: Reference, judged: Sequence[Judged]) -> bool:
    """True if the comparison is decided on every input; without a formula, on at least one input.

    On some inputs, such as a normalisation of two equal numbers, finite differences cannot distinguish a
    slope from 0.
    """
    decided = [use.is_decided for use in compared(judged)]
    return all(decided) if reference.row is not None else any(decided)


def compared(judged: Sequence[Judged]) -> list[Judged]:
    """Return the uses in which numbers were compared."""
    return [use for use in judged if any(row.submitted.size for row in use.comparisons.values())]


def remarks(
    question: Question, judged: Sequence[Judged], refused: Mapping[Shapes, OperationRaised]
) -> Iterator[Caution]:
    """Yield the warnings.

    refused: exceptions by the shapes that forward does not accept.
    """
    if refused and question.reference.row is not None:
        named = ", ".join(" and ".join(map(str, shapes)) for shapes in list(refused)[:_NAMED])
        raised = next(iter(refused.values()))
        yield Caution(
            "shapes-not-taken",
            f"forward refuses {named}, which {question.reference.name} takes: {raised.error}",
        )
    notes: dict[str, str] = {}
    for use in judged:
        notes = {**use.tried.notes, **notes}
    yield from (Caution(code, detail) for code, detail in notes.items())
    kinked = [
        name
        for use in judged
        for name, row in use.comparisons.items()
        if row.subgradient.any() and row.correct.any()
    ]
    if kinked:
        named = ", ".join(dict.fromkeys(kinked))
        yield Caution("kink", f"where several slopes are right, any of them is accepted in {named}")
    yield from _undecided(judged)
    if (
        question.reference.row is None
        and question.reference.in_numpy is None
        and question.reference.in_torch is None
    ):
        yield Caution(
            "forward-at-its-word",
            "nothing says what forward should compute: give like=…, a name or a function",
        )
    if not any(use.consensus is not None for use in judged):
        yield Caution("nothing-compared", "no numbers could be compared")


def _undecided(judged: Sequence[Judged]) -> Iterator[Caution]:
    inputs = compared(judged)
    counts = [
        {name: int(row.undecided.sum()) for name, row in use.comparisons.items() if row.undecided.any()}
        for use in inputs
    ]
    entries = sum(sum(by_name.values()) for by_name in counts)
    if entries:
        named = ", ".join(dict.fromkeys(name for by_name in counts for name in by_name))
        yield Caution(
            "undecided-entries",
            f"on {sum(map(bool, counts))} of {len(inputs)} inputs, {entries} "
            f"{'entry' if entries == 1 else 'entries'} of {named} could not be decided: the slope there is "
            "known less well than its size; the verdict is that of the other entries",
        )
