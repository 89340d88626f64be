"""The same submission gets the same report through every door."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.doors import DOORS
from verifier import verify
from verifier.examples.layers import EXAMPLES, example_document

Change = Callable[[dict[str, Any]], None]


def _leave_as_it_is(document: dict[str, Any]) -> None:
    pass


def _double_a_bias(document: dict[str, Any]) -> None:
    bias = document["gradients"]["layers.0.bias"]
    document["gradients"]["layers.0.bias"] = [2 * x for x in bias]


def _leave_out_a_gradient(document: dict[str, Any]) -> None:
    del document["gradients"]["layers.1.weight"]


def _submit_nan(document: dict[str, Any]) -> None:
    document["gradients"]["layers.1.bias"][0] = "NaN"


def _zero_everything_under_a_tiny_loss(document: dict[str, Any]) -> None:
    document["loss"] = {"name": "mse", "factor": 1e-9}
    for name, gradient in document["gradients"].items():
        flat = not isinstance(gradient[0], list)
        document["gradients"][name] = [0.0 for _ in gradient] if flat else [[0.0] * len(r) for r in gradient]


CASES: dict[str, tuple[str, Change, str, dict[str, str]]] = {
    **{name: (name, _leave_as_it_is, "correct", {}) for name in EXAMPLES if name != "wrong-layer"},
    "one wrong layer": ("wrong-layer", _leave_as_it_is, "incorrect", {"layers.1.weight": "incorrect"}),
    "one wrong bias": ("relu-cross-entropy", _double_a_bias, "incorrect", {"layers.0.bias": "incorrect"}),
    "one missing": ("sigmoid-mse", _leave_out_a_gradient, "incorrect", {"layers.1.weight": "missing"}),
    "one NaN": ("sigmoid-mse", _submit_nan, "incorrect", {"layers.1.bias": "incorrect"}),
    "all zero, loss of 1e-9": (
        "sigmoid-mse",
        _zero_everything_under_a_tiny_loss,
        "incorrect",
        {f"layers.{i}.{kind}": "incorrect" for i in (0, 1) for kind in ("weight", "bias")},
    ),
}
EVERY_DAY = {("pytorch", door) for door in DOORS} | {
    ("one wrong layer", door) for door in DOORS if door != "cli-cold"
}
THROUGH_DOORS = [
    pytest.param(case, door, marks=() if (case, door) in EVERY_DAY else pytest.mark.nightly)
    for case in CASES
    for door in DOORS
]


@cache
def python_report(case: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a case's document, and the report that Python gives of it."""
    example, change, _, _ = CASES[case]
    document = example_document(example)
    change(document)
    return document, verify(document).to_dict()


@pytest.mark.parametrize("case", CASES)
def test_python_reports_what_is_wrong_and_nothing_else(case: str) -> None:
    _, _, verdict, wrong = CASES[case]
    _, report = python_report(case)
    assert report["verdict"] == verdict
    assert {p["name"]: p["verdict"] for p in report["parameters"] if p["verdict"] != "correct"} == wrong


@pytest.mark.parametrize(("case", "door"), THROUGH_DOORS)
def test_every_door_gives_the_report_that_python_gives(
    case: str, door: str, foreign_folder: Path, url: str
) -> None:
    document, expected = python_report(case)
    report = DOORS[door](document, foreign_folder, url)
    assert report | {"seconds": 0} == expected | {"seconds": 0}


def test_a_wrong_layer_is_named_with_its_worst_entries() -> None:
    _, report = python_report("one wrong layer")
    (wrong,) = [p for p in report["parameters"] if p["verdict"] == "incorrect"]
    assert wrong["name"] == "layers.1.weight"
    assert len(wrong["worst"]) == wrong["incorrect"] == 8
    excess = [entry["abs_error"] / entry["tolerance"] for entry in wrong["worst"]]
    assert excess == sorted(excess, reverse=True)
    assert min(excess) > 1
