"""A graph's document: what it may be, and every mistake at once, each with its place."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from verifier.documents import graph_nodes as nodes_reading
from verifier.documents.reading import read_any_submission
from verifier.problem.errors import MalformedSubmission
from verifier.problem.submission import GraphSubmission

DOCUMENT: dict[str, Any] = {
    "network": {
        "inputs": ["x", "y"],
        "nodes": [
            {"name": "a", "op": "matmul", "args": ["x", "W"]},
            {"name": "h", "op": "tanh", "args": ["a"]},
            {"name": "unused", "op": "exp", "args": ["h"]},
            {"name": "loss", "op": "cross_entropy", "args": ["h", "y"]},
        ],
        "output": "loss",
    },
    "inputs": {"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "y": [0, 1, 2]},
    "parameters": {"W": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]},
    "gradients": {},
}


def mistakes_of(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(MalformedSubmission) as raised:
        read_any_submission(document)
    return {mistake.pointer: mistake.detail for mistake in raised.value.errors}


def with_nodes(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Put nodes before those of the document."""
    document = deepcopy(DOCUMENT)
    document["network"]["nodes"] = [*nodes, *document["network"]["nodes"]]
    return document | fields


def test_nodes_may_stand_in_any_order_and_lead_nowhere() -> None:
    document = deepcopy(DOCUMENT)
    document["network"]["nodes"].reverse()
    claim = read_any_submission(document)
    assert isinstance(claim, GraphSubmission)
    order = [node.name for node in claim.problem.nodes]
    assert order.index("a") < order.index("h") < order.index("loss")
    assert "unused" in order


def test_only_parameters_are_asked_for_unless_more_is_handed_in() -> None:
    claim = read_any_submission(DOCUMENT)
    assert claim.problem.requested == ("W",)  # type: ignore[union-attr]
    more = {"nodes.h": np.zeros((3, 3)), "inputs.x": np.zeros((3, 2))}
    claim = read_any_submission(DOCUMENT | {"gradients": more})
    assert claim.problem.requested == ("inputs.x", "W", "nodes.h")  # type: ignore[union-attr]


def test_every_mistake_is_told_at_once() -> None:
    document = with_nodes(
        {"name": "h", "op": "tanh", "args": ["W"]},
        {"name": "b", "op": "tanhh", "args": ["W"]},
        {"name": "c", "op": "add", "args": ["Wq", "W"]},
        {"name": "d", "op": "add", "args": ["W"]},
        {"name": "e f", "op": "add", "args": ["W", "W"]},
        {"name": "g", "op": "sum", "args": ["W"], "axes": 0},
        {"name": "i", "op": "reshape", "args": ["W"]},
        loss="mse",
        tolerance="stric",
    )
    errors = mistakes_of(document)
    assert errors["/loss"].startswith("expected no such field beside a graph")
    assert "'h', which /network/nodes/0 has" in errors["/network/nodes/8/name"]
    assert "did you mean 'tanh'?" in errors["/network/nodes/1/op"]
    assert "known are x, y, W" in errors["/network/nodes/2/args/0"]
    assert errors["/network/nodes/3/args"] == "expected 2 operands of add, got 1"
    assert "without spaces" in errors["/network/nodes/4/name"]
    assert "did you mean 'axis'?" in errors["/network/nodes/5/axes"]
    assert errors["/network/nodes/6/shape"] == "expected the field 'shape' of reshape, got nothing; add it"
    assert any(pointer.startswith("/tolerance") for pointer in errors)


SHAPES = {
    "add": ({"op": "add", "args": ["W", "x"]}, "args", "(2, 3) and (3, 2) in n"),
    "matmul": ({"op": "matmul", "args": ["W", "W"]}, "args", "(2, 3) and (2, 3) in n; transpose"),
    "axis": ({"op": "sum", "args": ["W"], "axis": 2}, "axis", "an axis from -2 to 1, got 2"),
    "axes": ({"op": "transpose", "args": ["W"], "axes": [0]}, "axes", "a list of all 2 axes"),
    "reshape": ({"op": "reshape", "args": ["W"], "shape": [4, -1]}, "shape", "a shape of 6"),
    "huge": ({"op": "reshape", "args": ["W"], "shape": [10**9, 10**9]}, "shape", "a shape of 6"),
    "concatenate": ({"op": "concatenate", "args": ["W", "x"]}, "args", "differ in axis 0 alone"),
    "slice": ({"op": "slice", "args": ["W"], "index": [5]}, "index", "a number from -2 to 1"),
    "exponent": ({"op": "power", "args": ["W"], "exponent": "2"}, "exponent", "without quotes"),
    "keepdims": ({"op": "max", "args": ["W"], "keepdims": 1}, "keepdims", "true or false"),
    "loss": ({"op": "mse", "args": ["W", "x"]}, "args", "of one shape, got (2, 3) and (3, 2)"),
    "factor": ({"op": "mse", "args": ["W", "W"], "factor": []}, "factor", "a finite number"),
    "targets": ({"op": "cross_entropy", "args": ["x", "W"]}, "args/1", "give targets and indices"),
    "classes": ({"op": "cross_entropy", "args": ["x", "y"]}, "args", "class indices from 0 to 1"),
    "table": ({"op": "embedding", "args": ["y", "y"]}, "args", "a table"),
    "indices": ({"op": "embedding", "args": ["W", "y"]}, "args", "whole numbers from 0 to 1"),
    "operand": ({"op": "add", "args": ["W", None]}, "args/1", "the name of an operand"),
    "infinite": ({"op": "add", "args": ["W", float("inf")]}, "args/1", "a finite number"),
    "list": ({"op": "add", "args": "W"}, "args", "a list of operands"),
}  # fmt: skip


