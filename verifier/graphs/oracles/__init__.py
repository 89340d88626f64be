"""Independent methods of computing a graph's gradients, one row each; none imports another.

Every oracle is a function of a problem and of its float64 rounding errors. The first oracle that knows an
entry gives its reference value. Names are those of `verifier/oracles` where the method is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifier.estimate import Answer
from verifier.graphs.oracles import (
    autograd,
    backpropagation,
    complex_step,
    computation_graph,
    dynamic_graph,
    finite_differences,
    forward_mode,
    high_precision,
)
from verifier.graphs.problem import GraphProblem
from verifier.graphs.rounding import GraphRounding


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
                high_precision.gradient,
                "power series of balls of 77 digits, forward; when others contradict each other, or by name",
                needs=("python-flint",),
                by_default=False,
            ),
            GraphOracle(
                "backpropagation",
                backpropagation.gradient,
                "reverse mode, enclosed in midpoint-radius arithmetic",
            ),
            GraphOracle(
                "computation_graph",
                computation_graph.gradient,
                "reverse mode over the reference's operations, defined first and then run; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "dynamic_graph",
                dynamic_graph.gradient,
                "reverse mode over the reference's operations, recorded while they run; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "forward_mode",
                forward_mode.gradient,
                "tangents carried forward, one an entry; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "finite_differences",
                finite_differences.gradient,
                "central differences of the output, two step sizes, at every entry of every node asked",
            ),
            GraphOracle(
                "complex_step",
                complex_step.gradient,
                "steps along the imaginary axis, from textbook formulas; asked by name",
                by_default=False,
            ),
            GraphOracle(
                "autograd", autograd.gradient, "PyTorch in float64, from the same document", needs=("torch",)
            ),
        )
    }
)
