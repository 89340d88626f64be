"""What an instance of a graph could reveal: caught, missed, hidden and confused rules; and strong numbers."""

import json
from typing import Any

import numpy as np
import pytest

from verifier import inspect, verify
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.local_rules import LOCAL_RULES
from verifier.diagnosis.random_graph_problem import informative_graph_numbers
from verifier.documents.graph import read_graph
from verifier.examples.graphs import GRAPH_EXAMPLES, correct_gradients
from verifier.examples.layers import example_document, informative_document
from verifier.exporters.page.page import render_inspection
from verifier.report.inspection import BugDetection, Inspection
from verifier.report.outcome import InspectionOutcome
from verifier.testing.random_graphs import seeded_graph

WEAK: dict[str, Any] = {  # every pre-activation positive, both matrices alike when turned
    "name": "weak",
    "network": {
        "inputs": ["x"],
        "nodes": [
            {"name": "a", "op": "matmul", "args": ["x", "W"]},
            {"name": "h", "op": "relu", "args": ["a"]},
            {"name": "s", "op": "add", "args": ["h", "b"]},
            {"name": "z", "op": "mean", "args": ["s"]},
        ],
        "output": "z",
    },
    "inputs": {"x": [[1, 2], [2, 1]]},
    "parameters": {"W": [[1, 1], [1, 1]], "b": [0.5, 0.5]},
}


def row(inspection: Inspection, rule: str) -> BugDetection:
    return next(own for own in inspection.bugs if own.bug == rule)


def test_numbers_that_hide_a_rule_are_told_with_its_node() -> None:
    found = inspect(WEAK)
    assert found.of_graph
    forgotten = row(found, "missing-local-derivative")
    assert [at.node for at in forgotten.missed_at] == ["nodes.a"]
    turned = row(found, "matmul-operands-exchanged")
    assert (turned.caught, [at.node for at in turned.missed_at]) == (0, ["W"])
    assert found.mutation_score < 0.8
    assert any("example --strong --like" in advice for advice in found.advice)


def test_a_mean_not_divided_looks_like_its_derivative_left_out() -> None:
    assert row(inspect(WEAK), "count-factor").same_here_as == ("missing-local-derivative",)


def test_a_recurrence_from_zero_hides_the_first_path_to_its_weights() -> None:
    found = inspect(example_document("elman-5-steps"))
    missed = {own.bug for own in found.bugs if own.missed}
    assert missed == {"missing-path", "matmul-operands-exchanged", "wrong-sign", "paths-multiplied"}
    assert {at.node for own in found.bugs for at in own.missed_at} == {"U"}


@pytest.mark.parametrize("name", [*GRAPH_EXAMPLES, "weak"])
def test_strong_numbers_reveal_all_and_their_gradients_are_right(name: str) -> None:
    like = WEAK if name == "weak" else example_document(name)
    strong = informative_document(like)
    assert strong["network"] == like["network"]
    assert strong["name"] == f"{name}-strong"
    assert verify(strong, oracles=["backpropagation"]).verdict == "correct"
    found = inspect(strong)
    assert found.mutation_score == 1.0
    assert not any(own.confused_with for own in found.bugs)


@pytest.mark.parametrize(
    "seed", [0, 5, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 5))]
)
def test_what_is_called_caught_is_incorrect_and_what_is_missed_is_not(seed: int) -> None:
    document = seeded_graph(seed, 10)
    document["gradients"] = correct_gradients(document)
    problem = read_graph(document).problem
    counts: dict[str, int] = {}
    for mutant in graph_mutants(problem):
        report = verify({**document, "gradients": dict(mutant.gradients)}, oracles=["backpropagation"])
        counts[mutant.rule.id] = counts.get(mutant.rule.id, 0) + (report.verdict == "incorrect")
    assert counts == {own.bug: own.caught for own in inspect(document).bugs}


def test_only_what_is_asked_is_inspected_and_influence_and_kinks_are_told() -> None:
    document = {**WEAK, "inputs": {"x": [[0, 0], [2, 1]]}, "parameters": WEAK["parameters"] | {"idle": 1.0}}
    found = inspect(document)
    assert set(found.uninformative) == {"W", "b", "idle"}
    assert {own.code for own in found.warnings} == {"no-influence", "kink"}
    everything = inspect(
        {**document, "gradients": {"nodes.h": [[0, 0], [0, 0]], "inputs.x": [[0, 0], [0, 0]]}}
    )
    assert everything.entries == found.entries + 8


DEFINED_ONLY = {
    "a logarithm of a parameter": [{"name": "z", "op": "log", "args": ["p"]}],
    "a root of a difference": [
        {"name": "d", "op": "subtract", "args": ["p", 1.5]},
        {"name": "z", "op": "sqrt", "args": ["d"]},
    ],
}


@pytest.mark.parametrize("case", DEFINED_ONLY)
def test_numbers_drawn_anew_stay_where_the_graph_is_defined(case: str) -> None:
    nodes = [*DEFINED_ONLY[case], {"name": "R", "op": "sum", "args": ["z"]}]
    document = {"network": {"nodes": nodes, "output": "R"}, "parameters": {"p": [2.0, 3.0]}, "gradients": {}}
    problem = read_graph(document).problem
    drawn = [informative_graph_numbers(problem, seed) for seed in range(4)]
    assert all((own.parameters["p"] != problem.parameters["p"]).all() for own in drawn)
    for own in drawn:
        moved = {**document, "parameters": dict(own.parameters)}
        assert np.isfinite(verify({**moved, "gradients": correct_gradients(moved)}).loss.value)


def test_indices_stay_indices_and_masks_stay_masks() -> None:
    problem = read_graph({**example_document("cbow"), "gradients": {}}).problem
    drawn = informative_graph_numbers(problem, 0)
    assert set(np.ravel(drawn.inputs["context"])) <= set(range(6))
    nodes = [
        {"name": "m", "op": "multiply", "args": ["p", "mask"]},
        {"name": "z", "op": "sum", "args": ["m"]},
    ]
    document = {
        "network": {"inputs": ["mask"], "nodes": nodes, "output": "z"},
        "inputs": {"mask": [2.0, 0.0, 2.0, 2.0]},
        "parameters": {"p": [1.0, 2.0, 3.0, 4.0]},
        "gradients": {},
    }
    drawn = informative_graph_numbers(read_graph(document).problem, 1)
    assert sorted(drawn.inputs["mask"]) == [0.0, 2.0, 2.0, 2.0]


def test_text_document_and_page_say_the_same() -> None:
    found = inspect(WEAK)
    text, document = str(found), found.to_dict()
    page = render_inspection([InspectionOutcome("weak.json", found)])
    assert "wrong local rules can show in a graph of this shape" in text
    assert "missed at nodes.a" in text
    assert json.dumps(document, allow_nan=False)
    places = {at["node"] for own in document["bugs"] for at in own["missed_at"]}
    assert places == {"nodes.a", "W"}
    assert "wrong local rules can show in a graph" in page
    assert "<bdi>nodes.a</bdi>" in page
    titles = {rule.id: rule.title for rule in LOCAL_RULES}
    assert all(titles[own.bug].split("'")[0] in page for own in found.bugs)
