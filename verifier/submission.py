"""A submission: a problem and the gradients that somebody says are its answer, in internal form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.caution import Caution
from verifier.convention import Convention
from verifier.precision import Precision
from verifier.tolerance import Tolerance


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """gradients: by parameter, in internal shape; a name that is absent was not submitted.

    graded_under: the loss as the document's fields say it, presets expanded and defaults filled in.
    cautions: what reading the document already found worth knowing.
    """

    name: str | None
    problem: Problem
    gradients: Mapping[str, Array]
    precision: Precision
    reported_loss: float | None
    tolerance: Tolerance
    convention: Convention
    graded_under: Mapping[str, Any]
    cautions: tuple[Caution, ...] = ()
