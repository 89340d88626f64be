"""Every row of the table, on seeded shapes: all oracles against 50 digits."""

import numpy as np

from tests.pairwise import each
from tests.verifier.fifty_digits import TABLE, gradients
from tests.verifier.graph_builders import problem_of
from tests.verifier.graph_drawing import CASES
from verifier.engine.graph_rounding import rounding
from verifier.engine.operations import OPERATIONS
from verifier.oracles import GRAPH_ORACLES, answer_of
from verifier.problem.precision import PRECISIONS

SEED = 3


def test_every_operation_has_a_case_and_a_formula_of_fifty_digits() -> None:
    used = {CASES[case](SEED)["network"]["nodes"][0]["op"] for case in CASES}
    assert used == set(TABLE) == {name for name, row in OPERATIONS.items() if row.steps is None}


@each(CASES)
def test_every_oracle_holds_what_fifty_digits_give(case: str) -> None:
    problem = problem_of(CASES[case](SEED))
    truth = gradients(problem)
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    for name in GRAPH_ORACLES:
        answer = answer_of(name, problem, float64_rounding)
        assert set(answer.gradient) == set(problem.requested), name
        for key in problem.requested:
            estimate, expected = answer.gradient[key], truth[key]
            assert np.isfinite(estimate.error).all(), (name, key)
            assert estimate.subgradient_radius is None, (name, key)
            distance = np.abs(estimate.value - expected)
            assert (distance <= estimate.error + 2.0**-52 * np.abs(expected)).all(), (name, key)


@each(CASES)
def test_what_rounding_may_cost_is_small_beside_the_gradient(case: str) -> None:
    problem = problem_of(CASES[case](SEED))
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    for key in problem.requested:
        largest = max(1.0, float(np.max(float64_rounding.scale[key], initial=0.0)))
        assert (float64_rounding.allowance[key] <= 1e-12 * largest).all(), key
        assert (float64_rounding.scale[key] >= 0).all()
