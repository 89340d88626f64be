"""Compare the run time of `verify` with torch's gradcheck, and with the same network written as a graph.

    python -m benchmarks.judging [--slow]

The benchmark prints medians of alternating rounds in milliseconds, and their ratio. With --slow it also runs
gradcheck in slow mode once, which takes over a minute at the larger size. Fast gradcheck only returns a
boolean.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter

import numpy as np
import torch

from reference_impl import backpropagate, forward, named
from verifier import verify
from verifier.documents.lowering import graph_document
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import LAYER_ORACLES, ask
from verifier.problem.precision import PRECISIONS

SIZES = {
    "4-8-3, N = 8": ([4, 8, 3], 8),
    "64-128-64-10, N = 32": ([64, 128, 64, 10], 32),
    "784-128-64-10, N = 32": ([784, 128, 64, 10], 32),
}
ROUNDS = 15


def document(sizes: list[int], examples: int, seed: int = 0) -> dict:
    """Return a correct submission with tanh layers, cross entropy and standard normal inputs."""
    rng = np.random.default_rng(seed)
    layers = [{"in": a, "out": b, "activation": "tanh"} for a, b in pairwise(sizes)]
    layers[-1]["activation"] = "identity"
    parameters = {}
    for i, layer in enumerate(layers):
        shape = (layer["in"], layer["out"])
        parameters[f"layers.{i}.weight"] = rng.normal(size=shape) / np.sqrt(shape[0])
        parameters[f"layers.{i}.bias"] = rng.normal(size=shape[1])
    submission = {
        "network": {"layers": layers},
        "loss": "cross_entropy",
        "parameters": parameters,
        "inputs": rng.normal(size=(examples, sizes[0])),
        "targets": rng.integers(sizes[-1], size=examples),
        "gradients": {},
    }
    problem = read_submission(submission).problem
    submission["gradients"] = {name: np.array(value) for name, value in named(backpropagate(problem))}
    return submission


def torch_loss(submission: dict) -> tuple[Callable[..., torch.Tensor], list[torch.Tensor]]:
    """Return the loss in PyTorch and its leaves. The loss can be called without arguments."""
    problem = read_submission(submission).problem
    leaves = [torch.tensor(array.copy(), requires_grad=True) for _, array in named(problem.parameters)]
    inputs, targets = torch.tensor(problem.batch.inputs.copy()), torch.tensor(submission["targets"])

    def loss(*arrays: torch.Tensor) -> torch.Tensor:
        arrays = arrays or tuple(leaves)
        z = inputs
        for i in range(0, len(arrays), 2):
            z = z @ arrays[i] + arrays[i + 1]
            z = torch.tanh(z) if i + 2 < len(arrays) else z
        return torch.nn.functional.cross_entropy(z, targets)

    return loss, leaves


def gradcheck(submission: dict, fast: bool) -> None:
    assert torch.autograd.gradcheck(*torch_loss(submission), fast_mode=fast)


def milliseconds_of(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return (perf_counter() - started) * 1e3


def compare(label: str, submission: dict, slow: bool) -> None:
    assert verify(submission).verdict == "correct"
    gradcheck(submission, fast=True)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(milliseconds_of(lambda: verify(submission)))
        theirs.append(milliseconds_of(lambda: gradcheck(submission, fast=True)))
    a, b = median(ours), median(theirs)
    print(f"{label:24} {a:6.1f} ms {b:12.1f} ms {a / b:6.2f}")
    if slow:
        taken = milliseconds_of(lambda: gradcheck(submission, fast=False))
        print(f"    gradcheck slow {taken:14.0f} ms, {taken / a:.0f} times as long as verify")


def compare_with_graph(submission: dict) -> None:
    graph = graph_document(read_submission(submission))
    assert verify(graph).verdict == "correct"
    layers, nodes = [], []
    for _ in range(ROUNDS):
        layers.append(milliseconds_of(lambda: verify(submission)))
        nodes.append(milliseconds_of(lambda: verify(graph)))
    taken = median(nodes)
    print(f"    as a graph {taken:18.1f} ms, {taken / median(layers):.2f} times as long as layers")


def print_steps(submission: dict) -> None:
    problem = read_submission(submission).problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])

    def whole_rounding() -> None:
        allowance_and_scale = rounding(problem, trace, PRECISIONS["float64"])
        assert allowance_and_scale.allowance
        assert allowance_and_scale.scale

    parts = {
        "read the document": partial(read_submission, submission),
        "rounding, forward": partial(rounding, problem, trace, PRECISIONS["float64"]),
        "rounding, every entry": whole_rounding,
    }
    names = [name for name, row in LAYER_ORACLES.items() if row.by_default]
    parts |= {name: partial(ask, problem, float64_rounding, [name]) for name in names}
    for name, work in parts.items():
        print(f"    {name:24} {median(milliseconds_of(work) for _ in range(ROUNDS)):9.2f} ms")


def main() -> None:
    print(f"{'problem':24} {'verify':>9} {'gradcheck fast':>15} {'ratio':>6}")
    for label, (sizes, examples) in SIZES.items():
        submission = document(sizes, examples)
        compare(label, submission, slow="--slow" in sys.argv)
        compare_with_graph(submission)
        print_steps(submission)


if __name__ == "__main__":
    main()
