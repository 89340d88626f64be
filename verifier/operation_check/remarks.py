"""What is worth knowing beside the verdict, over all uses."""

from collections.abc import Iterator, Mapping, Sequence

from verifier.caution import Caution
from verifier.operation_check.inputs import Shapes
from verifier.operation_check.judging import Judged
from verifier.operation_check.question import Question
from verifier.operation_check.references import Reference
from verifier.operation_check.trying import OperationRaised

_NAMED = 6  # shapes in one sentence


def is_decided(reference: Reference, judged: Sequence[Judged]) -> bool:
    """True if what was compared is decided: on every input, or without formulas on one input at least.

    Differences cannot tell a slope from 0 on some inputs, such as a normalisation of two equal numbers.
    """
    decided = [own.is_decided for own in compared(judged)]
    return all(decided) if reference.row is not None else any(decided)


def compared(judged: Sequence[Judged]) -> list[Judged]:
    """Return the uses of which numbers were compared."""
    return [own for own in judged if any(row.submitted.size for row in own.comparisons.values())]


def remarks(
    question: Question, judged: Sequence[Judged], refused: Mapping[Shapes, OperationRaised]
) -> Iterator[Caution]:
    if refused and question.reference.row is not None:
        named = ", ".join(" and ".join(map(str, own)) for own in list(refused)[:_NAMED])
        raised = next(iter(refused.values()))
        yield Caution(
            "shapes-not-taken",
            f"forward refuses {named}, which {question.reference.name} takes: {raised.error}",
        )
    notes: dict[str, str] = {}
    for own in judged:
        notes = {**own.tried.notes, **notes}
    yield from (Caution(code, detail) for code, detail in notes.items())
    kinked = [
        name
        for own in judged
        for name, row in own.comparisons.items()
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
    if not any(own.consensus is not None for own in judged):
        yield Caution("nothing-compared", "no numbers could be compared")


def _undecided(judged: Sequence[Judged]) -> Iterator[Caution]:
    inputs = compared(judged)
    counts = [
        {name: int(row.undecided.sum()) for name, row in own.comparisons.items() if row.undecided.any()}
        for own in inputs
    ]
    entries = sum(sum(own.values()) for own in counts)
    if entries:
        named = ", ".join(dict.fromkeys(name for own in counts for name in own))
        yield Caution(
            "undecided-entries",
            f"on {sum(map(bool, counts))} of {len(inputs)} inputs, {entries} "
            f"{'entry' if entries == 1 else 'entries'} of {named} could not be decided: the slope there is "
            "known less well than its size; the verdict is that of the other entries",
        )
