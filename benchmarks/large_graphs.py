"""How long the judging of a graph of 20,000 nodes takes, against PyTorch's forward and backward on it.

    python -m benchmarks.large_graphs

Three graphs: a network of single neurons over many examples, every node one number (what a scalar autograd
engine such as micrograd builds); the same with the gradient of every node handed in; one chain, each node
needing the one before. Reading the document is timed apart. Prints the median of several rounds, in turn.
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
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reading.submission import read_graph

NODES = 20_000
ROUNDS = 5
_IN_TORCH = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "multiply": operator.mul,
    "add": operator.add,
    "subtract": operator.sub,
}


class _Written:
    """A document as it grows."""

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
    """A network of layers as a graph of single numbers: R = 1/N Σ (f − y)², hidden layers activated."""
    own = _Written()
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        own.parameters |= {f"w{layer}_{i}_{j}": float(x) for (i, j), x in np.ndenumerate(weight)}
        own.parameters |= {f"b{layer}_{j}": float(x) for j, x in enumerate(bias)}
    risks = []
    for example, (x, y) in enumerate(zip(inputs, targets, strict=True)):
        values = [f"x{example}_{i}" for i in range(len(x))]
        own.inputs |= {name: float(each) for name, each in zip(values, x, strict=True)}
        for layer, weight in enumerate(weights):
            values = [_neuron(own, layer, j, values) for j in range(weight.shape[1])]
            if layer < len(weights) - 1:
                values = [own.node(activation, value) for value in values]
        for j, value in enumerate(values):
            own.inputs[f"y{example}_{j}"] = float(y[j])
            off = own.node("subtract", value, f"y{example}_{j}")
            risks.append(own.node("multiply", off, off))
    return own.document(own.node("multiply", _sum(own, risks), 1.0 / len(inputs)))


def _neuron(own: _Written, layer: int, unit: int, values: list[str]) -> str:
    terms = [own.node("multiply", value, f"w{layer}_{i}_{unit}") for i, value in enumerate(values)]
    return _sum(own, [*terms, f"b{layer}_{unit}"])


def _sum(own: _Written, terms: list[str]) -> str:
    total, *others = terms
    for term in others:
        total = own.node("add", total, term)
    return total


def micrograd(nodes: int) -> dict[str, Any]:
    """2-16-16-1, as many examples as it takes."""
    rng = np.random.default_rng(0)
    sizes = [2, 16, 16, 1]
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in pairwise(sizes)]
    biases = [0.1 * rng.normal(size=size) for size in sizes[1:]]
    examples = round(nodes / (sum(2 * a * b for a, b in pairwise(sizes)) + 35))
    inputs, targets = rng.normal(size=(examples, 2)), rng.choice([-1.0, 1.0], size=(examples, 1))
    return neurons(weights, biases, inputs, targets)


def chain(nodes: int) -> dict[str, Any]:
    own = _Written()
    own.parameters = {"w": 0.3, "v": 0.9}
    last = "w"
    for place in range(nodes):
        operation, *others = [("tanh",), ("multiply", "v"), ("add", "w")][place % 3]
        last = own.node(operation, last, *others)
    return own.document(last)


def passed(problem: GraphProblem) -> dict[str, np.ndarray]:
    """Run PyTorch forward and backward."""
    tensors = {name: torch.tensor(values, requires_grad=True) for name, values in problem.leaves()}
    for node in problem.nodes:
        tensors[node.name] = _IN_TORCH[node.operation.name](*[tensors[own] for own in node.operands])
    found = torch.autograd.grad(tensors[problem.output], [tensors[plain(key)] for key in problem.asked])
    return {key: own.numpy() for key, own in zip(problem.asked, found, strict=True)}


def measure(label: str, document: dict[str, Any]) -> None:
    document["gradients"] = passed(read_graph(document).problem)
    reading, judging, passes = [], [], []
    for _ in range(ROUNDS):
        started = perf_counter()
        submission = read_graph(document)
        read = perf_counter()
        report = verify(submission)
        judged = perf_counter()
        passed(submission.problem)
        passes.append(perf_counter() - judged)
        judging.append(judged - read)
        reading.append(read - started)
        assert report.verdict == "correct", report
    ours, theirs = median(judging), median(passes)
    count, asked = len(document["network"]["nodes"]), len(document["gradients"])
    figures = f"{1e3 * median(reading):8.0f} {1e3 * ours:8.0f} {1e3 * theirs:8.0f} {ours / theirs:6.1f}"
    print(f"{label:32} {count:7,} {asked:7,} {figures}")


def main() -> None:
    columns = f"{'nodes':>7} {'asked':>7} {'reading':>8} {'judging':>8} {'PyTorch':>8} {'ratio':>6}  (ms)"
    print(f"{'':32} {columns}")
    document = micrograd(NODES)
    measure("single neurons", document)
    everything = [f"nodes.{node['name']}" for node in document["network"]["nodes"]]
    measure("the same, every node handed in", document | {"gradients": dict.fromkeys(everything, 0.0)})
    measure("one chain", chain(NODES))


if __name__ == "__main__":
    main()
