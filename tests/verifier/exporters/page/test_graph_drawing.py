"""The drawing of a graph: where the error begins, what inherits it, values above and gradients below."""

from typing import Any

import numpy as np
import pytest

from verifier import verify
from verifier.examples.layers import example_document
from verifier.exporters.page.graph_drawing import (
    BOX_HEIGHT,
    BOX_WIDTH,
    SIGNS,
    NodeState,
    detail_of,
    graph_drawing,
    node_states,
    title_of,
)
from verifier.exporters.page.graph_wording import graph_line
from verifier.report.model import GraphOutline, NodeOutline
from verifier.report.wording import operation_text

RIGHT, FIRST, AGAIN, INHERITED = "right", "first wrong", "wrong again", "inherits the error"


def olah(**gradients: Any) -> dict[str, Any]:
    """e = (a + b)(b + 1) at a = 2, b = 1; ∂e/∂b = 5. None leaves a gradient out."""
    document = example_document("olah")
    submitted = document["gradients"] | {
        name.replace("_", "."): gradient for name, gradient in gradients.items()
    }
    return {
        **document,
        "gradients": {name: gradient for name, gradient in submitted.items() if gradient is not None},
    }


@pytest.mark.parametrize(
    ("document", "states", "line"),
    [
        (olah(), {"b": RIGHT, "nodes.c": RIGHT}, "Every submitted gradient is right."),
        (olah(b=3.0), {"b": FIRST, "nodes.c": RIGHT}, "From the output back, the error begins at b."),
        (
            olah(nodes_d=6.0, b=8.0),
            {"a": RIGHT, "b": INHERITED, "nodes.d": FIRST},
            "From the output back, the error begins at nodes.d (add); b only inherits the error.",
        ),
        (
            olah(nodes_d=6.0, b=9.0),
            {"b": AGAIN, "nodes.d": FIRST},
            "From the output back, the error begins at nodes.d (add); b does not follow from the gradients "
            "behind it either.",
        ),
        (olah(b=None), {"b": "missing"}, "No gradient was given of b."),
        (
            olah(nodes_c=None, nodes_d=None),
            {"b": RIGHT, "nodes.c": "not submitted"},
            "Every submitted gradient is right.",
        ),
        (
            olah(nodes_c=3.0, nodes_d=6.0, a=3.0, b=9.0),
            {"a": INHERITED, "b": INHERITED},
            "From the output back, the error begins at nodes.d (add) and nodes.c (add); a and b only inherit "
            "the error.",
        ),
    ],
)
def test_each_node_has_the_state_of_its_gradient(
    document: dict[str, Any], states: dict[str, str], line: str
) -> None:
    report = verify(document)
    assert report.graph is not None
    actual = node_states(report, report.graph)
    assert {name: str(actual[name]) for name in states} == states
    assert graph_line(report.graph, actual) == line


def test_targets_and_indices_have_no_gradient_to_hand_in() -> None:
    report = verify(example_document("cbow"))
    assert report.graph is not None
    states = node_states(report, report.graph)
    assert {name for name, state in states.items() if state is NodeState.DATA} == {
        "inputs.context",
        "inputs.word",
    }


def test_every_state_has_a_sign_of_its_own_or_a_word() -> None:
    assert SIGNS.keys() == set(NodeState)


def test_values_stand_above_and_gradients_below() -> None:
    report = verify(example_document("power-of-four"))
    assert report.graph is not None
    drawing = graph_drawing(report.graph, node_states(report, report.graph))
    shown = [(title_of(box), detail_of(box), box.value, box.gradient) for box in drawing.boxes]
    assert shown == [
        ("x", "parameter", "2", "∂ 5488"),
        ("square", "power exponent 2", "4", "∂ 1372"),
        ("moved", "add(·, 3)", "7", "∂ 1372"),
        ("z", "power exponent 4", "2401", "∂ 1"),
    ]
    assert [box.left for box in drawing.boxes] == sorted(box.left for box in drawing.boxes)


@pytest.mark.parametrize(
    ("shape", "numbers", "text"),
    [
        ((), (-0.5,), "-0.5"),
        ((3,), (0.5, -1.0, 2.0), "[0.5, -1, 2]"),
        ((2, 2), (1.0, 0.0, 0.0, 1.0), "[[1, 0], [0, 1]]"),
        ((4,), (1.111, 2.222, 3.333, 4.444), "(4,)"),  # too long for its place
        ((4, 3), None, "(4, 3)"),
        ((), (float("nan"),), "NaN"),
    ],
)
def test_an_array_is_written_where_there_is_room_and_else_its_shape(
    shape: tuple[int, ...], numbers: tuple[float, ...] | None, text: str
) -> None:
    node = NodeOutline("nodes.h", "tanh", shape, value=numbers, gradient=numbers)
    (box,) = graph_drawing(GraphOutline((node,), "nodes.h"), {"nodes.h": NodeState.RIGHT}).boxes
    assert (box.value, box.gradient) == (text, f"∂ {text}")


def test_every_operation_is_told_in_full() -> None:
    report = verify(example_document("cbow"))
    assert report.graph is not None
    assert [operation_text(node) for node in report.graph.nodes if node.computed] == [
        "embedding(E, inputs.context)",
        "mean(nodes.vectors, axis 1)",
        "matmul(nodes.h, V)",
        "cross_entropy(nodes.scores, inputs.word)",
    ]


def test_no_two_boxes_overlap_and_all_lie_within_the_drawing() -> None:
    report = verify(example_document("elman-5-steps"))
    assert report.graph is not None
    drawing = graph_drawing(report.graph, node_states(report, report.graph))
    for at, box in enumerate(drawing.boxes):
        assert 0 <= box.left <= drawing.width - BOX_WIDTH
        assert 0 <= box.top <= drawing.height - BOX_HEIGHT
        for other in drawing.boxes[:at]:
            assert abs(box.left - other.left) > BOX_WIDTH or abs(box.top - other.top) > 2 * BOX_HEIGHT


def test_an_error_is_drawn_along_the_arcs_that_carry_it() -> None:
    document = olah(nodes_d=6.0, b=8.0)
    report = verify(document)
    assert report.graph is not None
    drawing = graph_drawing(report.graph, node_states(report, report.graph))
    assert sum(arc.carries for arc in drawing.arcs) == 1  # from d back to b, not from c


def test_a_large_graph_says_how_much_of_it_is_drawn() -> None:
    nodes = [{"name": f"n{at}", "op": "tanh", "args": [f"n{at - 1}" if at else "x"]} for at in range(2000)]
    document = {"network": {"nodes": nodes, "output": "n1999"}, "parameters": {"x": 0.5}}
    question = {**document, "gradients": {"nodes.n1990": np.asarray(7.0)}}
    report = verify(question, oracles=["backpropagation"])
    assert report.graph is not None
    line = graph_line(report.graph, node_states(report, report.graph))
    assert "Of 2,000 operations the 40 nearest to nodes.n1990 are drawn; dotted arcs lead on." in line
