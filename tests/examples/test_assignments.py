"""The assignments in examples/ are right, and one planted mistake in each function is found and named."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from verifier import check_gradient, verify

FOLDER = Path(__file__).parents[2] / "examples" / "assignments"
CLASSES = np.array([0, 2, 1, 1])


def numbers(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape)


def assignment(number: int, replacement: tuple[str, str] = ("", "")) -> ModuleType:
    """Return the module of an assignment, with one line replaced."""
    source = (FOLDER / f"assignment{number}.py").read_text(encoding="utf-8")
    right, wrong = replacement
    assert not right or source.count(right) == 1, (right, source.count(right))
    module = ModuleType(f"assignment{number}")
    exec(compile(source.replace(right, wrong) if right else source, module.__name__, "exec"), module.__dict__)
    return module


RNN = (numbers(2, 3, 4), numbers(2, 5), 0.3 * numbers(4, 5), 0.3 * numbers(5, 5), numbers(5))
IMAGES = (numbers(2, 2, 4, 4), numbers(3, 2, 3, 3), numbers(3))
# assignment, forward, backward, arguments
FUNCTIONS: dict[str, tuple[int, str, str | None, tuple[Any, ...]]] = {
    "softmax classifier": (1, "softmax_classifier", None, (numbers(3, 3), numbers(4, 3), CLASSES)),
    "batch normalisation": (
        2,
        "batchnorm_forward",
        "batchnorm_backward",
        (numbers(5, 3), numbers(3), numbers(3)),
    ),
    "dropout": (2, "dropout_forward", "dropout_backward", (numbers(4, 3),)),
    "convolution": (2, "convolution_forward", "convolution_backward", IMAGES),
    "recurrent network": (3, "rnn_forward", "rnn_backward", RNN),
    "attention": (
        3,
        "attention_forward",
        "attention_backward",
        (numbers(3, 4), numbers(5, 4), numbers(5, 2)),
    ),
}
# function, the line, the mistake, the arguments whose gradients are wrong, the code of the first
PLANTED: list[tuple[str, str, str, set[str], str]] = [
    (
        "softmax classifier",
        "x.T @ dscores / len(y) + 2 * strength * w",
        "x.T @ dscores / len(y) + strength * w",
        {"w"},
        "gradient-value",
    ),
    (
        "batch normalisation",
        "dnormal - dnormal.mean(axis=0) - normal * (dnormal * normal).mean(axis=0)",
        "dnormal - dnormal.mean(axis=0)",
        {"x"},
        "zero-gradient",
    ),
    ("batch normalisation", "dout.sum(axis=0)\n\n", "dout.mean(axis=0)\n\n", {"beta"}, "bias-mean-for-sum"),
    ("dropout", "return dout * mask", "return dout * (mask > 0)", {"x"}, "constant-factor"),
    ("dropout", "return dout * mask", "return dout", {"x"}, "missing-activation-derivative"),
    ("convolution", "        dw += np", "        dw = np", {"w"}, "gradient-value"),
    ("convolution", "dout.sum(axis=(0, 2, 3))", "dout.mean(axis=(0, 2, 3))", {"b"}, "constant-factor"),
    (
        "recurrent network",
        "(dh[:, step] + later)",
        "dh[:, step]",
        {"x", "h0", "wx", "wh", "b"},
        "gradient-value",
    ),
    ("recurrent network", "        dwh += ", "        dwh = ", {"wh"}, "assigned-not-accumulated"),
    (
        "attention",
        "    dscores /= np.sqrt(query.shape[1])\n",
        "",
        {"query", "key"},
        "constant-factor",
    ),
    (
        "attention",
        "weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))",
        "weights * (1 - weights) * dweights",
        {"query", "key"},
        "gradient-value",
    ),
]


def check(name: str, replacement: tuple[str, str] = ("", "")) -> Any:
    number, forward, backward, arguments = FUNCTIONS[name]
    module = assignment(number, replacement)
    return check_gradient(
        getattr(module, forward), None if backward is None else getattr(module, backward), *arguments
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_of_the_assignments_are_right(name: str) -> None:
    result = check(name)
    assert result.verdict == "correct", str(result)


@pytest.mark.parametrize(("name", "right", "wrong", "places", "code"), PLANTED)
def test_a_planted_mistake_is_found_at_its_arguments(name, right, wrong, places, code) -> None:
    result = check(name, (right, wrong))
    assert result.verdict == "incorrect", str(result)
    assert {finding.place for finding in result.findings} == places, str(result)
    assert code in [finding.code for finding in result.findings], str(result)


def two_layers(module: ModuleType) -> Any:
    parameters = {"W1": numbers(3, 5), "b1": numbers(5), "W2": numbers(5, 3), "b2": numbers(3)}
    x = numbers(4, 3)
    return verify(
        [{"in": 3, "out": 5, "activation": "relu"}, {"in": 5, "out": 3}],
        loss="cs231n.softmax",
        inputs=x,
        targets=CLASSES,
        parameters=parameters,
        gradients=module.two_layer_network(parameters, x, CLASSES),
    )


@pytest.mark.parametrize(
    ("right", "wrong", "bug", "layer"),
    [
        ("dscores @ w2.T * (a > 0)", "dscores @ w2.T", "missing-activation-derivative", 0),
        ("    dscores /= len(y)\n", "", "batch-sum-for-mean", None),
        ('"b1": da.sum(axis=0)', '"b1": da.mean(axis=0)', "bias-mean-for-sum", 0),
    ],
)
def test_mistakes_of_the_two_layer_network_are_named(right, wrong, bug, layer) -> None:
    assert two_layers(assignment(1)).verdict == "correct"
    report = two_layers(assignment(1, (right, wrong)))
    assert [(row.bug, row.layer) for row in report.diagnosis] == [(bug, layer)], str(report)


def test_the_tests_of_the_folder_are_tests_of_these_functions() -> None:
    specification = importlib.util.spec_from_file_location("assignments", FOLDER / "test_assignments.py")
    assert specification is not None
    source = (FOLDER / "test_assignments.py").read_text(encoding="utf-8")
    tested: list[Callable[..., Any] | str] = [row[1] for row in FUNCTIONS.values()]
    assert all(str(name) in source for name in [*tested, "two_layer_network"])
