"""A submission: a problem and the submitted gradients, in internal form."""

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
    """A problem and the gradients submitted for it. `load` returns one.

    Attributes
    ----------
    name : str or None
        The name of the submission.
    problem : Problem
        The network, its parameters, the batch and the loss.
    gradients : mapping of str to array
        By parameter (`layers.0.weight`), in internal shape: weights (in, out), biases (out,). Parameters
        without a submitted gradient are absent.
    precision : Precision
        The precision in which the gradients were computed.
    reported_loss : float or None
        The submitted value of the loss.
    tolerance : Tolerance
        The tolerance beyond rounding errors.
    convention : Convention
        The layouts of the document.
    graded_under : mapping
        All fields of the document's `loss`, with expanded presets and defaults.
    cautions : tuple of Caution
        Warnings from reading the document.
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
