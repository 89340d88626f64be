"""Mistakes in single steps of numpy functions are named, and others are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from verifier import check_gradient
from verifier.diagnosis.backward_sweep import backward_sweep
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.testing.operation_check.traced import traced_graph

Array = Any
RNG = np.random.default_rng(0)
X, Y, SQUARE = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=(3, 3))
V = RNG.normal(size=6)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def slope(x: Array) -> Array:
    return 1 - np.tanh(x) ** 2


Case = tuple[Callable[..., Any], Callable[..., Any], tuple[Array, ...], str, str]
# function, wrong gradient, arguments, the argument and the name of the mistake
MISTAKES: dict[str, Case] = {
    "a sign in tanh′": (
        np.tanh,
        lambda x: 1 + np.tanh(x) ** 2,
        (np.array([0.5, -1.0]),),
        "x",
        "wrong-activation-derivative",
    ),
    "no tanh′": (
        lambda w: np.sum(np.tanh(w) ** 2),
        lambda w: 2 * np.tanh(w),
        (np.array([0.5, -1.0]),),
        "w",
        "missing-activation-derivative",
    ),
    "sigmoid′": (
        sigmoid,
        lambda x: sigmoid(x) * (1 + sigmoid(x)),
        (V,),
        "x",
        "wrong-activation-derivative",
    ),
    "the exponent": (
        lambda x: np.sum(x**3 + x),
        lambda x: x**2 + 1,
        (V,),
        "x",
        "wrong-activation-derivative",
    ),
    "a quotient": (
        lambda x, y: x / y,
        lambda x, y: (1 / y, -x / y),
        (V, V[::-1].copy()),
        "y",
        "wrong-activation-derivative",
    ),
    "a term of a product": (
        lambda x: np.sum(x * np.sin(x)),
        lambda x: x * np.cos(x),
        (V,),
        "x",
        "missing-path",
    ),
    "a term of a quotient": (
        lambda z: -np.log(np.exp(z)[0] / np.exp(z).sum()),
        lambda z: np.exp(z) / np.exp(z).sum(),
        (V,),
        "z",
        "zero-gradient",
    ),
    "the count of a mean": (lambda x: np.mean(x**2), lambda x: 2 * x, (V,), "x", "batch-sum-for-mean"),
    "the count of a mean twice": (
        lambda x: np.mean(x**2),
        lambda x: 2 * x / x.size**2,
        (V,),
        "x",
        "batch-mean-for-sum",
    ),
    "a mean for a sum of copies": (
        lambda x, b: np.sum((x + b) ** 2),
        lambda x, b: (2 * (x + b), (2 * (x + b)).mean(axis=0)),
        (X, V[:4]),
        "b",
        "bias-mean-for-sum",
    ),
    "one of the copies": (
        lambda x, b: np.sum((x + b) ** 2),
        lambda x, b: (2 * (x + b), 2 * (x + b)[-1]),
        (X, V[:4]),
        "b",
        "bias-not-summed",
    ),
    "an untransposed factor": (
        lambda a, b: np.sum((a @ b) ** 2),
        lambda a, b: (2 * (a @ b) @ b, a.T @ (2 * (a @ b))),
        (SQUARE, SQUARE[::-1] ** 2),
        "a",
        "untransposed-weights",
    ),
    "a transposed Jacobian": (
        lambda x: np.tanh(SQUARE @ x),
        lambda x: (np.diag(slope(SQUARE @ x)) @ SQUARE).T,
        (V[:3],),
        "x",
        "transposed-gradient",
    ),
    "a transposed matrix": (
        lambda w: np.sum(np.sin(w) @ V[:3]),
        lambda w: (np.cos(w) * V[:3]).T,
        (SQUARE,),
        "w",
        "transposed-gradient",
    ),
    "an input that is not clipped": (
        lambda x: np.sum(np.maximum(x, 0) ** 2 + x),
        lambda x: 2 * x + 1,
        (V,),
        "x",
        "preactivation-as-input",
    ),
    "the sign of one path": (
        lambda x: np.sum(x**2 + np.exp(x)),
        lambda x: 2 * x - np.exp(x),
        (V,),
        "x",
        "sign-flipped",
    ),
    "a factor of one path": (
        lambda x: np.sum(x**2 - np.exp(x)),
        lambda x: x - np.exp(x),
        (V,),
        "x",
        "factor-two",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_one_step_is_named(case: str) -> None:
    function, wrong, arguments, place, code = MISTAKES[case]
    check = check_gradient(function, wrong, *arguments)
    assert [finding.place for finding in check.findings] == [place], str(check)
    assert check.findings[0].code == code, str(check)


def test_the_formula_that_was_used_is_told() -> None:
    check = check_gradient(np.tanh, lambda x: 1 + np.tanh(x) ** 2, np.array([0.5, -1.0]))
    assert "your numbers fit 1 + z², but tanh′ = 1 − z²" in check.findings[0].explanation


def test_few_numbers_that_any_rule_may_give_are_not_named() -> None:
    """At whole numbers, the gradient 2, 1 is that of many rules."""
    check = check_gradient(lambda x: np.sum(x**2), lambda x: np.array([2.0, 1.0]), np.array([1.0, 2.0]))
    assert [finding.code for finding in check.findings] == ["gradient-value"], str(check)


def test_a_gradient_whose_terms_all_cancel_is_not_wrong() -> None:
    """The rows of x less their mean add up to 0 whatever y is, and rounding alone remains."""
    x, y = RNG.normal(size=(2, 2)), RNG.normal(size=(2, 2))

    def function(x: Array, y: Array) -> Array:
        centred = x - x.mean(axis=0)
        return np.sum(centred @ y.T @ y)

    rounded = 1e-16 * np.array([[1.0, -1.7], [-0.8, 0.5]])
    check = check_gradient(function, lambda x, y: (rounded, rounded), x, y)
    assert check.verdict != "incorrect", str(check)
    assert not check_gradient(function, lambda x, y: (rounded + 1e-9, rounded), x, y)


UNARY: tuple[Callable[[Array], Array], ...] = (
    np.tanh,
    np.sin,
    sigmoid,
    np.square,
    lambda x: np.exp(0.3 * x),
    lambda x: np.log(1.5 + x**2),
    lambda x: np.maximum(x, 0.1),
    lambda x: np.where(x > 0.2, x, 0.5 * x),
    lambda x: x - x.mean(axis=0),
    lambda x: x / np.sqrt(1.0 + (x**2).sum(axis=1, keepdims=True)),
    lambda x: np.cumsum(x, axis=0),
    lambda x: x[:, ::-1].reshape(x.shape),
)
BINARY: tuple[Callable[[Array, Array], Array], ...] = (
    np.add,
    np.multiply,
    lambda x, y: x / (1.5 + y**2),
    lambda x, y: x @ y.T @ y,
    lambda x, y: np.maximum(x, y),
)


def drawn(rng: np.random.Generator) -> tuple[Callable[..., Array], list[Array]]:
    """Return a function of two matrices that is composed of operations of numpy, and its arguments."""
    chain = [UNARY[rng.integers(len(UNARY))] for _ in range(rng.integers(1, 4))]
    other, joined = UNARY[rng.integers(len(UNARY))], BINARY[rng.integers(len(BINARY))]
    shape = tuple(rng.integers(2, 5, size=2))

    def function(x: Array, y: Array) -> Array:
        for step in chain:
            x = step(x)
        return np.sum(joined(x, other(y)))

    return function, [rng.normal(size=shape), rng.normal(size=shape)]


def spoilt(gradient: Array, kind: str, rng: np.random.Generator) -> Array:
    """Return a gradient with a mistake that no rule makes."""
    if kind == "one number":
        wrong = gradient.copy()
        wrong.flat[rng.integers(gradient.size)] += rng.normal()
        return wrong
    if kind == "all numbers":
        return gradient * (1 + 0.1 * rng.normal(size=gradient.shape))
    if kind == "shift":
        return gradient + 0.1 * rng.normal()
    return gradient * np.linspace(1.01, 1.05, gradient.size).reshape(gradient.shape)


def check_names(seeds: range) -> None:
    """Raise unless made-up mistakes have no name, and planted rules have theirs where they tell enough."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        function, arguments = drawn(rng)
        graph = traced_graph(function, arguments, ("x", "y"), (), np.ones(()))
        assert graph is not None, seed
        assert np.allclose(values_of(graph, FLOATS)[graph.output], function(*arguments))
        mutants = [*graph_mutants(graph)]
        right = right_gradients(graph)
        check = check_gradient(function, lambda x, y, right=right: [right["x"], right["y"]], *arguments)
        assert check.verdict != "incorrect", (seed, str(check))
        if check.verdict == "undecided" or np.allclose(right["x"], 0.0):  # all terms cancel
            continue
        kind = ("one number", "all numbers", "shift", "ramp")[seed % 4]
        wrong = {**right, "x": spoilt(right["x"], kind, rng)}
        check = check_gradient(function, lambda x, y, wrong=wrong: [wrong["x"], wrong["y"]], *arguments)
        assert [finding.code for finding in check.findings] == ["gradient-value"], (seed, kind, str(check))
        mutant = mutants[rng.integers(len(mutants))]
        check = check_gradient(
            function, lambda x, y, mutant=mutant: [mutant.gradients[name] for name in "xy"], *arguments
        )
        for finding in check.findings:
            names = {finding.code, *finding.equivalent_bugs}
            named = names - {"gradient-value", "constant-factor"}
            if finding.code == "zero-gradient" and np.allclose(mutant.gradients[finding.place], 0.0):
                continue  # by whichever rule
            assert not named or mutant.bug in names, (seed, mutant.bug, mutant.at, mutant.use, str(check))


def right_gradients(graph: Any) -> dict[str, Array]:
    sweep = backward_sweep(graph, values_of(graph, FLOATS), lambda *_: None)
    return {name: gradient for name, _, gradient in sweep if name in graph.requested}


def test_names_are_those_of_planted_mistakes() -> None:
    check_names(range(8))


@pytest.mark.nightly
def test_names_are_those_of_planted_mistakes_in_many_functions() -> None:
    check_names(range(8, 400))
