"""Replace the numbers of a graph by numbers that reveal every wrong local rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import Edges, backward_sweep
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.diagnosis.graph_inspection import most_informative_graph
from verifier.documents.graph import read_graph
from verifier.documents.writing import arrays_to_lists
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import requested_gradients, values_of
from verifier.problem.graph import INPUT, NODE, GraphProblem, node_name
from verifier.problem.submission import GraphSubmission

Nodes = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class GraphExample:
    """Example graph.

    draw: function of a random generator that returns (inputs, parameters, nodes). A node is a tuple of name,
        operation, operands and, optionally, options.
    """

    name: str
    description: str
    draw: Callable[[np.random.Generator], tuple[dict[str, Any], dict[str, Any], Nodes]]

    def document(self) -> dict[str, Any]:
        """Return the submission as a JSON-serialisable document."""
        inputs, parameters, nodes = self.draw(np.random.default_rng(7))
        document: dict[str, Any] = {
            "name": self.name,
            "network": {
                "inputs": list(inputs),
                "nodes": [
                    {"name": name, "op": op, "args": list(args), **(options[0] if options else {})}
                    for name, op, args, *options in nodes
                ],
                "output": nodes[-1][0],
            },
            "parameters": parameters,
            "inputs": inputs,
        }
        return arrays_to_lists({**document, "gradients": correct_gradients(document)})


def correct_gradients(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the correct gradients of all parameters, differentiable inputs and nodes."""
    problem = read_graph({**document, "gradients": {}}).problem
    data = {node.operands[place] for node in problem.nodes for place in node.data}
    keys = [INPUT + name for name in problem.inputs if name not in data]
    keys += [*problem.parameters, *(NODE + node.name for node in problem.nodes)]
    problem = problem.with_requested(tuple(keys))
    return requested_gradients(problem, values_of(problem, FLOATS), FLOATS)


def _decimals(rng: np.random.Generator, *shape: int, scale: float = 0.5) -> Any:
    return np.round(rng.normal(scale=scale, size=shape), 2)


def _residual_block(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any], Nodes]:
    inputs = {"x": _decimals(rng, 4, 3, scale=1.0), "y": [0, 2, 1, 2]}
    parameters = {"W1": _decimals(rng, 3, 5), "b1": _decimals(rng, 5), "W2": _decimals(rng, 5, 3)}
    nodes: Nodes = [
        ("a1", "matmul", ("x", "W1")),
        ("a2", "add", ("a1", "b1")),
        ("h", "relu", ("a2",)),
        ("f", "matmul", ("h", "W2")),
        ("z", "add", ("f", "x")),
        ("loss", "cross_entropy", ("z", "y")),
    ]
    return inputs, parameters, nodes


def _tied_autoencoder(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any], Nodes]:
    inputs = {"x": _decimals(rng, 5, 4, scale=1.0)}
    parameters = {"W": _decimals(rng, 4, 2), "b": _decimals(rng, 2), "c": _decimals(rng, 4)}
    nodes: Nodes = [
        ("product", "matmul", ("x", "W")),
        ("a", "add", ("product", "b")),
        ("code", "sigmoid", ("a",)),
        ("turned", "transpose", ("W",)),
        ("back", "matmul", ("code", "turned")),
        ("output", "add", ("back", "c")),
        ("loss", "mse", ("output", "x")),
    ]
    return inputs, parameters, nodes


def _elman(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any], Nodes]:
    steps = 5
    inputs = {f"x{step}": _decimals(rng, 3, 2, scale=1.0) for step in range(1, steps + 1)}
    inputs |= {"h0": np.zeros((3, 4)), "y": _decimals(rng, 3, 2, scale=1.0)}
    parameters = {
        "W": _decimals(rng, 2, 4),
        "U": _decimals(rng, 4, 4),
        "b": _decimals(rng, 4),
        "V": _decimals(rng, 4, 2),
    }
    nodes: Nodes = []
    for step in range(1, steps + 1):
        nodes += [
            (f"in{step}", "matmul", (f"x{step}", "W")),
            (f"kept{step}", "matmul", (f"h{step - 1}", "U")),
            (f"sum{step}", "add", (f"in{step}", f"kept{step}")),
            (f"a{step}", "add", (f"sum{step}", "b")),
            (f"h{step}", "tanh", (f"a{step}",)),
        ]
    nodes += [("output", "matmul", (f"h{steps}", "V")), ("loss", "mse", ("output", "y"))]
    return inputs, parameters, nodes


