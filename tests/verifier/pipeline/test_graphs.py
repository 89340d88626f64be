"""A graph's report: verdicts, kinks, losses, what is worth knowing, and hostile or odd numbers."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from verifier import verify
from verifier.examples.graphs import GRAPH_EXAMPLES, correct_gradients
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.student_view import to_student_view
from verifier.oracles import GRAPH_ORACLES
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report
from verifier.testing.random_graphs import seeded_graph


def with_right_gradients(nodes: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
    network = {"nodes": nodes, "output": nodes[-1]["name"]}
    document = {
        "network": network,
        "parameters": {name: np.asarray(array) for name, array in parameters.items()},
    }
    return {**document, "gradients": correct_gradients(document)}


def codes(report: Report) -> list[str]:
    return [caution.code for caution in report.warnings]


def relu_at(value: float) -> dict[str, Any]:
    nodes = [{"name": "h", "op": "relu", "args": ["x"]}, {"name": "z", "op": "sum", "args": ["h"]}]
    return with_right_gradients(nodes, x=[value, 1.0])


@pytest.mark.parametrize(
    ("slope", "verdict"), [(0.0, "correct"), (1.0, "correct"), (0.3, "correct"), (1.2, "incorrect")]
)
def test_every_slope_of_a_kink_is_right(slope: float, verdict: str) -> None:
    document = relu_at(0.0)
    document["gradients"]["x"] = [slope, 1.0]
    report = verify(document)
    assert report.parameters["x"].verdict == verdict
    assert report.parameters["x"].subgradients == 1
    assert "kink" in codes(report)


@pytest.mark.parametrize(
    ("shares", "verdict"), [([1, 0, 0], "correct"), ([0.5, 0.5, 0], "correct"), ([0, 0, 1], "incorrect")]
)
def test_several_largest_entries_share_a_gradient_as_they_like(shares: list[float], verdict: str) -> None:
    document = with_right_gradients([{"name": "z", "op": "max", "args": ["x"]}], x=[2.0, 2.0, 1.0])
    document["gradients"]["x"] = shares
    assert verify(document).parameters["x"].verdict == verdict


def test_only_parameters_can_be_missing() -> None:
    document = example_document("residual-block")
    document["gradients"] = {"W1": document["gradients"]["W1"]}
    report = verify(document)
    assert {name: str(row.verdict) for name, row in report.parameters.items()} == {
        "W1": "correct", "b1": "missing", "W2": "missing",
    }  # fmt: skip


def test_gradients_stand_in_topological_order() -> None:
    report = verify(example_document("olah"))
    assert list(report.parameters) == ["a", "b", "nodes.c", "nodes.d", "nodes.e"]


def test_the_published_numbers_of_the_circuits_come_out() -> None:
    report = verify(example_document("olah"), entries="all")
    gradients = {name: float(row.entries.expected) for name, row in report.parameters.items() if row.entries}
    assert gradients == {"a": 2.0, "b": 5.0, "nodes.c": 2.0, "nodes.d": 3.0, "nodes.e": 1.0}
    report = verify(example_document("power-of-four"), entries="all")
    gradients = {name: float(row.entries.expected) for name, row in report.parameters.items() if row.entries}
    assert gradients == {
        "x": 4 * 7**3 * 2 * 2,
        "nodes.square": 4 * 7**3,
        "nodes.moved": 4 * 7**3,
        "nodes.z": 1.0,
    }
    report = verify(example_document("cs231n-circuit"), entries="all")
    gradients = {
        name: round(float(row.entries.expected), 2) for name, row in report.parameters.items() if row.entries
    }
    assert [gradients[name] for name in ("w0", "w1", "w2", "inputs.x0", "inputs.x1")] == [
        -0.2,
        -0.39,
        0.2,
        0.39,
        -0.59,
    ]


@pytest.mark.parametrize("name", GRAPH_EXAMPLES)
def test_every_oracle_agrees_on_every_example(name: str) -> None:
    report = verify(example_document(name), oracles=list(GRAPH_ORACLES))
    assert report.verdict == "correct"
    assert [item.oracle for item in report.evidence] == list(GRAPH_ORACLES)
    assert all(item.agrees for item in report.evidence)


def test_an_oracle_of_layers_alone_says_so_and_an_unknown_one_is_refused() -> None:
    document = example_document("olah")
    report = verify(document, oracles=["backpropagation", "finite_differences_per_weight"])
    assert report.verdict == "correct"
    assert report.evidence[-1].agrees is None
    assert "layers alone" in report.evidence[-1].reason
    with pytest.raises(ValueError, match="expected oracles of graphs among"):
        verify(document, oracles=["nobody"])


def test_an_oracle_of_graphs_alone_says_so_for_layers() -> None:
    report = verify(example_document("sigmoid-mse"), oracles=["backpropagation", "forward_mode"])
    assert report.verdict == "correct"
    assert (report.evidence[-1].agrees, report.evidence[-1].reason) == (None, "it knows graphs alone")
    assert verify(example_document("sigmoid-mse"), oracles=["dynamic_graph"]).verdict == "undecided"


@pytest.mark.parametrize(("reported", "verdict"), [(6.0, "correct"), (6.1, "incorrect")])
def test_a_reported_loss_is_the_outputs_value(reported: float, verdict: str) -> None:
    report = verify(example_document("olah") | {"reported_loss": reported})
    assert (report.loss.verdict, report.verdict) == (verdict, "correct")
    assert ("another-loss" in codes(report)) == (verdict == "incorrect")


UNKNOWABLE = {
    "log of a negative number": ([{"name": "z", "op": "log", "args": ["x"]}], -1.0),
    "log of 0": ([{"name": "z", "op": "log", "args": ["x"]}], 0.0),
    "an overflow": ([{"name": "z", "op": "exp", "args": ["x"]}], 1e4),
    "a division by 0": ([{"name": "z", "op": "divide", "args": [1, "x"]}], 0.0),
    "a root's slope at 0": ([{"name": "z", "op": "sqrt", "args": ["x"]}], 0.0),
}


@pytest.mark.parametrize("case", UNKNOWABLE)
def test_what_has_no_gradient_is_undecided(case: str) -> None:
    nodes, x = UNKNOWABLE[case]
    document = with_right_gradients(nodes, x=x)
    document["gradients"] = {"x": 1.0}
    assert verify(document).parameters["x"].verdict == "undecided"


def test_not_a_number_is_incorrect_and_what_leads_nowhere_is_said() -> None:
    document = seeded_graph(3, 16)
    document["parameters"]["idle"] = [1.0, 2.0]
    document["gradients"] = {"idle": ["NaN", 0.0]}
    report = verify(document)
    assert report.parameters["idle"].incorrect == 1
    assert "no-influence" in codes(report)


def test_a_long_chain_is_judged_without_recursion_and_in_little_time() -> None:
    names = [f"n{place}" for place in range(2000)]
    nodes = [
        {
            "name": name,
            "op": "tanh" if place % 2 else "multiply",
            "args": [before] if place % 2 else [before, 1.01],
        }
        for place, (before, name) in enumerate(zip(["x", *names], names, strict=False))
    ]
    report = verify(with_right_gradients(nodes, x=0.5) | {"gradients": {"x": 0.0}})
    assert report.parameters["x"].verdict in ("incorrect", "undecided")


@each(["cbow", "power-of-four"])
def test_every_format_shows_gradients_of_any_rank_to_everybody(name: str) -> None:
    document = example_document(name)
    for key, gradient in document["gradients"].items():
        document["gradients"][key] = (2.0 * np.asarray(gradient)).tolist()
    report = verify(document, entries="all")
    assert report.diagnosis
    for shown, format_name in product((report, to_student_view(report)), EXPORTERS):
        text = EXPORTERS[format_name].render([FileOutcome("graph", shown)], ExportOptions())
        assert text, format_name
        assert "Traceback" not in text, format_name


def test_the_bound_holds_where_one_doubtful_number_goes_back_to_many() -> None:
    nodes = [
        {"name": "h", "op": "exp", "args": ["x"]},
        {"name": "product", "op": "matmul", "args": ["h", "V"]},
        {"name": "sum", "op": "sum", "args": ["product"]},
        {"name": "z", "op": "exp", "args": ["sum"]},
    ]
    rng = np.random.default_rng(0)
    x, weights = np.round(rng.normal(size=(3, 4)) * 2, 2), np.round(rng.normal(size=(4, 2)) * 5, 2)
    document = with_right_gradients(nodes, x=x, V=weights)
    report = verify(document, oracles=["high_precision", "backpropagation"])
    assert [row.agrees for row in report.evidence] == [True, True]
    assert report.verdict == "correct"
