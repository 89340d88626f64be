"""Ties of `max` and kinks of graphs: one way of sharing must give all entries."""

from typing import Any

import numpy as np
import pytest

from benchmarks.support.kinks import consistent_gradients, draw_kinked, draw_tied, mixed_gradients
from tests.pairwise import each
from verifier import check_operation, verify
from verifier.judging import subgradients

ONE = {"oracles": ("backpropagation",)}


def maximum(values: list[float], gradient: list[float]) -> dict[str, Any]:
    return {
        "network": {"inputs": [], "nodes": [{"name": "m", "op": "max", "args": ["p"]}], "output": "m"},
        "parameters": {"p": values},
        "inputs": {},
        "gradients": {"p": gradient},
    }


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [
        ([1.0, 0.0, 0.0], "correct"),
        ([0.0, 1.0, 0.0], "correct"),
        ([0.5, 0.5, 0.0], "correct"),
        ([0.3, 0.7, 0.0], "correct"),
        ([1.0, 1.0, 0.0], "incorrect"),
        ([0.0, 0.0, 0.0], "incorrect"),
        ([0.5, 0.4, 0.0], "incorrect"),
        ([0.5, 0.5, 0.1], "incorrect"),
    ],
)
def test_a_tie_shares_one_gradient(gradient, verdict):
    assert verify(maximum([2.0, 2.0, 1.0], gradient), **ONE).verdict == verdict


@pytest.mark.parametrize(("gradient", "verdict"), [(1.0, "correct"), (2.0, "incorrect"), (0.0, "incorrect")])
def test_the_larger_of_a_number_and_itself_is_the_identity(gradient, verdict):
    nodes = [
        {"name": "c", "op": "concatenate", "args": ["p", "p"]},
        {"name": "m", "op": "max", "args": ["c"]},
    ]
    document = maximum([2.0], [gradient])
    document["network"] = {"inputs": [], "nodes": nodes, "output": "m"}
    assert verify(document, **ONE).verdict == verdict


@each(range(10))
def test_one_choice_of_slopes_passes_and_a_mixture_does_not(seed):
    rng = np.random.default_rng([seed, 7])
    problem = draw_kinked(rng)
    right, wrong = consistent_gradients(problem, rng), mixed_gradients(problem, rng)
    assert verify({**problem.document, "gradients": right}, **ONE).verdict == "correct"
    if wrong is not None:
        report = verify({**problem.document, "gradients": wrong}, **ONE)
        assert report.verdict == "incorrect"
        assert "inconsistent-slopes" in {warning.code for warning in report.warnings}


@each(range(5))
def test_one_way_of_sharing_passes_and_others_do_not(seed):
    rng = np.random.default_rng(seed)
    assert verify(draw_tied(rng, consistent=True), **ONE).verdict == "correct"
    assert verify(draw_tied(rng, consistent=False), **ONE).verdict == "incorrect"


def test_too_many_kinks_are_judged_singly_and_said_so(monkeypatch):
    monkeypatch.setattr(subgradients, "MOST_CHOICES", 1)
    report = verify(maximum([2.0, 2.0], [1.0, 1.0]), **ONE)
    assert report.verdict == "correct"
    assert "slopes-judged-singly" in {warning.code for warning in report.warnings}


class MaxOperation:
    def forward(self, x):
        self.x = x
        return np.max(x)

    def backward(self, output_grad):
        return output_grad * (self.x == np.max(self.x))


class SharedMax(MaxOperation):
    def backward(self, output_grad):
        largest = self.x == np.max(self.x)
        return output_grad * largest / largest.sum()


class MaxPool:
    """The whole gradient for every largest number."""

    def forward(self, x):
        self.x = x
        return x.max(axis=-1)

    def backward(self, output_grad):
        return output_grad[..., None] * self.largest()

    def largest(self):
        return self.x == self.x.max(axis=-1, keepdims=True)


class SharedMaxPool(MaxPool):
    def largest(self):
        weights = super().largest()
        return weights / weights.sum(axis=-1, keepdims=True)


class NoMaxPool(MaxPool):
    """No gradient for any number of a tie."""

    def largest(self):
        weights = super().largest()
        return weights * (weights.sum(axis=-1, keepdims=True) == 1)


@pytest.mark.parametrize(
    ("operation", "options", "verdict"),
    [
        (MaxOperation, {"like": "max"}, "incorrect"),
        (SharedMax, {"like": "max"}, "correct"),
        (MaxPool, {"shapes": [((2, 4),)]}, "incorrect"),
        (NoMaxPool, {"shapes": [((2, 4),)]}, "incorrect"),
        (SharedMaxPool, {"shapes": [((2, 4),)]}, "correct"),
    ],
)
def test_an_operation_shares_the_gradient_of_a_tie(operation, options, verdict):
    assert check_operation(operation, **options).verdict == verdict


class LayerNorm:
    def forward(self, x, g, b):
        self.s = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        self.h, self.g = (x - x.mean(axis=-1, keepdims=True)) * self.s, g
        return g * self.h + b

    def backward(self, d):
        h, dh = self.h, d * self.g
        dx = (dh - dh.mean(axis=-1, keepdims=True) - h * (dh * h).mean(axis=-1, keepdims=True)) * self.s
        return dx, (d * h).sum(axis=0), d.sum(axis=0)


def test_a_report_that_is_correct_has_no_undecided_entry():
    check = check_operation(LayerNorm, shapes=[((2, 2), (2,), (2,))])
    assert check.verdict == "correct"
    assert sum(row.undecided for row in check.report.parameters.values()) == 0
