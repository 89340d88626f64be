"""Independent methods of computing a graph's gradients, one row each; none imports another.

Every oracle is a function of a problem and of its float64 rounding errors. The first oracle that knows an
entry gives its reference value. Names are those of `verifier/oracles` where the method is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifier.engine.estimate import Answer
from verifier.engine.graph_rounding import GraphRounding
from verifier.oracles import (
    graph_complex_step,
    graph_finite_differences,
    graph_high_precision,
    graph_reference,
    graph_torch_autograd,
    interval_backpropagation,
)
from verifier.problem.graph import GraphProblem


@dataclass(frozen=True, slots=True)
class GraphOracle:
    """One method of computing the gradients.

    needs: packages beyond numpy. by_default: used unless the caller selects oracles.
    """

    name: str
    gradient: Callable[[GraphProblem, GraphRounding], Answer]
    description: str
    needs: tuple[str, ...] = ()
    by_default: bool = True


GRAPH_ORACLES: Mapping[str, GraphOracle] = MappingProxyType(
    {
        oracle.name: oracle
        for oracle in (
            GraphOracle(
                "high_precision",
                graph_high_precision.gradient,
                "power series of balls of 77 digits, forward; when others contradict each other, or by name",
                needs=("python-flint",),
                by_default=False,
            ),
            GraphOracle(
                "backpropagation",
                interval_backpropagation.graph_gradient,
                "reverse mode, enclosed in midpoint-radius arithmetic",
            ),
            GraphOracle(
                "computation_graph",
                graph_reference.reverse_mode_gradient,
                "reverse mode over the reference's operations, defined first and then run; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "dynamic_graph",
                graph_reference.dynamic_graph_gradient,
                "reverse mode over the reference's operations, recorded while they run; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "forward_mode",
                graph_reference.forward_mode_gradient,
                "tangents carried forward, one an entry; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "finite_differences",
                graph_finite_differences.gradient,
                "central differences of the output, with an estimated error, at every requested entry",
            ),
            GraphOracle(
                "complex_step",
                graph_complex_step.gradient,
                "steps along the imaginary axis, from textbook formulas; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "autograd",
                graph_torch_autograd.gradient,
                "PyTorch in float64, from the same document",
                needs=("torch",),
            ),
        )
    }
)
