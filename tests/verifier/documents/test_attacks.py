"""Small problems on which an attack once got a wrong verdict, a wrong warning, or a crash."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from reference_impl import backpropagate, named
from verifier import verify
from verifier.documents.reading import read_question

ON_LOGITS = {"name": "binary_cross_entropy", "on": "logits"}


def one_layer(
    weight: list[list[float]], bias: list[float], inputs: Any, targets: Any, activation: str, loss: Any
) -> dict[str, Any]:
    layer = {"in": len(weight), "out": len(bias), "activation": activation}
    return {
        "network": {"layers": [layer]},
        "loss": loss,
        "parameters": {"layers.0.weight": weight, "layers.0.bias": bias},
        "inputs": inputs,
        "targets": targets,
        "precision": "float64",
    }


def one_layer_gradients(weight: list[list[float]], bias: list[float]) -> dict[str, Any]:
    return {"layers.0.weight": weight, "layers.0.bias": bias}


@dataclass(frozen=True)
class Attack:
    problem: dict[str, Any]
    gradients: dict[str, Any]
    verdict: str
    changes: dict[str, Any] = field(default_factory=dict)
    never: tuple[str, ...] = ("oracles-disagree", "numerical-gradient", "lower-precision-than-declared")


TANH_OF_4 = float(np.tanh(4.0))
ATTACKS = {
    "a loss that underflows to 0": Attack(
        one_layer([[1e-170]], [0.0], [[1.0]], [[0.0]], "identity", "mse"),
        one_layer_gradients([[1.00001e-170]], [1.00001e-170]),
        "incorrect",
    ),
    "a perfect fit": Attack(
        one_layer([[-2.0]], [2.0], [[-1.0]], [[TANH_OF_4]], "tanh", "mse"),
        one_layer_gradients([[0.0]], [0.0]),
        "undecided",
    ),
    "a perfect fit of three examples": Attack(
        one_layer([[0.0]], [-1.0], [[-1.0], [3.0], [-2.0]], [[-1.0]] * 3, "identity", "mse"),
        one_layer_gradients([[0.0]], [0.0]),
        "undecided",
    ),
    "a perfect fit of a relu": Attack(
        one_layer([[2.0]], [2.0], [[3.0], [3.0]], [[8.0], [8.0]], "relu", "mse"),
        one_layer_gradients([[0.0]], [0.0]),
        "undecided",
    ),
    "a huge logit beside a wrong one": Attack(
        one_layer([[1e17, 1.0]], [0.0, 0.0], [[1.0]], [[1.0, 0.0]], "identity", ON_LOGITS),
        one_layer_gradients([[0.0, -5.0]], [0.0, -5.0]),
        "incorrect",
    ),
    "a large logit beside a wrong one, float32": Attack(
        one_layer([[1e6, 1.0]], [0.0, 0.0], [[1.0]], [[1.0, 0.0]], "identity", ON_LOGITS),
        one_layer_gradients([[0.0, 0.931]], [0.0, 0.931]),
        "incorrect",
        {"precision": "float32"},
    ),
    "a silu far out, float32": Attack(
        one_layer([[1000.0]], [0.0], [[1.0]], [[999.0]], "silu", "mse"),
        one_layer_gradients([[0.9]], [0.9]),
        "incorrect",
        {"precision": "float32"},
    ),
    "a silu at 0": Attack(
        one_layer([[0.0]], [0.0], [[0.3]], [[0.0]], "silu", "mse"),
        one_layer_gradients([[0.0]], [0.0]),
        "undecided",
    ),
    "a loss of 1e-290": Attack(
        one_layer([[1.0]], [0.0], [[1.0]], [[0.0]], "identity", {"name": "mse", "factor": 1e-290}),
        one_layer_gradients([[2e-290]], [2e-290]),
        "correct",
    ),
    "an honest overflow of float16": Attack(
        one_layer([[200.0]], [0.0], [[300.0]], [[0.0]], "identity", "mse"),
        one_layer_gradients([["Infinity"]], [60000.0]),
        "undecided",
        {"precision": "float16"},
    ),
    "zeros where the textbook slope of float64 has no digit left": Attack(
        one_layer([[37.0]], [0.0], [[1.0], [2.0]], [[0.0], [0.0]], "sigmoid", "mse"),
        one_layer_gradients([[0.0]], [0.0]),
        "undecided",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_an_attack_is_judged_right_without_a_misleading_warning(attack: Attack) -> None:
    report = verify(attack.problem | attack.changes | {"gradients": attack.gradients})
    assert report.verdict == attack.verdict
    assert not {caution.code for caution in report.warnings} & set(attack.never)


def test_a_slope_of_one_at_a_float32_kink_is_right_with_its_rounding() -> None:
    document = {
        "network": {"layers": [{"in": 1, "out": 1, "activation": "relu"}, {"in": 1, "out": 3}]},
        "loss": "mse",
        "precision": "float32",
        "parameters": {
            "layers.0.weight": [[0.0]],
            "layers.0.bias": [0.0],
            "layers.1.weight": [[0.13, -0.13, 0.64]],
            "layers.1.bias": [0.0, 0.0, 0.0],
        },
        "inputs": [[1.3]],
        "targets": [[0.1, -0.54, 0.36]],
        "gradients": {
            "layers.0.weight": [[-0.4076799750328064]],
            "layers.0.bias": [-0.31360000371932983],
            "layers.1.weight": [[0.0, 0.0, 0.0]],
            "layers.1.bias": [-0.10000000149011612, 0.5400000214576721, -0.36000001430511475],
        },
    }
    assert verify(document).verdict == "correct"


def test_a_ball_over_0_as_a_divisor_ends_in_an_answer() -> None:
    document = {
        "network": {"layers": [{"in": 1, "out": 1}, {"in": 1, "out": 2, "activation": "softmax"}]},
        "loss": "mse",
        "parameters": {
            "layers.0.weight": [[1e80]],
            "layers.0.bias": [0.5],
            "layers.1.weight": [[-1.0, 1.0]],
            "layers.1.bias": [0.0, 0.0],
        },
        "inputs": [[1.0]],
        "targets": [[0.0, 1.0]],
    }
    right = dict(named(backpropagate(read_question(document).problem)))
    report = verify(document | {"gradients": right}, oracles=["high_precision", "backpropagation"])
    assert report.verdict in ("correct", "undecided")


def test_whole_numbers_with_one_mistake_are_no_finite_differences() -> None:
    document = {
        "network": {"layers": [{"in": 3, "out": 3}]},
        "loss": {"name": "mse", "batch": "sum"},
        "precision": "float64",
        "parameters": {
            "layers.0.weight": (np.arange(9.0).reshape(3, 3) * 100).tolist(),
            "layers.0.bias": [0.0, 0.0, 0.0],
        },
        "inputs": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        "targets": [[1.0, 0.0, 2.0], [3.0, 1.0, 0.0]],
    }
    right = dict(named(backpropagate(read_question(document).problem)))
    wrong = right | {"layers.0.weight": right["layers.0.weight"] + np.eye(3)[1][:, None] * np.eye(3)[1]}
    report = verify(document | {"gradients": wrong})
    assert report.verdict == "incorrect"
    assert report.parameters["layers.0.weight"].incorrect == 1
    assert [caution.code for caution in report.warnings] == []
