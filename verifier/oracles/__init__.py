"""Independent methods of computing the correct gradient, one row each in ORACLES; none imports another.

Every oracle is a function of a problem and of its float64 rounding errors. To add one, write its file and add
a row to ORACLES. The first oracle that knows an entry gives its reference value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reference_impl.problem import Problem
from verifier.engine.estimate import Answer
from verifier.engine.rounding_allowance import Rounding
from verifier.oracles import (
    complex_step,
    finite_differences,
    finite_differences_per_weight,
    high_precision,
    interval_backpropagation,
    reference_graph,
    torch_autograd,
)


@dataclass(frozen=True, slots=True)
class Oracle:
    """One method of computing the gradient.

    needs: packages beyond numpy. by_default: used unless the caller selects oracles.
    """

    name: str
    gradient: Callable[[Problem, Rounding], Answer]
    description: str
    needs: tuple[str, ...] = ()
    by_default: bool = True


ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {
        oracle.name: oracle
        for oracle in (
            Oracle(
                "high_precision",
                high_precision.gradient,
                "ball arithmetic of 77 digits; asked when others contradict each other, or by name",
                needs=("python-flint",),
                by_default=False,
            ),
            Oracle(
                "backpropagation",
                interval_backpropagation.gradient,
                "the δ recursion, enclosed in midpoint-radius arithmetic",
            ),
            Oracle(
                "computation_graph",
                reference_graph.gradient,
                "reverse mode over a graph of primitive operations; asked by name",
                by_default=False,
            ),
            Oracle(
                "finite_differences",
                finite_differences.gradient,
                "central differences of the loss, with an estimated error, at every unit",
            ),
            Oracle(
                "finite_differences_per_weight",
                finite_differences_per_weight.gradient,
                "central differences of the risk along every single weight; slow, asked by name",
                by_default=False,
            ),
            Oracle(
                "complex_step",
                complex_step.gradient,
                "imaginary steps through the textbook formulas, at every unit; asked by name",
                by_default=False,
            ),
            Oracle(
                "autograd",
                torch_autograd.gradient,
                "PyTorch's autograd over PyTorch's own layers and losses",
                needs=("torch",),
            ),
        )
    }
)

__all__ = ["ORACLES", "Oracle"]
