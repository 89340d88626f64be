"""A backward function is right, or the smallest network on which it is wrong is found. All seeded."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.shrinking import MOST_LAYERS, MOST_PARAMETERS, shrink
from benchmarks.support.student_functions import LOSS, RIGHT, backward
from verifier import verify
from verifier.documents.json import parse
from verifier.testing.check_backward import check_backward, lines_of_failure

# the whole twenty: python -m benchmarks.shrinking
SLICE = {
    "the mean over examples left out": "batch-sum-for-mean",
    "1 + z²": "wrong-activation-derivative",
    "the bias of one example": "bias-not-summed",
    "no penalty": "penalty-missing",
}


def test_a_right_function_passes() -> None:
    assert check_backward(backward(RIGHT), loss=LOSS, problems=40) is None


@pytest.mark.parametrize(
    ("bug", "named"),
    [
        pytest.param(*row, id=row[0], marks=() if place == 0 else pytest.mark.nightly)
        for place, row in enumerate(SLICE.items())
    ],
)
def test_a_bug_is_shown_by_a_tiny_network_of_whole_numbers_and_named(bug: str, named: str) -> None:
    smallest = shrink(bug)
    assert smallest.layers <= MOST_LAYERS
    assert smallest.parameters <= MOST_PARAMETERS
    assert smallest.whole
    assert named in smallest.named


def test_the_counterexample_replays_as_a_submission_that_is_incorrect() -> None:
    def backward_without_mean(parameters: Any, inputs: Any, targets: Any) -> Any:
        delta = inputs @ parameters["layers.0.weight"] + parameters["layers.0.bias"] - targets
        return {"layers.0.weight": inputs.T @ delta, "layers.0.bias": delta.sum(axis=0)}

    failure = check_backward(backward_without_mean, most_layers=1)
    assert failure is not None
    assert verify(parse(failure.replay.encode())).verdict == "incorrect"
    lines = list(lines_of_failure(failure))
    assert len(lines) <= 12
    assert failure.replay == lines[-1]
    assert "batch-sum-for-mean" in "\n".join(lines)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda parameters, inputs, targets: 1 / 0, "ZeroDivisionError"),
        (lambda parameters, inputs, targets: None, "got NoneType; the function must return them"),
        (lambda parameters, inputs, targets: [np.zeros(3)], "got 1; give a dict by parameter"),
        (lambda parameters, inputs, targets: {"layers.0.weight": np.zeros(7)}, "expected shape"),
    ],
    ids=["raises", "returns nothing", "too few arrays", "wrong shape"],
)
def test_a_function_that_gives_no_gradients_is_told_why(function: Any, said: str) -> None:
    failure = check_backward(function, most_layers=1)
    assert failure is not None
    assert said in "\n".join(lines_of_failure(failure))


def test_functions_may_give_pairs_in_layer_order_and_take_the_layers() -> None:
    def gradient_pairs(layers: Any, parameters: Any, inputs: Any, targets: Any) -> Any:
        gradients = backward(RIGHT)(parameters, inputs, targets)
        return [(gradients[f"layers.{i}.weight"], gradients[f"layers.{i}.bias"]) for i in range(len(layers))]

    assert check_backward(gradient_pairs, loss=LOSS, problems=20) is None


def test_functions_may_use_pytorchs_layout_and_class_indices() -> None:
    def classifier(parameters: Any, inputs: Any, targets: Any) -> Any:
        logits = inputs @ parameters["layers.0.weight"].T + parameters["layers.0.bias"]
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        p[np.arange(len(targets)), targets] -= 1.0
        return {"layers.0.weight": p.T @ inputs / len(inputs), "layers.0.bias": p.mean(axis=0)}

    loss = {"name": "cross_entropy", "on": "logits"}
    right = check_backward(classifier, loss=loss, weights="out_in", classes=True, most_layers=1, problems=30)
    assert right is None


def test_the_failure_and_the_replayed_file_name_the_same() -> None:
    """Of few numbers, a negated penalty is the right gradient with the opposite sign and rounded, too."""
    negated = replace(RIGHT, penalty=lambda w: -0.7 * w)
    loss = {"name": "mse", "l2": {"strength": 0.7}}
    failure = check_backward(backward(negated), loss=loss, most_layers=2)
    assert failure is not None
    assert failure.diagnosed is None
    replayed = verify(parse(failure.replay.encode()))
    assert [row.bug for row in replayed.diagnosis] == ["penalty-factor"]
    assert "bug: penalty-factor in" in "\n".join(lines_of_failure(failure))


OF_L2 = {"name": "mse", "l2": {"strength": 0.7}}
OF_L1 = {"name": "mse", "l1": {"strength": 0.7}}
PENALTIES: dict[str, tuple[dict[str, Any], Callable[[Any], Any], str]] = {
    "not for the first input": (
        OF_L2,
        lambda w: 0.7 * w * (np.arange(len(w)) > 0)[:, None],
        "penalty-missing",
    ),
    "over its rows": (OF_L2, lambda w: 0.7 * w.sum(axis=1, keepdims=True) + 0 * w, "penalty-of-another-form"),
    "a tenth": (OF_L2, lambda w: 0.07 * w, "penalty-factor"),
    "W for its sign": (OF_L1, lambda w: 0.7 * w, "penalty-of-another-form"),
    "the sign, negated": (OF_L1, lambda w: -0.7 * np.sign(w), "penalty-factor"),
}


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(row, marks=pytest.mark.nightly if place else ()) for place, row in enumerate(PENALTIES)],
)
def test_a_mistake_inside_a_penalty_is_named_by_failure_and_replay(mistake: str) -> None:
    loss, penalty, bug = PENALTIES[mistake]
    failure = check_backward(backward(replace(RIGHT, penalty=penalty)), loss=loss)
    assert failure is not None
    assert failure.diagnosed is None  # the smallest network tells what a larger one does
    assert [row.bug for row in verify(parse(failure.replay.encode())).diagnosis] == [bug]
