"""The parts of a report that students may see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """The visible parts of a student's report.

    verdict: of the whole submission. Without it, students see no report.
    parameters: the name, shape and verdict of each parameter.
    layer: the layer and the equation of a bug.
    bug: its id, title and formulas, and the explanation for students.
    hint: a question as help. It identifies the bug for readers of the bug catalogue.
    """

    verdict: bool = True
    parameters: bool = True
    layer: bool = True
    bug: bool = False
    hint: bool = True


DEFAULT = Allowed()
