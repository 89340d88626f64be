"""What an assignment lets students see of their reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """verdict: of the whole; who may not see that sees no report at all. parameters: each one's name, shape
    and verdict. layer: where a mistake enters, and in which equation. bug: its id, title, formulas, and the
    explanation for students. hint: a question that helps; who knows the catalogue knows the bug by it.
    """

    verdict: bool = True
    parameters: bool = True
    layer: bool = True
    bug: bool = False
    hint: bool = True


DEFAULT = Allowed()
