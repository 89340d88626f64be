"""The risk R that is differentiated: a loss with its factor and reductions, and penalties on the weights.

R = factor · (Σ or mean over examples) (Σ or mean over outputs) loss + Σ penalties. The lecture's own is
R = 1/N Σₙ ½ Σₖ (yₙₖ − f(xₙ)ₖ)².
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from reference_impl.loss import Loss


@dataclass(frozen=True, slots=True)
class Norm:
    """A penalty's function of one weight, and its slope (l1: the middle one, 0, at the kink)."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


NORMS: Mapping[str, Norm] = MappingProxyType(
    {
        "l2": Norm(value=np.square, slope=lambda w: 2.0 * w),
        "l1": Norm(value=np.abs, slope=np.sign),
    }
)


@dataclass(frozen=True, slots=True)
class Penalty:
    """factor · strength · Σ norm(w), over N where `batch` is mean; over biases too where `biases` is set."""

    norm: str
    strength: float
    factor: float
    batch: str = "none"
    biases: bool = False

    def coefficient(self, examples: int) -> float:
        return self.factor * self.strength / (examples if self.batch == "mean" else 1)


@dataclass(frozen=True, slots=True)
class Risk:
    """loss, its factor, its reductions (`batch` and `outputs`: mean or sum), what it is taken `on`."""

    loss: Loss
    factor: float
    batch: str = "mean"
    outputs: str = "sum"
    on: str = "values"
    penalties: tuple[Penalty, ...] = ()

    def output_scale(self, outputs: int) -> float:
        """What multiplies one output's term within its example's loss."""
        return self.factor / (outputs if self.outputs == "mean" else 1)

    def example_scale(self, examples: int) -> float:
        """What multiplies one example's loss within the risk."""
        return 1.0 / examples if self.batch == "mean" else 1.0
