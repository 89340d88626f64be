"""Measure finite differences along every single weight, by GradJury and by other libraries.

    python -m benchmarks.exhaustive

At 4-8-3, N = 8 all peers run on the same loss: torch's gradcheck (slow and fast), JAX's check_grads, scipy's
approx_fprime and numdifftools' Gradient. At 64-128-64-10, N = 32 (17,226 parameters) only slow gradcheck and
scipy run; scipy is timed on some of the weights and scaled up. Packages that are not installed are listed.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.judging import document, gradcheck, torch_loss
from reference_impl import forward, named
from reference_impl.problem import Problem, risk_value
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import ask
from verifier.problem.precision import PRECISIONS

SMALL, LARGE = ([4, 8, 3], 8), ([64, 128, 64, 10], 32)
SOME = 200  # weights of the large problem on which scipy is timed


def flat_loss(problem: Problem) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
    """Return the loss as a numpy function of one vector, as for scipy, and the vector of the parameters."""
    arrays = [array for _, array in named(problem.parameters)]
    ends = np.cumsum([0, *(array.size for array in arrays)])
    classes = problem.batch.targets.argmax(axis=1)
    rows = np.arange(len(classes))

    def loss(vector: np.ndarray) -> float:
        parameters = [
            vector[a:b].reshape(array.shape) for (a, b), array in zip(pairwise(ends), arrays, strict=True)
        ]
        z = problem.batch.inputs
        for i in range(0, len(parameters), 2):
            z = z @ parameters[i] + parameters[i + 1]
            z = np.tanh(z) if i + 2 < len(parameters) else z
        z = z - z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[rows, classes]))

    return loss, np.concatenate([array.ravel() for array in arrays])


def jax_check_grads(problem: Problem) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    arrays = [jnp.asarray(array) for _, array in named(problem.parameters)]
    inputs, targets = jnp.asarray(problem.batch.inputs), jnp.asarray(problem.batch.targets)

    def loss(*parameters):
        z = inputs
        for i in range(0, len(parameters), 2):
            z = z @ parameters[i] + parameters[i + 1]
            z = jnp.tanh(z) if i + 2 < len(parameters) else z
        return -jnp.mean((jax.nn.log_softmax(z) * targets).sum(axis=1))

    return lambda: check_grads(loss, arrays, order=1, modes=["rev"])


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = perf_counter()
        work()
        taken.append((perf_counter() - started) * 1e3)
    return median(taken)


def small() -> None:
    submission = document(*SMALL)
    problem = read_submission(submission).problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    loss, start = flat_loss(problem)
    assert abs(loss(start) - risk_value(problem, trace)) < 1e-12
    peers: dict[str, Callable[[], object]] = {
        "torch gradcheck, slow": lambda: gradcheck(submission, fast=False),
        "torch gradcheck, fast": lambda: gradcheck(submission, fast=True),
    }
    if find_spec("scipy"):
        from scipy.optimize import approx_fprime

        peers["scipy approx_fprime (one-sided)"] = lambda: approx_fprime(start, loss)
    if find_spec("numdifftools"):
        from numdifftools import Gradient

        peers["numdifftools Gradient"] = lambda: Gradient(loss)(start)
    if find_spec("jax"):
        peers["JAX check_grads, reverse, one direction"] = jax_check_grads(problem)
    per_weight = milliseconds(lambda: ask(problem, float64_rounding, ["finite_differences_per_weight"]), 15)
    per_node = milliseconds(lambda: ask(problem, float64_rounding, ["finite_differences"]), 15)
    print(f"{'4-8-3, N = 8 (67 parameters)':50} {per_weight:8.2f} ms per weight, {per_node:.2f} ms per node")
    for name, work in peers.items():
        work()
        taken = milliseconds(work, 5)
        print(f"    {name:45} {taken:9.2f} ms {taken / per_weight:8.1f} x per weight")
    for package in ("scipy", "numdifftools", "jax"):
        if not find_spec(package):
            print(f"    {package} is not installed")


def large() -> None:
    submission = document(*LARGE)
    problem = read_submission(submission).problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    per_weight = milliseconds(lambda: ask(problem, float64_rounding, ["finite_differences_per_weight"]), 3)
    slow = milliseconds(lambda: gradcheck(submission, fast=False), 1)
    print(f"{'64-128-64-10, N = 32 (17,226 parameters)':50} {per_weight:8.0f} ms per weight")
    print(f"    {'torch gradcheck, slow':45} {slow:9.0f} ms {slow / per_weight:8.1f} x per weight")
    if find_spec("scipy"):
        from scipy.optimize import approx_fprime

        loss, start = flat_loss(problem)

        def of_some(few: np.ndarray) -> float:
            return loss(np.concatenate([few, start[SOME:]]))

        taken = milliseconds(lambda: approx_fprime(start[:SOME], of_some), 1) * start.size / SOME
        label = "scipy approx_fprime (one-sided), scaled up"
        print(f"    {label:45} {taken:9.0f} ms {taken / per_weight:8.1f} x per weight")


def main() -> None:
    assert torch_loss(document(*SMALL))[0]() is not None
    small()
    large()


if __name__ == "__main__":
    main()
