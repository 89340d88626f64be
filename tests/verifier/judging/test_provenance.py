"""How a gradient was come by: differences and lower precisions are told apart from right and wrong ones."""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.support.students import numpy_student
from reference_impl import Problem, named
from tests.drawing import draw_problem
from tests.pairwise import check_rows, each, pairwise
from verifier import Report, verify
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES, Convention, Submission

CODES = {"numerical-gradient", "lower-precision-than-declared"}
PROBLEMS: dict[str, dict[str, Any]] = {
    "tanh, mse": {"activation_name": "tanh", "widths": (3, 4, 2)},
    "sigmoid, mse": {"activation_name": "sigmoid", "widths": (4, 6, 3), "examples": 10},
    "tanh, cross entropy": {"loss": "cross_entropy", "on": "logits", "widths": (5, 8, 6, 4), "examples": 12},
}


def problem_of(kind: str, seed: int = 0) -> Problem:
    return draw_problem(np.random.default_rng([seed, 61, len(kind)]), **PROBLEMS[kind])


def verify_gradients(problem: Problem, gradients: dict[str, Any], precision: str = "float64") -> Report:
    arrays = {name: np.asarray(array, dtype=float) for name, array in gradients.items()}
    tolerance = TOLERANCES["standard"]
    return verify(Submission(None, problem, arrays, PRECISIONS[precision], None, tolerance, Convention(), {}))


def provenance_warnings(report: Report) -> dict[str, str]:
    return {caution.code: caution.detail for caution in report.warnings if caution.code in CODES}


