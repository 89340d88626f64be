"""A slice of the benchmark of graphs: what it measures in full holds in small."""

import numpy as np
import pytest

from benchmarks import graphs
from benchmarks.support.graph_students.mistakes import CATALOGUED, MISTAKES
from benchmarks.support.graph_students.rules import RULES
from benchmarks.support.graph_students.student import forward
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.oracles import GRAPH_ORACLES
from verifier.testing.random_graph_forms import BASIC_OPERATIONS
from verifier.testing.random_graphs import seeded_graph


@pytest.mark.parametrize("block", [1, *(pytest.param(block, marks=pytest.mark.nightly) for block in (0, 2))])
def test_oracles_agree_and_planted_rules_are_located_and_named(block: int) -> None:
    outcomes = [graphs.check_graph(seed) for seed in range(10_000 + 8 * block, 10_008 + 8 * block)]
    for outcome in outcomes:
        assert (outcome.disputes, outcome.unanswered, outcome.outside, outcome.wrong) == ((), (), 0, ()), (
            outcome.seed
        )
    planted = [bug for graph in outcomes for bug in graph.planted]
    assert len(planted) >= 14
    assert [bug for bug in planted if not bug.located] == []
    assert [bug for bug in planted if MISTAKES[bug.mistake].catalogued and not bug.named] == []
    assert [bug for bug in planted if False in bug.stretch.values()] == []


def test_every_oracle_rule_and_operation_takes_part() -> None:
    assert len(GRAPH_ORACLES) == 8
    assert {mistake.name for mistake in CATALOGUED} == set(LOCAL_RULES)
    assert set(RULES) == set(BASIC_OPERATIONS)


def test_graphs_have_up_to_sixty_nodes() -> None:
    sizes = [graphs.nodes_of(seed) for seed in range(200)]
    assert max(sizes) == graphs.MOST_NODES == 60
    assert len(seeded_graph(7, 60)["network"]["nodes"]) <= 60


def test_the_students_values_are_those_of_the_graph() -> None:
    document = seeded_graph(11, 30)
    values = forward(document)
    problem = graphs.with_all_requested(document)
    for name, expected in values_of(problem, FLOATS).items():
        if name in values:
            assert np.allclose(values[name], expected, rtol=1e-12, atol=1e-15)
