"""Compositions are judged step by step: at ties and kinks, with data, and with readable refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from verifier import MalformedSubmission, verify
from verifier.documents.graph import read_graph
from verifier.engine.operations import OPERATIONS


def document_of(
    op: str, parameters: dict[str, Any], gradients: dict[str, Any], **options: Any
) -> dict[str, Any]:
    """Return the document of the sum of an operation's value, weighted 1, 2, 3, …"""
    inputs = options.pop("inputs", {})
    names = options.pop("args", [*parameters, *inputs])
    node = {"name": "z", "op": op, "args": names, **options}
    shapes = tuple(np.shape({**parameters, **inputs}[name]) for name in names)
    shape = OPERATIONS[op].fit(dict(options), shapes).shape
    weights = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    return {
        "network": {
            "inputs": [*inputs, "w"],
            "nodes": [
                node,
                {"name": "m", "op": "multiply", "args": ["z", "w"]},
                {"name": "R", "op": "sum", "args": ["m"]},
            ],
            "output": "R",
        },
        "inputs": {**inputs, "w": weights},
        "parameters": parameters,
        "gradients": gradients,
    }


def test_the_steps_of_a_composition_take_its_place_under_its_name() -> None:
    document = document_of("tanhshrink", {"x": [1.0, -2.0]}, {"x": [0.0, 0.0]})
    problem = read_graph(document).problem
    assert [node.name for node in problem.nodes] == ["z[tanh]", "z", "m", "R"]
    assert all(node.operation.steps is None for node in problem.nodes)


def test_a_composition_within_another_is_written_out_too() -> None:
    document = document_of(
        "weighted_cross_entropy", {"x": [[0.5, -1.0]]}, {"x": [[0.0, 0.0]]}, inputs={"y": [1]}
    )
    names = [node.name for node in read_graph(document).problem.nodes]
    assert names[0] == "z[log_softmax]"
    assert names[-3] == "z"


def test_the_gradient_of_a_composition_may_be_submitted() -> None:
    document = document_of("reciprocal", {"x": [1.0, -4.0]}, {"x": [-1.0, -2 / 16], "nodes.z": [1.0, 2.0]})
    report = verify(document)
    assert report.verdict == "correct", str(report)


# at a tie or a kink: gradients that are right, and some that are not
AT_KINKS: dict[
    str, tuple[str, dict[str, Any], dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]
] = {
    "maximum at a tie": (
        "maximum",
        {"x": [2.0, 1.0], "y": [2.0, 3.0]},
        {},
        [{"x": [1.0, 0.0], "y": [0.0, 2.0]}, {"x": [0.5, 0.0], "y": [0.5, 2.0]}],
        [{"x": [1.0, 0.0], "y": [1.0, 2.0]}, {"x": [1.5, 0.0], "y": [-0.5, 2.0]}],
    ),
    "minimum at a tie": (
        "minimum",
        {"x": [2.0, 1.0], "y": [2.0, 3.0]},
        {},
        [{"x": [0.0, 2.0], "y": [1.0, 0.0]}],
        [{"x": [0.0, 2.0], "y": [0.0, 0.0]}],
    ),
    "min over an axis at a tie": (
        "min",
        {"x": [[1.0, 1.0, 2.0]]},
        {"axis": 1},
        [{"x": [[1.0, 0.0, 0.0]]}, {"x": [[0.25, 0.75, 0.0]]}],
        [{"x": [[1.0, 1.0, 0.0]]}, {"x": [[0.0, 0.0, 1.0]]}],
    ),
    "a window with a tie": (
        "max_pool",
        {"x": [1.0, 1.0, 0.0, 3.0]},
        {"kernel": [2]},
        [{"x": [0.0, 1.0, 0.0, 2.0]}],
        [{"x": [1.0, 1.0, 0.0, 2.0]}, {"x": [0.0, 1.0, 2.0, 0.0]}],
    ),
    "a window beside the padding": (
        "max_pool",
        {"x": [-4.0, -5.0]},
        {"kernel": [2], "stride": 1, "padding": 1},
        [{"x": [3.0, 3.0]}],
        [{"x": [0.0, 0.0]}, {"x": [3.0, 0.0]}],
    ),
    "clip at its bounds": (
        "clip",
        {"x": [-1.0, 0.0, 1.0, 2.0]},
        {"min": -1, "max": 1},
        [{"x": [1.0, 2.0, 3.0, 0.0]}, {"x": [0.0, 2.0, 0.0, 0.0]}],
        [{"x": [1.0, 2.0, 3.0, 4.0]}, {"x": [-1.0, 2.0, 3.0, 0.0]}],
    ),
    "huber where it turns": (
        "huber",
        {"x": [1.0, 0.0], "y": [0.0, 0.0]},
        {"reduction": "none"},
        [{"x": [1.0, 0.0], "y": [-1.0, 0.0]}],
        [{"x": [0.0, 0.0], "y": [0.0, 0.0]}, {"x": [0.5, 0.0], "y": [-0.5, 0.0]}],
    ),
    "a product with zeros": (
        "prod",
        {"x": [[0.0, 2.0, 3.0], [0.0, 0.0, 1.0]]},
        {"axis": 1},
        [{"x": [[6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]}],
        [{"x": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]}],
    ),
}


