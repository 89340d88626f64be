"""Compare the time of checking a graph of 20,000 nodes with PyTorch's forward and backward pass.

    python -m benchmarks.large_graphs

There are three graphs: a network of scalar nodes, as built by engines such as micrograd; the same graph with
gradients of all nodes; and one long chain. Reading the document is timed separately. The benchmark prints
medians of alternating rounds.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import operator
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

from verifier import verify
from verifier.documents.graph import read_graph
from verifier.problem.graph import GraphProblem, node_name

NODES = 20_000
ROUNDS = 5
_IN_TORCH = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "multiply": operator.mul,
    "add": operator.add,
    "subtract": operator.sub,
}


class _GraphBuilder:
    """Builder of a graph's document."""

    def __init__(self) -> None:
        self.inputs: dict[str, float] = {}
        self.parameters: dict[str, float] = {}
        self.nodes: list[dict[str, Any]] = []

    def node(self, operation: str, *operands: str | float) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append({"name": name, "op": operation, "args": list(operands)})
        return name

    def document(self, output: str) -> dict[str, Any]:
        network = {"inputs": list(self.inputs), "nodes": self.nodes, "output": output}
        return {
            "network": network,
            "inputs": self.inputs,
            "parameters": self.parameters,
            "gradients": {},
        }


def neurons(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    inputs: np.ndarray,
    targets: np.ndarray,
    activation: str = "tanh",
) -> dict[str, Any]:
    """Return a layered network as a graph of scalar nodes, with R = 1/N Σ (f − y)²."""
    graph = _GraphBuilder()
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        graph.parameters |= {f"w{layer}_{i}_{j}": float(x) for (i, j), x in np.ndenumerate(weight)}
        graph.parameters |= {f"b{layer}_{j}": float(x) for j, x in enumerate(bias)}
    risks = []
    for example, (x, y) in enumerate(zip(inputs, targets, strict=True)):
        values = [f"x{example}_{i}" for i in range(len(x))]
        graph.inputs |= {name: float(number) for name, number in zip(values, x, strict=True)}
        for layer, weight in enumerate(weights):
            values = [_neuron(graph, layer, j, values) for j in range(weight.shape[1])]
            if layer < len(weights) - 1:
                values = [graph.node(activation, value) for value in values]
        for j, value in enumerate(values):
            graph.inputs[f"y{example}_{j}"] = float(y[j])
            error = graph.node("subtract", value, f"y{example}_{j}")
            risks.append(graph.node("multiply", error, error))
    return graph.document(graph.node("multiply", _sum(graph, risks), 1.0 / len(inputs)))


def _neuron(graph: _GraphBuilder, layer: int, unit: int, values: list[str]) -> str:
    terms = [graph.node("multiply", value, f"w{layer}_{i}_{unit}") for i, value in enumerate(values)]
    return _sum(graph, [*terms, f"b{layer}_{unit}"])


def _sum(graph: _GraphBuilder, terms: list[str]) -> str:
    total, *others = terms
    for term in others:
        total = graph.node("add", total, term)
    return total


def micrograd(nodes: int) -> dict[str, Any]:
    """Return a 2-16-16-1 network with about this number of nodes."""
    rng = np.random.default_rng(0)
    sizes = [2, 16, 16, 1]
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in pairwise(sizes)]
    biases = [0.1 * rng.normal(size=size) for size in sizes[1:]]
    examples = round(nodes / (sum(2 * a * b for a, b in pairwise(sizes)) + 35))
    inputs, targets = rng.normal(size=(examples, 2)), rng.choice([-1.0, 1.0], size=(examples, 1))
    return neurons(weights, biases, inputs, targets)


def chain(nodes: int) -> dict[str, Any]:
    graph = _GraphBuilder()
    graph.parameters = {"w": 0.3, "v": 0.9}
    last = "w"
    for place in range(nodes):
        operation, *others = [("tanh",), ("multiply", "v"), ("add", "w")][place % 3]
        last = graph.node(operation, last, *others)
    return graph.document(last)


def torch_gradients(problem: GraphProblem) -> dict[str, np.ndarray]:
    """Return the gradients by PyTorch's forward and backward pass."""
    tensors = {name: torch.tensor(values, requires_grad=True) for name, values in problem.leaves()}
    for node in problem.nodes:
        tensors[node.name] = _IN_TORCH[node.operation.name](*[tensors[name] for name in node.operands])
    gradients = torch.autograd.grad(
        tensors[problem.output], [tensors[node_name(key)] for key in problem.requested]
    )
    return {key: gradient.numpy() for key, gradient in zip(problem.requested, gradients, strict=True)}


def measure(label: str, document: dict[str, Any]) -> None:
    document["gradients"] = torch_gradients(read_graph(document).problem)
    reading, judging, passes = [], [], []
    for _ in range(ROUNDS):
        started = perf_counter()
        submission = read_graph(document)
        read = perf_counter()
        report = verify(submission)
        judged = perf_counter()
        torch_gradients(submission.problem)
        passes.append(perf_counter() - judged)
        judging.append(judged - read)
        reading.append(read - started)
        assert report.verdict == "correct", report
    ours, theirs = median(judging), median(passes)
    count, gradients = len(document["network"]["nodes"]), len(document["gradients"])
    figures = f"{1e3 * median(reading):8.0f} {1e3 * ours:8.0f} {1e3 * theirs:8.0f} {ours / theirs:6.1f}"
    print(f"{label:32} {count:7,} {gradients:7,} {figures}")


def main() -> None:
    columns = f"{'nodes':>7} {'asked':>7} {'reading':>8} {'judging':>8} {'PyTorch':>8} {'ratio':>6}  (ms)"
    print(f"{'':32} {columns}")
    document = micrograd(NODES)
    measure("single neurons", document)
    all_nodes = [f"nodes.{node['name']}" for node in document["network"]["nodes"]]
    measure("the same, every node handed in", document | {"gradients": dict.fromkeys(all_nodes, 0.0)})
    measure("one chain", chain(NODES))


if __name__ == "__main__":
    main()
