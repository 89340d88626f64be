"""Over all activations, losses, reductions, depths 1-4 and batches of 1, 2, 7: the oracles agree."""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl import ACTIVATIONS, Penalty, Problem, forward, named
from tests.drawing import draw_problem
from tests.pairwise import Row, check_rows, each, pairwise
from tests.verifier.builders import document_of_problem
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.judging.consensus import combine_answers
from verifier.oracles import LAYER_ORACLES, ask
from verifier.problem.precision import PRECISIONS

Loss = tuple[str, str, str | None]
LOSSES: list[Loss] = [
    ("mse", "values", None),
    ("cross_entropy", "logits", None),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", None),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
]
REDUCTIONS = (("mean", "sum"), ("sum", "mean"), (1, 2, 3, 4), (1, 2, 7))
NEAR = (
    2e-3  # differences move a unit by at most 2**-16 · max(|a|, 1), and what lies above it a few times that
)


def consensus_of(problem: Problem):
    trace = forward(problem.network, problem.parameters, problem.batch)
    answers = ask(problem, rounding(problem, trace, PRECISIONS["float64"]))
    return combine_answers(answers, {name: array.shape for name, array in named(problem.parameters)})


def kink_is_near(problem: Problem) -> bool:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return any(
        (np.abs(a - kink.at) < NEAR).any()
        for a, layer in zip(trace.a, problem.network.layers, strict=True)
        for kink in layer.activation.kinks
    )


def assert_all_agree(problem: Problem) -> int:
    """Also give how many entries some oracle had to leave out, near a kink alone."""
    total = sum(array.size for _, array in named(problem.parameters))
    consensus = consensus_of(problem)
    assert [item.oracle for item in consensus.evidence] == [
        name for name, row in LAYER_ORACLES.items() if row.by_default
    ]
    assert [item.oracle for item in consensus.evidence if not item.agrees] == []
    assert not any(array.any() for array in consensus.disputed.values())
    left_out = sum(total - item.entries for item in consensus.evidence)
    assert left_out == 0 or kink_is_near(problem)
    return left_out


def random_problem(
    activation: str, loss: Loss, batch: str, outputs: str, depth: int, examples: int
) -> Problem:
    name, on, output = loss
    return draw_problem(
        np.random.default_rng([depth, examples, list(ACTIVATIONS).index(activation), len(name)]),
        activation_name=activation,
        output=output or activation,
        loss=name,
        on=on,
        batch=batch,
        outputs="sum" if name == "cross_entropy" else outputs,
        depth=depth,
        examples=examples,
    )


def assert_agreement_and_rare_kinks(rows: Iterable[Row]) -> None:
    entries, left_out = Counter[str](), Counter[str]()

    def check_agreement(activation: str, *others: Any) -> None:
        problem = random_problem(activation, *others)
        left_out[activation] += assert_all_agree(problem)
        entries[activation] += len(LAYER_ORACLES) * sum(array.size for _, array in named(problem.parameters))

    check_rows(check_agreement, rows)
    for activation, count in left_out.items():
        has_kinks = bool(ACTIVATIONS[activation]().kinks)
        assert count <= (0.01 * entries[activation] if has_kinks else 0)  # rare at short decimals


def test_all_oracles_agree_within_their_stated_errors():
    assert_agreement_and_rare_kinks(pairwise(ACTIVATIONS, LOSSES, *REDUCTIONS))


@pytest.mark.nightly
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_oracles_agree_over_every_combination(activation):
    assert_agreement_and_rare_kinks(product([activation], LOSSES, *REDUCTIONS))


PENALTIES = [
    (),
    (Penalty("l2", 0.3, 0.5),),
    (Penalty("l1", 0.3, 1.0),),
    (Penalty("l2", 0.3, 0.5, "mean", True), Penalty("l1", 0.2, 1.0, "none", True)),
]


DOCUMENTED = [
    ("tanh", "mse", "values"),
    ("gelu", "cross_entropy", "logits"),
    ("relu", "binary_cross_entropy", "logits"),
]
CONVENTIONS = (PENALTIES, (True, False), (True, False), ("in_out", "out_in"), ("rows", "columns"), DOCUMENTED)


def agree_on_a_document(
    penalties: Any, bias: bool, masked: bool, weights: str, examples: str, network: tuple[str, str, str]
) -> None:
    activation, loss, on = network
    drawn = draw_problem(
        np.random.default_rng(DOCUMENTED.index(network)),
        activation_name=activation,
        loss=loss,
        on=on,
        bias=bias,
        masked=masked,
        penalties=penalties,
        depth=3,
    )
    document = document_of_problem(drawn, weights=weights, examples=examples)
    problem = read_submission(document).problem
    zeros = any((array == 0).any() for _, array in named(problem.parameters))
    l1 = any(penalty.norm == "l1" for penalty in penalties)
    if zeros and l1:  # a weight of exactly 0 is a kink of the l1 penalty
        assert consensus_of(problem).evidence[0].agrees
    else:
        assert_all_agree(problem)


def test_oracles_agree_on_documents_of_any_convention():
    check_rows(agree_on_a_document, pairwise(*CONVENTIONS))


@pytest.mark.nightly
def test_oracles_agree_on_documents_of_every_combination_of_conventions():
    check_rows(agree_on_a_document, product(*CONVENTIONS))


@each(["tanh", "softmax", "sigmoid", "identity"])
def test_oracles_agree_where_the_last_layer_is_masked(output):
    rng = np.random.default_rng(4)
    drawn = draw_problem(rng, output=output)
    document = document_of_problem(drawn)
    document["masks"] = {"layers.1": rng.integers(2, size=(4, 2)) * 2.0}
    assert assert_all_agree(read_submission(document).problem) == 0


SCALES = (1e-6, 1e-2, 5.0, 50.0)
SMOOTH = ("tanh", "sigmoid", "softplus", "gelu", "silu", "elu", "softmax")


def check_agreement_at(scale: float, activation: str, seed: int) -> None:
    drawn = draw_problem(
        np.random.default_rng(seed), activation_name=activation, depth=3, scale=max(scale, 0.01)
    )
    document = document_of_problem(drawn)
    document["inputs"] = document["inputs"] * min(scale / 0.01, 1.0)
    consensus = consensus_of(read_submission(document).problem)
    assert [item.oracle for item in consensus.evidence if item.agrees is False] == []


def test_oracles_agree_from_nearly_linear_to_saturated():
    check_rows(check_agreement_at, pairwise(SCALES, SMOOTH, range(4)))


@pytest.mark.nightly
def test_oracles_agree_at_every_scale_with_every_seed():
    check_rows(check_agreement_at, product(SCALES, SMOOTH, range(4)))