def _cbow(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any], Nodes]:
    inputs = {"context": [[0, 2, 1, 4], [2, 1, 5, 3], [4, 4, 0, 1]], "word": [3, 4, 2]}
    parameters = {"E": _decimals(rng, 6, 3), "V": _decimals(rng, 3, 6)}
    nodes: Nodes = [
        ("vectors", "embedding", ("E", "context")),
        ("h", "mean", ("vectors",), {"axis": 1}),
        ("scores", "matmul", ("h", "V")),
        ("loss", "cross_entropy", ("scores", "word")),
    ]
    return inputs, parameters, nodes


GRAPH_EXAMPLES: Mapping[str, GraphExample] = MappingProxyType(
    {
        row.name: row
        for row in (
            GraphExample(
                "power-of-four",
                "a graph: z = (x² + 3)⁴ at x = 2, with ∂z/∂v for every node v",
                lambda rng: (
                    {},
                    {"x": 2.0},
                    [
                        ("square", "power", ("x",), {"exponent": 2}),
                        ("moved", "add", ("square", 3)),
                        ("z", "power", ("moved",), {"exponent": 4}),
                    ],
                ),
            ),
            GraphExample(
                "two-path-diamond",
                "a graph: x reaches z by two paths, whose gradients add",
                lambda rng: (
                    {},
                    {"x": [0.5, -1.0, 2.0]},
                    [
                        ("left", "exp", ("x",)),
                        ("right", "tanh", ("x",)),
                        ("product", "multiply", ("left", "right")),
                        ("z", "sum", ("product",)),
                    ],
                ),
            ),
            GraphExample(
                "olah",
                "a graph: e = (a + b)(b + 1) at a = 2, b = 1, from Olah's essay on backpropagation",
                lambda rng: (
                    {},
                    {"a": 2.0, "b": 1.0},
                    [
                        ("c", "add", ("a", "b")),
                        ("d", "add", ("b", 1)),
                        ("e", "multiply", ("c", "d")),
                    ],
                ),
            ),
            GraphExample(
                "cs231n-circuit",
                "a graph: f = 1 / (1 + e^−(w₀x₀ + w₁x₁ + w₂)), the circuit of CS231n's notes",
                lambda rng: (
                    {"x0": -1.0, "x1": -2.0},
                    {"w0": 2.0, "w1": -3.0, "w2": -3.0},
                    [
                        ("p0", "multiply", ("w0", "x0")),
                        ("p1", "multiply", ("w1", "x1")),
                        ("s", "add", ("p0", "p1")),
                        ("a", "add", ("s", "w2")),
                        ("opposite", "negate", ("a",)),
                        ("e", "exp", ("opposite",)),
                        ("below", "add", ("e", 1)),
                        ("f", "divide", (1, "below")),
                    ],
                ),
            ),
            GraphExample(
                "residual-block",
                "a graph: z = x + relu(xW₁ + b₁)W₂, a skip connection, cross entropy",
                _residual_block,
            ),
            GraphExample(
                "tied-autoencoder",
                "a graph: one W codes and, transposed, decodes; its gradient has both parts",
                _tied_autoencoder,
            ),
            GraphExample(
                "elman-5-steps",
                "a graph: a recurrence unrolled over five steps, weights shared by all",
                _elman,
            ),
            GraphExample(
                "cbow",
                "a graph: predict a word from the mean embedding of its neighbours",
                _cbow,
            ),
        )
    }
)


BUGGY_PREFIX = "planted/"