# ---------------------------------------------------------------------------- plain numpy differences
SQUASH = {"tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "identity": lambda a: a}


def loss_of(problem: Problem, parameters: dict[str, np.ndarray]) -> float:
    z = problem.batch.inputs
    for index, layer in enumerate(problem.network.layers):
        a = z @ parameters[f"layers.{index}.weight"] + parameters[f"layers.{index}.bias"]
        z = SQUASH[layer.activation.name](a)
    if problem.risk.loss.name == "mse":
        return 0.5 * np.sum((z - problem.batch.targets) ** 2) / problem.batch.size
    shifted = z - z.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.sum(problem.batch.targets * logs) / problem.batch.size


def differences(problem: Problem, step: float, central: bool) -> dict[str, np.ndarray]:
    parameters = {name: array.copy() for name, array in named(problem.parameters)}
    gradients = {}
    base = loss_of(problem, parameters)
    for name, array in parameters.items():
        gradient = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            w = array[index]
            array[index] = w + step
            above = loss_of(problem, parameters)
            array[index] = w - step
            below = loss_of(problem, parameters) if central else base
            array[index] = w
            gradient[index] = (above - below) / (2 * step if central else step)
        gradients[name] = gradient
    return gradients


def estimated_step(detail: str) -> float | None:
    match = re.search(r"step of about ([0-9.e+-]+)", detail)
    return None if match is None else float(match.group(1))


def check_differences(central: bool, step: float, kind: str, seed: int) -> None:
    problem = problem_of(kind, seed)
    messages = provenance_warnings(verify_gradients(problem, differences(problem, step, central)))
    assert set(messages) == {"numerical-gradient"}
    estimated = estimated_step(messages["numerical-gradient"])
    assert estimated is not None, messages["numerical-gradient"]
    assert step / 10 <= estimated <= step * 10


CAME_BY = ([True, False], [1e-3, 1e-4, 1e-5, 1e-6, 1e-7], PROBLEMS, range(3))


def test_differences_are_recognised_and_their_step_named():
    check_rows(check_differences, pairwise(*CAME_BY))


@pytest.mark.nightly
def test_differences_of_every_kind_are_recognised():
    check_rows(check_differences, product(*CAME_BY))


# ------------------------------------------------------------------------------------ lower precisions
LOWER = [("float32", "float64"), ("float16", "float64"), ("float16", "float32")]


@each(pairwise(LOWER, PROBLEMS, range(3)))
def test_a_lower_precision_than_declared_is_named(precisions, kind, seed):
    computed, declared = precisions
    problem = problem_of(kind, seed)
    gradients = numpy_student(problem, np.dtype(computed).name, "blas", np.random.default_rng(seed))
    messages = provenance_warnings(verify_gradients(problem, gradients, declared))
    assert set(messages) == {"lower-precision-than-declared"}
    assert f"correct to {computed}, but {declared} was declared" in messages["lower-precision-than-declared"]


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("kind", PROBLEMS)
def test_the_precision_that_was_declared_needs_no_warning(kind, precision):
    problem = problem_of(kind)
    gradients = numpy_student(problem, np.dtype(precision).name, "permuted", np.random.default_rng(1))
    report = verify_gradients(problem, gradients, precision)
    assert report.verdict == "correct"
    assert provenance_warnings(report) == {}


# --------------------------------------------------------------------------------------- neither of both
def by_torch(problem: Problem) -> dict[str, np.ndarray]:
    leaves = {
        name: torch.tensor(array.copy(), requires_grad=True) for name, array in named(problem.parameters)
    }
    z = torch.tensor(problem.batch.inputs.copy())
    for index, layer in enumerate(problem.network.layers):
        a = z @ leaves[f"layers.{index}.weight"] + leaves[f"layers.{index}.bias"]
        z = a if layer.activation.name == "identity" else getattr(torch, layer.activation.name)(a)
    targets = torch.tensor(problem.batch.targets.copy())
    if problem.risk.loss.name == "mse":
        loss = 0.5 * ((z - targets) ** 2).sum() / problem.batch.size
    else:
        loss = torch.nn.functional.cross_entropy(z, targets)
    loss.backward()
    return {name: leaf.grad.numpy() for name, leaf in leaves.items()}


def summed_in_order(order: str) -> Callable[[Problem], dict[str, Any]]:
    return lambda problem: numpy_student(problem, "float64", order, np.random.default_rng(7))


CORRECT_PROGRAMS: dict[str, Callable[[Problem], dict[str, Any]]] = {
    "as BLAS adds": summed_in_order("blas"),
    "permuted sums": summed_in_order("permuted"),
    "sums backwards": summed_in_order("reversed"),
    "PyTorch": by_torch,
}


@each(pairwise(CORRECT_PROGRAMS, PROBLEMS, range(5)))
def test_right_gradients_in_float64_need_no_warning(who, kind, seed):
    problem = problem_of(kind, seed)
    report = verify_gradients(problem, CORRECT_PROGRAMS[who](problem))
    assert report.verdict == "correct"
    assert provenance_warnings(report) == {}


def one_entry(gradients: dict[str, Any]) -> None:
    gradients["layers.0.weight"].flat[np.abs(gradients["layers.0.weight"]).argmax()] *= 1.01


def change_one_entry(gradients: dict[str, Any]) -> None:
    gradients["layers.0.weight"].flat[np.abs(gradients["layers.0.weight"]).argmax()] *= 1 + 1e-5


def double(gradients: dict[str, Any]) -> None:
    for name in gradients:
        gradients[name] *= 2


def halve_bias(gradients: dict[str, Any]) -> None:
    gradients["layers.0.bias"] /= 2


def reorder(gradients: dict[str, Any]) -> None:
    weight = gradients["layers.0.weight"]
    gradients["layers.0.weight"] = weight.T.reshape(weight.shape)


def flip_sign(gradients: dict[str, Any]) -> None:
    gradients["layers.1.weight"] *= -1


def set_to_zero(gradients: dict[str, Any]) -> None:
    for name in gradients:
        gradients[name] *= 0


def set_to_one(gradients: dict[str, Any]) -> None:
    for name in gradients:
        gradients[name] = np.ones_like(gradients[name])


MISTAKES = {
    "one entry 1 % off": one_entry,
    "one entry 0.001 % off": change_one_entry,
    "twice the gradient": double,
    "half a bias": halve_bias,
    "transposed": reorder,
    "another sign": flip_sign,
    "all zero": set_to_zero,
    "all one": set_to_one,
}


def check_mistake(mistake: str, kind: str, seed: int) -> None:
    problem = problem_of(kind, seed)
    gradients = {name: array.copy() for name, array in CORRECT_PROGRAMS["as BLAS adds"](problem).items()}
    MISTAKES[mistake](gradients)
    report = verify_gradients(problem, gradients)
    assert report.verdict == "incorrect"
    assert provenance_warnings(report) == {}


def test_wrong_gradients_are_wrong_and_nothing_else():
    check_rows(check_mistake, pairwise(MISTAKES, PROBLEMS, range(3)))


@pytest.mark.nightly
def test_wrong_gradients_of_every_seed_are_wrong_and_nothing_else():
    check_rows(check_mistake, product(MISTAKES, PROBLEMS, range(3)))


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "one off by 1"])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_gradients_of_small_whole_numbers_are_no_differences(activation, wrong):
    rng = np.random.default_rng(62)
    document: dict[str, Any] = {
        "network": {
            "layers": [
                {"in": 3, "out": 4, "activation": activation},
                {"in": 4, "out": 2, "activation": "identity"},
            ]
        },
        "loss": {"name": "mse", "batch": "sum"},
        "precision": "float64",
    }
    w, v = rng.integers(-3, 4, size=(3, 4)), rng.integers(-3, 4, size=(4, 2))
    b, c = rng.integers(1, 3, size=4) * 2 + 101, rng.integers(-3, 4, size=2)
    x, y = rng.integers(-3, 4, size=(5, 3)), rng.integers(-9, 10, size=(5, 2))
    a = x @ w + b  # always positive, so relu is the identity
    assert (a > 0).all()
    delta = a @ v + c - y
    below = delta @ v.T
    gradients = [x.T @ below, below.sum(axis=0), a.T @ delta, delta.sum(axis=0)]
    if wrong:
        gradients[0][1, 2] += 1
    names = [f"layers.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")]
    document |= {
        "parameters": dict(zip(names, (w, b, v, c), strict=True)),
        "inputs": x,
        "targets": y.astype(float),
        "gradients": dict(zip(names, gradients, strict=True)),
        "tolerance": "strict",
    }
    report = verify(document)
    assert report.verdict == ("incorrect" if wrong else "correct")
    assert provenance_warnings(report) == {}