@each(AT_KINKS)
def test_at_ties_kinks_and_zeros_right_is_accepted_and_wrong_refused(case: str) -> None:
    op, parameters, options, right, wrong = AT_KINKS[case]
    for gradients in right:
        report = verify(document_of(op, parameters, gradients, **options))
        assert report.verdict == "correct", (gradients, str(report))
    for gradients in wrong:
        report = verify(document_of(op, parameters, gradients, **options))
        assert report.verdict == "incorrect", (gradients, str(report))


def test_a_gradient_of_a_sign_is_zero() -> None:
    gradients = {"x": [0.0, 0.0], "y": [1.0, -2.0]}
    document = document_of("sign", {"x": [3.0, -2.0]}, gradients)
    document["parameters"]["y"] = [1.0, 1.0]
    document["network"]["nodes"][1]["args"] = ["z", "v"]
    document["network"]["nodes"].insert(1, {"name": "v", "op": "multiply", "args": ["y", "w"]})
    assert verify(document).verdict == "correct"
    document["gradients"]["x"] = [1.0, 0.0]
    assert verify(document).verdict == "incorrect"


X = {"x": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}
REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "bounds in the wrong order": (
        lambda: document_of("clip", X, {}, min=1, max=0),
        "less than the upper one",
    ),
    "an odd axis": (lambda: document_of("glu", X, {}), "an axis of even size, got 3"),
    "a divisor of nothing": (lambda: document_of("var", X, {}, axis=0, correction=2), "a number below 2"),
    "widths of too many axes": (
        lambda: document_of("pad", X, {}, widths=[[1, 1]] * 3),
        "one for each of the last axes",
    ),
    "letters that do not fit": (
        lambda: document_of("einsum", X, {}, subscripts="ijk->i"),
        "letters of 1 operand",
    ),
    "channels that do not divide": (
        lambda: document_of("group_norm", X, {}, groups=2),
        "a divisor of 3 channels",
    ),
    "an unknown reduction": (
        lambda: document_of("l1", {**X, "y": X["x"]}, {}, reduction="some"),
        "mean or sum or none",
    ),
}


@each(REFUSED)
def test_options_that_do_not_fit_are_refused_with_the_rule(case: str) -> None:
    make, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        make()


def test_data_of_compositions_are_checked() -> None:
    document = document_of("take_along", X, {}, inputs={"i": [[0], [1]]}, axis=1)
    document["inputs"]["i"] = [[0], [3]]
    with pytest.raises(MalformedSubmission, match="whole numbers within the axis"):
        verify(document)
    document = document_of("take", X, {}, inputs={"i": [5, 5]})
    document["inputs"]["i"] = [6, 0]
    with pytest.raises(MalformedSubmission, match="whole numbers from 0 to 5"):
        verify(document)
    document = document_of(
        "where", {"x": [1.0, 2.0], "y": [3.0, 4.0]}, {}, inputs={"c": [1, 0]}, args=["c", "x", "y"]
    )
    document["inputs"]["c"] = [2, 0]
    with pytest.raises(MalformedSubmission, match="0 \\(false\\) or 1 \\(true\\)"):
        verify(document)