@each(SHAPES)
def test_what_does_not_fit_is_told_with_its_place_and_shapes(case: str) -> None:
    node, field, detail = SHAPES[case]
    pointer = f"/network/nodes/0/{field}"
    errors = mistakes_of(with_nodes({"name": "n", **node}))
    assert list(errors) == [pointer]
    assert detail in errors[pointer]


def test_a_cycle_is_named() -> None:
    document = with_nodes(
        {"name": "p", "op": "tanh", "args": ["r"]},
        {"name": "q", "op": "tanh", "args": ["p"]},
        {"name": "r", "op": "add", "args": ["q", "W"]},
    )
    (detail,) = mistakes_of(document).values()
    assert "a graph without cycles" in detail
    assert "p -> q -> r -> p" in detail


def test_an_output_is_one_number() -> None:
    document = deepcopy(DOCUMENT)
    document["network"]["output"] = "h"
    assert mistakes_of(document) == {
        "/network/output": "expected one number, which alone has a gradient, got 'h' of shape (3, 3); "
        "sum or average it"
    }
    document["network"]["output"] = "W"
    assert "the name of a node" in mistakes_of(document)["/network/output"]


GRADIENTS = {
    "unknown": ("nodes.hh", [1.0], "did you mean 'nodes.h'?"),
    "unknown parameter": ("w", [1.0], "known are W"),
    "shape": ("nodes.h", [1.0], "expected shape (3, 3), got (1,)"),
    "data": ("inputs.y", [1.0, 1.0, 1.0], "read as targets or indices"),
    "text": ("W", "zero", "expected a finite number"),
}


@each(GRADIENTS)
def test_a_gradient_has_the_name_and_shape_of_what_it_is_of(case: str) -> None:
    name, values, detail = GRADIENTS[case]
    errors = mistakes_of(DOCUMENT | {"gradients": {name: values}})
    assert list(errors) == [f"/gradients/{name}"]
    assert detail in errors[f"/gradients/{name}"]


LEAVES = {
    "an input that is not named": ({"inputs": {**DOCUMENT["inputs"], "z": 1.0}}, "/inputs/z"),
    "an input without numbers": ({"inputs": {"x": DOCUMENT["inputs"]["x"]}}, "/network/inputs/1"),
    "a name twice": ({"parameters": {**DOCUMENT["parameters"], "x": 1.0}}, "/parameters/x"),
    "a name of gradients": ({"parameters": {"nodes.x": 1.0}}, "/parameters/nodes.x"),
    "numbers that are not finite": ({"parameters": {"W": [["NaN"] * 3] * 2}}, "/parameters/W/0/0"),
    "no object": ({"parameters": [1.0]}, "/parameters"),
}  # fmt: skip


@each(LEAVES)
def test_inputs_and_parameters_have_names_of_their_own_and_numbers(case: str) -> None:
    fields, pointer = LEAVES[case]
    assert pointer in mistakes_of(DOCUMENT | fields)


@each([{"nodes": []}, {"nodes": 3}, {"nodes": [3]}, {"nodes": [{}]}, {"nodes": None}])
def test_broken_networks_are_mistakes_and_no_tracebacks(network: dict[str, Any]) -> None:
    assert mistakes_of(DOCUMENT | {"network": network})


def test_values_that_would_fill_memory_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nodes_reading, "MOST_NUMBERS", 1000)
    document = with_nodes(
        {"name": "column", "op": "reshape", "args": ["v"], "shape": [100, 1]},
        {"name": "grown", "op": "add", "args": ["v", "column"]},
        parameters={**DOCUMENT["parameters"], "v": [0.5] * 100},
    )
    errors = mistakes_of(document)
    assert "at most 1000 numbers in all nodes" in errors["/network/nodes/1/args"]
    assert "grown, of shape (100, 100)" in errors["/network/nodes/1/args"]


def test_a_chain_of_many_nodes_is_read_without_recursion() -> None:
    names = [f"n{place}" for place in range(5000)]
    chain = [
        {"name": name, "op": "tanh", "args": [before]}
        for before, name in zip(["W", *names], names, strict=False)
    ]
    claim = read_any_submission(with_nodes(*reversed(chain)))
    assert len(claim.problem.nodes) == 5004  # type: ignore[union-attr]
