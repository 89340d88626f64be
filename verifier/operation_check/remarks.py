"""What is worth knowing beside the verdict, over all uses."""

from collections.abc import Iterator, Mapping, Sequence

from verifier.caution import Caution
from verifier.operation_check.inputs import Shapes
from verifier.operation_check.judging import Judged
from verifier.operation_check.question import Question
from verifier.operation_check.references import Reference
from verifier.operation_check.trying import OperationRaised

_NAMED = 6  # shapes in one sentence


def untold(reference: Reference, judged: Sequence[Judged]) -> set[str]:
    """Give what could not be told; without formulas, slopes near 0 may remain so, not all of an argument."""
    open_in: set[str] = set()
    told: set[str] = set()
    for own in judged:
        for name, row in own.comparisons.items():
            open_in |= {name} if row.undecided.any() else set()
            told |= {name} if row.correct.any() else set()
    return open_in if reference.row is not None else open_in - told


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
