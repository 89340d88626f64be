"""Graphs drawn by Hypothesis or by a seed are valid, have everything in them, and shrink to the smallest."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from verifier import verify
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.documents.graph import read_graph
from verifier.engine.operations import OPERATIONS
from verifier.problem.submission import GraphSubmission
from verifier.testing.random_graph_forms import BASIC_OPERATIONS, FORMS
from verifier.testing.random_graphs import seeded_graph
from verifier.testing.strategies import graph_submissions, graphs


def uses_twice(node: dict[str, Any]) -> bool:
    return len(set(node["args"])) < len(node["args"])


def operations_of(document: dict[str, Any]) -> list[str]:
    return [node["op"] for node in document["network"]["nodes"]]


def numbers_of(document: dict[str, Any]) -> list[float]:
    arrays = [*document["inputs"].values(), *document["parameters"].values()]
    return [float(number) for array in arrays for number in np.ravel(array)]


@given(graphs(most_nodes=20))
def test_every_graph_drawn_is_valid_and_its_numbers_are_finite(document: dict[str, Any]) -> None:
    problem = read_graph(document).problem
    assert 1 <= len(problem.nodes) <= 20
    assert np.isfinite(verify(document, oracles=["backpropagation"]).loss.value)


def test_every_operation_has_forms_and_all_of_them_are_drawn() -> None:
    assert set(FORMS) == set(OPERATIONS)
    drawn = Counter(op for seed in range(30) for op in operations_of(seeded_graph(seed, 60)))
    assert set(drawn) == set(BASIC_OPERATIONS)
    further = tuple(name for name in FORMS if name not in BASIC_OPERATIONS)
    missing = set(further)
    for seed in range(40):
        missing -= {*operations_of(seeded_graph(seed, 60, further))}
        if not missing:
            break
    assert not missing


def test_broadcasting_shared_parameters_paths_and_unused_nodes_are_drawn() -> None:
    counts = Counter[str]()
    for seed in range(40):
        problem = read_graph(seeded_graph(seed, 20)).problem
        uses = Counter(operand for node in problem.nodes for operand in node.operands)
        counts["shared"] += any(uses[name] > 1 for name in problem.parameters)
        counts["paths"] += any(uses[node.name] > 1 for node in problem.nodes)
        counts["unused"] += len(problem.upstream_of_output) < len(problem.nodes)
        counts["broadcast"] += any(
            len(set(node.operand_shapes)) > 1 and node.operation.name in ("add", "multiply", "divide")
            for node in problem.nodes
        )
    assert min(counts.values()) >= 10
    assert len(counts) == 4


def test_the_same_seed_gives_the_same_graph_of_at_most_so_many_nodes() -> None:
    first, again = seeded_graph(5, 60), seeded_graph(5, 60)
    assert first["network"] == again["network"]
    assert numbers_of(first) == numbers_of(again)
    sizes = [len(operations_of(seeded_graph(seed, 60))) for seed in range(30)]
    assert max(sizes) <= 60
    assert np.median(sizes) >= 45


SOME = ("add", "exp", "negate", "tanh", "matmul")
SHRUNK = {
    "tanh": (lambda document: "tanh" in operations_of(document), 1),
    "two operations": (lambda document: {"exp", "negate"} <= set(operations_of(document)), 2),
    "a matrix product": (lambda document: "matmul" in operations_of(document), 1),
    "something shared": (lambda document: any(map(uses_twice, document["network"]["nodes"])), 1),
}  # fmt: skip


@pytest.mark.parametrize(
    "case",
    ["tanh", "two operations", *(pytest.param(case, marks=pytest.mark.nightly) for case in [*SHRUNK][2:])],
)
def test_graphs_shrink_to_few_nodes_and_whole_numbers(case: str) -> None:
    condition, most = SHRUNK[case]
    chosen = settings(max_examples=200, derandomize=True, deadline=None, database=None)
    document = find(graphs(operations=SOME), condition, settings=chosen)
    assert len(operations_of(document)) <= most + 2
    assert len(numbers_of(document)) <= 4
    assert set(numbers_of(document)) <= {0.0, 1.0, 2.0}


@pytest.mark.parametrize("operations", [[], ["tanh", "convolute"]])
def test_an_operation_that_is_none_is_refused_by_name(operations: list[str]) -> None:
    with pytest.raises(ValueError, match="expected operations among add, subtract"):
        find(graphs(operations=operations), lambda document: True)


@given(graph_submissions(most_nodes=10))
def test_submissions_without_a_rule_are_not_incorrect(submission: GraphSubmission) -> None:
    assert verify(submission, oracles=["backpropagation"]).verdict != "incorrect"


# rules of one operation, with which graphs are drawn where they can be wrong
OPERATIONS_OF = {
    "untransposed-weights": ["matmul", "tanh", "add"],
    "repeated-rows-assigned": ["embedding", "tanh", "multiply"],
}


# no drawn graph reduces one axis of a square matrix
NOT_DRAWN = {"axis-not-restored"}


@pytest.mark.parametrize("rule", [rule for rule in LOCAL_RULES if rule not in NOT_DRAWN])
def test_a_submission_with_a_wrong_local_rule_is_incorrect_and_named(
    rule: str,
) -> None:
    @settings(
        max_examples=max(5, settings().max_examples // 40),  # 12 at night
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check_document(data: Any) -> None:
        submission = data.draw(
            graph_submissions(rule=rule, most_nodes=8, operations=OPERATIONS_OF.get(rule, tuple(FORMS)))
        )
        report = verify(submission, oracles=["backpropagation"])
        if report.verdict == "incorrect" and not any(row.subgradients for row in report.parameters.values()):
            assert any(rule in (row.bug, *row.also_consistent) for row in report.diagnosis)
            seen.append(rule)

    seen: list[str] = []
    check_document()
    assert seen
