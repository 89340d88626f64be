"""Independent methods of computing the correct gradient, one row each in ORACLES; none imports another.

Every oracle is a function of a problem and of its float64 rounding errors. To add one, write its file and add
a row to ORACLES. The first oracle that knows an entry gives its reference value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from reference_impl.problem import Problem
from verifier.engine.estimate import Answer
from verifier.engine.graph_rounding import GraphRounding
from verifier.engine.rounding_allowance import Rounding
from verifier.oracles import (
    complex_step,
    finite_differences,
    finite_differences_per_weight,
    graph_complex_step,
    graph_finite_differences,
    graph_high_precision,
    graph_reference,
    graph_torch_autograd,
    high_precision,
    interval_backpropagation,
    reference_graph,
    torch_autograd,
)
from verifier.problem.errors import suggest_name
from verifier.problem.graph import GraphProblem
from verifier.problem.other_words import ORACLES as OTHER_WORDS
from verifier.problem.other_words import plain
from verifier.report.model import Uncertainty

ARBITER = "high_precision"  # resolves contradictions between oracles


@dataclass(frozen=True, slots=True)
class Oracle:
    """One method of computing the gradient.

    of_layers, of_graphs: the gradient of each kind of problem; None if the method does not know that kind.
    description: of the method for layers. graph_description: of that for graphs.
    needs: packages beyond numpy. by_default: used unless the caller selects oracles.
    """

    name: str
    of_layers: Callable[[Problem, Rounding], Answer] | None = None
    of_graphs: Callable[[GraphProblem, GraphRounding], Answer] | None = None
    description: str = ""
    graph_description: str = ""
    needs: tuple[str, ...] = ()
    by_default: bool = True


ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {
        oracle.name: oracle
        for oracle in (
            Oracle(
                ARBITER,
                high_precision.gradient,
                graph_high_precision.gradient,
                "ball arithmetic of 77 digits; asked when others contradict each other, or by name",
                "power series of balls of 77 digits, forward; when others contradict each other, or by name",
                needs=("python-flint",),
                by_default=False,
            ),
            Oracle(
                "backpropagation",
                interval_backpropagation.gradient,
                interval_backpropagation.graph_gradient,
                "the δ recursion, enclosed in midpoint-radius arithmetic",
                "reverse mode, enclosed in midpoint-radius arithmetic",
            ),
            Oracle(
                "computation_graph",
                reference_graph.gradient,
                graph_reference.reverse_mode_gradient,
                "reverse mode over a graph of primitive operations; asked by name",
                "reverse mode over the reference's operations, defined first and then run; asked by name",
                by_default=False,
            ),
            Oracle(
                "dynamic_graph",
                of_graphs=graph_reference.dynamic_graph_gradient,
                graph_description=(
                    "reverse mode over the reference's operations, recorded while they run; asked by name"
                ),
                by_default=False,
            ),
            Oracle(
                "forward_mode",
                of_graphs=graph_reference.forward_mode_gradient,
                graph_description="tangents carried forward, one an entry; asked by name",
                by_default=False,
            ),
            Oracle(
                "finite_differences",
                finite_differences.gradient,
                graph_finite_differences.gradient,
                "central differences of the loss, with an estimated error, at every unit",
                "central differences of the output, with an estimated error, at every requested entry",
            ),
            Oracle(
                "finite_differences_per_weight",
                finite_differences_per_weight.gradient,
                description="central differences of the risk along every single weight; slow, asked by name",
                by_default=False,
            ),
            Oracle(
                "complex_step",
                complex_step.gradient,
                graph_complex_step.gradient,
                "imaginary steps through the textbook formulas, at every unit; asked by name",
                "steps along the imaginary axis, from textbook formulas; asked by name",
                by_default=False,
            ),
            Oracle(
                "autograd",
                torch_autograd.gradient,
                graph_torch_autograd.gradient,
                "PyTorch's autograd over PyTorch's own layers and losses",
                "PyTorch in float64, from the same document",
                needs=("torch",),
            ),
        )
    }
)
LAYER_ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {name: row for name, row in ORACLES.items() if row.of_layers is not None}
)
GRAPH_ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {name: row for name, row in ORACLES.items() if row.of_graphs is not None}
)
_NO_LAYERS = Answer({}, Uncertainty.UNKNOWN, "it knows graphs alone")
_NO_GRAPHS = Answer({}, Uncertainty.UNKNOWN, "it knows layers alone; finite_differences moves every entry")


def ask(
    problem: Problem | GraphProblem,
    float64_rounding: Rounding | GraphRounding,
    names: Sequence[str] | None = None,
) -> dict[str, Answer]:
    """Return the answer of each oracle; an empty one of oracles that do not know this kind of problem.

    names: by default the oracles that take little time.
    Raises: ValueError for an unknown name or for none; the message lists the known ones.
    """
    is_graph = isinstance(problem, GraphProblem)
    table = GRAPH_ORACLES if is_graph else LAYER_ORACLES
    names = [names] if isinstance(names, str) else names
    if names is None:
        names = [name for name, row in table.items() if row.by_default]
    unknown = [name for name in names if name not in ORACLES]
    if unknown or not names:
        actual = ", ".join(map(repr, unknown)) or "none"
        kind = "oracles of graphs" if is_graph else "oracles"
        remedy = next(filter(None, (suggest_oracle(name, table) for name in unknown)), "")
        rule = f"expected {kind} among {', '.join(table)}, got {actual}"
        raise ValueError(f"{rule}; {remedy}" if remedy else rule)
    answers = {name: answer_of(name, problem, float64_rounding) for name in table if name in names}
    unable = _NO_GRAPHS if is_graph else _NO_LAYERS
    return answers | {name: unable for name in names if name not in table}


def suggest_oracle(name: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown name; empty if no known name is similar."""
    similar = OTHER_WORDS.get(plain(name)) or suggest_name(name, known)
    return similar if "known are" not in similar else ""


def answer_of(
    name: str, problem: Problem | GraphProblem, float64_rounding: Rounding | GraphRounding
) -> Answer:
    """Return the answer of one oracle that knows this kind of problem."""
    row = ORACLES[name]
    gradient = row.of_graphs if isinstance(problem, GraphProblem) else row.of_layers
    assert gradient is not None
    return gradient(problem, float64_rounding)  # type: ignore[arg-type]  # both are of one kind


__all__ = ["ARBITER", "GRAPH_ORACLES", "LAYER_ORACLES", "ORACLES", "Oracle", "answer_of", "ask"]
