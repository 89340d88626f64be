"""Jacobian-vector products: right in every form, with mistakes, and beside a gradient."""

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from verifier import MalformedSubmission, check_gradient

X, W = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.5], [-0.5]])


def affine(x: Any, w: Any) -> Any:
    return np.tanh(x @ w)


def affine_jvp(x: Any, w: Any, dx: Any, dw: Any) -> Any:
    return (1 - np.tanh(x @ w) ** 2) * (dx @ w + x @ dw)


def affine_of_tuples(primals: Any, tangents: Any) -> Any:
    return affine(*primals), affine_jvp(*primals, *tangents)


@pytest.mark.parametrize("jvp", [affine_jvp, affine_of_tuples], ids=["arguments", "tuples"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_right_product_is_correct_in_both_ways_of_writing(jvp, dtype) -> None:
    check = check_gradient(affine, None, X.astype(dtype), W.astype(dtype), jvp=jvp)
    assert check.verdict == "correct", str(check)
    assert check.form == "jvp"
    assert check_gradient(affine, jvp, X, W, form="jvp")


def test_a_scalar_function_of_one_argument_has_a_product_too() -> None:
    assert check_gradient(np.sin, None, np.array([0.5, 2.0]), jvp=lambda x, dx: np.cos(x) * dx)
    assert not check_gradient(np.sin, None, np.array([0.5, 2.0]), jvp=lambda x, dx: np.sin(x) * dx)


def one_argument_left_out(x: Any, w: Any, dx: Any, dw: Any) -> Any:
    return (1 - np.tanh(x @ w) ** 2) * (dx @ w)


def of_the_value(x: Any, w: Any, dx: Any, dw: Any) -> Any:
    return (1 - (x @ w) ** 2) * (dx @ w + x @ dw)


def doubled(x: Any, w: Any, dx: Any, dw: Any) -> Any:
    return 2 * affine_jvp(x, w, dx, dw)


def not_linear(x: Any, w: Any, dx: Any, dw: Any) -> Any:
    return affine_jvp(x, w, dx, dw) + dx @ dw


def another_value(primals: Any, tangents: Any) -> Any:
    return affine(*primals) + 1, affine_jvp(*primals, *tangents)


@pytest.mark.parametrize(
    ("jvp", "code", "place"),
    [
        (one_argument_left_out, "zero-gradient", "w"),
        (of_the_value, "gradient-value", "x"),
        (doubled, "constant-factor", "x"),
        (not_linear, "jvp-not-linear", "jvp"),
        (another_value, "jvp-value", "jvp"),
        (lambda x, w, dx, dw: dx, "raises", "backward"),
    ],
)
def test_a_wrong_product_is_found(jvp, code: str, place: str) -> None:
    check = check_gradient(affine, None, X, W, jvp=jvp)
    assert check.verdict == "incorrect", str(check)
    assert (code, place) in [(finding.code, finding.place) for finding in check.findings], str(check)


def test_a_gradient_and_a_product_are_judged_beside_each_other() -> None:
    def backward(g: Any, x: Any, w: Any) -> Any:
        g = g * (1 - np.tanh(x @ w) ** 2)
        return g @ w.T, x.T @ g

    assert check_gradient(affine, backward, X, W, jvp=affine_jvp)
    check = check_gradient(affine, backward, X, W, jvp=doubled)
    assert check.verdict == "incorrect"
    assert check.form == "jvp"
    check = check_gradient(affine, lambda g, x, w: (backward(g, x, w)[0], 0 * w), X, W, jvp=affine_jvp)
    assert [finding.place for finding in check.findings] == ["w"]


class Cubed(torch.autograd.Function):
    factor = 3.0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_forward(x)
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 3 * ctx.saved_tensors[0] ** 2 * g

    @classmethod
    def jvp(cls, ctx: Any, dx: Any) -> Any:
        return cls.factor * ctx.saved_tensors[0] ** 2 * dx


def test_the_forward_mode_of_pytorch_is_taken() -> None:
    x = torch.tensor([0.5, -1.5], dtype=torch.float64)
    assert check_gradient(torch.sin, None, x, jvp=True)
    assert check_gradient(Cubed.apply, None, x, jvp=True)

    class Wrong(Cubed):
        factor = 2.0

    check = check_gradient(Wrong.apply, None, x, jvp=True)
    assert [finding.code for finding in check.findings] == ["constant-factor"], str(check)


def test_the_forward_mode_of_jax_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def product(function: Any, primals: Any, tangents: Any) -> Any:
        (x,), (dx,) = primals, tangents
        return np.sin(x), np.cos(x) * dx

    module = ModuleType("jax")
    module.jvp = product  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "jax", module)

    class Transformed(SimpleNamespace):
        def __call__(self, x: Any) -> Any:
            return np.sin(x)

    Transformed.__module__ = "jaxlib.made_here"
    assert check_gradient(Transformed(), None, np.array([0.5]), jvp=True)


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((X, W), {"jvp": lambda x, dx: dx, "order": 2}, "1 beside jvp"),
        ((X, W), {"jvp": lambda x, w, dx: dx}, "as many tangents"),
        ((X, W), {"jvp": True}, "one of PyTorch or JAX"),
        ((X, W), {"jvp": 3}, "a function, or True"),
        ((), {"jvp": affine_jvp}, "a point beside jvp"),
        ((np.ones((40, 40)), np.ones((40, 1))), {"jvp": affine_jvp}, "at most 1000 numbers"),
    ],
)
def test_what_cannot_be_a_product_is_refused(arguments, keywords, message: str) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        check_gradient(affine, None, *arguments, **keywords)