@dataclass(frozen=True, slots=True)
class BuggyExample:
    """Graph example with a wrong local rule.

    The wrong gradients are propagated further back, as in a real program.

    example: name of the graph example.
    bug: id of the bug, in `LOCAL_RULES`.
    places: the wrong gradients; the value is the node whose contribution is wrong.
    """

    example: str
    description: str
    bug: str
    places: Mapping[str, str]

    @property
    def name(self) -> str:
        return BUGGY_PREFIX + self.example

    def document(self) -> dict[str, Any]:
        """Return the submission as a JSON-serialisable document."""
        right = GRAPH_EXAMPLES[self.example].document()
        submission = read_graph(right)
        wrong = self._wrong_gradients(submission.problem)
        gradients = {key: wrong[node_name(key)] for key in right["gradients"]}
        return arrays_to_lists({**right, "name": self.name, "gradients": gradients})

    def _wrong_gradients(self, problem: GraphProblem) -> dict[str, Array]:
        def wrong_gradient(name: str, arcs: Edges) -> Array | None:
            if name not in self.places:
                return None
            candidates = LOCAL_RULES[self.bug].candidates(arcs)
            return next(candidate for use, candidate in candidates if use == self.places[name])

        values = values_of(problem, FLOATS)
        return {name: gradient for name, _, gradient in backward_sweep(problem, values, wrong_gradient)}


BUGGY_EXAMPLES: Mapping[str, BuggyExample] = MappingProxyType(
    {
        row.example: row
        for row in (
            BuggyExample(
                "power-of-four",
                "power-of-four without the inner derivative: ∂z/∂x lacks the 2x of x²",
                "missing-activation-derivative",
                {"x": "square"},
            ),
            BuggyExample(
                "two-path-diamond",
                "two-path-diamond with one path forgotten: what comes back through exp is missing",
                "missing-path",
                {"x": "left"},
            ),
            BuggyExample(
                "olah",
                "olah with the paths from b to e multiplied where they add: 6 for 5",
                "paths-multiplied",
                {"b": "c"},
            ),
            BuggyExample(
                "cs231n-circuit",
                "cs231n-circuit with a multiply gate that does not switch: each gets its own value back",
                "multiply-operands-exchanged",
                {"w0": "p0", "x0": "p0", "w1": "p1", "x1": "p1"},
            ),
            BuggyExample(
                "residual-block",
                "residual-block with the skip connection forgotten on the way back",
                "missing-path",
                {"x": "z"},
            ),
            BuggyExample(
                "tied-autoencoder",
                "tied-autoencoder whose W hears of coding alone: its use in decoding is missing",
                "missing-path",
                {"W": "turned"},
            ),
            BuggyExample(
                "elman-5-steps",
                "elman-5-steps with the last step's contribution assigned where all five add up",
                "assigned-not-accumulated",
                {"W": "in5", "U": "kept5", "b": "a5"},
            ),
            BuggyExample(
                "cbow",
                "cbow with rows of the table assigned: of a word that stands there twice one use is left",
                "repeated-rows-assigned",
                {"E": "vectors"},
            ),
        )
    }
)


def informative_graph_document(submission: GraphSubmission) -> dict[str, Any]:
    """Return a document of the same graph with new numbers and correct gradients.

    It has the gradients that the submission has; all gradients if the submission has none.
    """
    problem = most_informative_graph(submission.problem)
    document: dict[str, Any] = {} if submission.name is None else {"name": f"{submission.name}-strong"}
    document |= {
        "network": dict(submission.network),
        "inputs": dict(problem.inputs),
        "parameters": dict(problem.parameters),
    }
    gradients = correct_gradients(document)
    keys = problem.requested if submission.gradients else gradients
    document["gradients"] = {key: gradients[key] for key in keys}
    document |= {
        "precision": submission.precision.name,
        "tolerance": {"rtol": submission.tolerance.rtol, "atol": submission.tolerance.atol},
    }
    if submission.tolerance.preset is not None:
        document["tolerance"] = {"preset": submission.tolerance.preset}
    return arrays_to_lists(document)
