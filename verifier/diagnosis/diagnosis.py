"""A diagnosed bug with its explanation: one row of a report's diagnosis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One bug that reproduces the wrong gradients of a submission.

    Attributes
    ----------
    bug
        Id in the catalogue.
    layer
        Index of the layer that contains the bug; None for the whole network.
    equation
        The equation of backpropagation that is wrong.
    parameters
        Parameters whose gradients are wrong because of this bug directly. Gradients that only inherit the
        error are not listed.
    factor
        Ratio of the submitted to the right gradient, if the bug is a constant factor.
    residual
        Norm of the difference between the submitted gradient and the one that the bug produces, relative to
        the gradient; 1 for an unexplained gradient. Relative to the largest entry where a whole
        gradient was changed. None if not measured, as for an overflow or rounding in print.
    also_consistent
        Ids of other bugs that give the same numbers on this problem.
    title, explanation, right, wrong, hint
        Texts of the catalogue, filled in for this problem.
    estimates
        Quantities estimated from the submission, by name.
    for_students
        Explanation that uses only the problem and the catalogue; not part of documents.
    node
        Name of the wrong gradient in a graph.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None
    residual: float | None
    also_consistent: tuple[str, ...]
    title: str
    explanation: str
    right: str
    wrong: str
    hint: str
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    for_students: str = ""
    node: str | None = None

    @property
    def formula(self) -> str:
        """Correct and used formula in one line."""
        return f"right: {self.right}; used: {self.wrong}"
