"""The graph in a report: a small one whole, a large one around the first wrong node."""

from typing import Any

import numpy as np
import pytest

from verifier import verify
from verifier.examples.graphs import GRAPH_EXAMPLES, correct_gradients
from verifier.examples.layers import example_document
from verifier.exporters.student_view import to_student_view
from verifier.pipeline.outline import MOST_LEAVES, MOST_WHOLE, NEIGHBOURHOOD
from verifier.report.reading import read_report
from verifier.report.report import Report


def verify_document(document: dict[str, Any]) -> Report:
    return verify(document, oracles=["backpropagation"])


def chain_document(length: int, wrong: int | None = None) -> dict[str, Any]:
    """x, tanh of it, tanh of that, …; one gradient is doubled, and all behind it inherit that."""
    nodes = [{"name": f"n{at}", "op": "tanh", "args": [f"n{at - 1}" if at else "x"]} for at in range(length)]
    document = {
        "network": {"nodes": nodes, "output": f"n{length - 1}"},
        "parameters": {"x": 0.5},
    }
    gradients = correct_gradients(document)
    if wrong is not None:
        for at in range(wrong + 1):
            gradients[f"nodes.n{at}"] *= 2.0
        gradients["x"] *= 2.0
    return {**document, "gradients": gradients}


@pytest.mark.parametrize("name", GRAPH_EXAMPLES)
def test_a_small_graph_is_kept_whole_and_survives_a_report_s_document(name: str) -> None:
    document = example_document(name)
    report = verify(document)
    outline = report.graph
    assert outline is not None
    assert outline.whole
    names = {node.name for node in outline.nodes}
    assert names >= set(document["gradients"])
    assert outline.output in names
    assert outline.first_wrong == ()
    assert read_report(report.to_dict()).graph == outline
    student = to_student_view(report)
    assert read_report(student.to_dict()).graph == student.graph


def test_operations_are_kept_with_their_numbers_and_options() -> None:
    outline = verify(example_document("power-of-four")).graph
    assert outline is not None
    kept = [(node.name, node.operation, node.operands, node.options, node.value) for node in outline.nodes]
    assert kept == [
        ("x", "parameter", (), "", (2.0,)),
        ("nodes.square", "power", ("x",), "exponent 2", (4.0,)),
        ("nodes.moved", "add", ("nodes.square", 3.0), "", (7.0,)),
        ("nodes.z", "power", ("nodes.moved",), "exponent 4", (2401.0,)),
    ]
    assert [node.gradient for node in outline.nodes] == [(5488.0,), (1372.0,), (1372.0,), (1.0,)]


def test_numbers_are_kept_of_small_arrays_alone_and_to_four_digits() -> None:
    document = example_document("tied-autoencoder")
    outline = verify(document).graph
    assert outline is not None
    kept = {node.name: node for node in outline.nodes}
    assert kept["b"].gradient == tuple(float(f"{each:.4g}") for each in document["gradients"]["b"])
    assert (kept["W"].value, kept["W"].gradient, kept["W"].shape) == (None, None, (4, 2))


LARGE = 2 * MOST_WHOLE


@pytest.mark.parametrize("wrong", [0, MOST_WHOLE, LARGE - 2])
def test_of_a_large_graph_the_nodes_around_the_first_wrong_one_are_kept(wrong: int) -> None:
    outline = verify_document(chain_document(LARGE, wrong)).graph
    assert outline is not None
    assert outline.first_wrong == (f"nodes.n{wrong}",)
    assert outline.count == LARGE
    places = [int(node.node_name[1:]) for node in outline.nodes if node.computed]
    assert len(places) == NEIGHBOURHOOD
    assert wrong in places
    assert places == list(range(places[0], places[-1] + 1))
    assert outline.nodes[-1].continues == (places[-1] < LARGE - 1)


def test_of_a_large_right_graph_the_nodes_before_the_output_are_kept() -> None:
    outline = verify_document(chain_document(MOST_WHOLE + 1)).graph
    assert outline is not None
    assert [node.name for node in outline.nodes][-1] == outline.output == f"nodes.n{MOST_WHOLE}"
    assert not outline.whole
    assert verify_document(chain_document(MOST_WHOLE)).graph.whole  # type: ignore[union-attr]


def test_of_very_many_parameters_the_wrong_ones_are_kept_and_some_others() -> None:
    names = [f"p{at}" for at in range(1000)]
    document: dict[str, Any] = {
        "network": {
            "nodes": [
                {"name": "all", "op": "concatenate", "args": names},
                {"name": "z", "op": "mean", "args": ["all"]},
            ],
            "output": "z",
        },
        "parameters": {name: [1.0] for name in names},
    }
    document["gradients"] = correct_gradients(document) | {"p777": [3.0]}
    outline = verify_document(document).graph
    assert outline is not None
    kept = [node.name for node in outline.nodes if not node.computed]
    assert len(kept) <= MOST_LEAVES
    assert outline.first_wrong == ("p777",)
    assert "p777" in kept


def test_a_students_outline_has_no_value_and_the_students_gradients() -> None:
    document = example_document("power-of-four")
    document["gradients"]["nodes.moved"] = 12345.0
    student = to_student_view(verify(document)).graph
    assert student is not None
    assert [node.value for node in student.nodes] == [None] * 4
    assert student.nodes[2].gradient == (12340.0,)
    assert student.first_wrong == ("nodes.moved",)


def test_what_is_not_finite_is_kept_as_it_is() -> None:
    document = example_document("power-of-four")
    document["gradients"]["nodes.moved"] = "NaN"
    report = verify(document)
    assert report.graph is not None
    (moved,) = (node for node in report.graph.nodes if node.name == "nodes.moved")
    assert moved.gradient is not None
    assert np.isnan(moved.gradient[0])
    (row,) = (row for row in report.to_dict()["network"]["nodes"] if row["name"] == "nodes.moved")
    assert row["gradient"] == ["NaN"]
