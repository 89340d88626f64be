"""Over all activations, losses, reductions, depths 1-4 and batches of 1, 2, 7: the oracles agree."""

import itertools

import numpy as np
import pytest

from reference_impl import ACTIVATIONS, Penalty, Problem, forward, named
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.judging.cache import ask
from verifier.judging.consensus import consult
from verifier.oracles import ORACLES
from verifier.problem.precision import PRECISIONS

LOSSES = [
    ("mse", "values", None),
    ("cross_entropy", "logits", None),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", None),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
]
REDUCTIONS = list(itertools.product(("mean", "sum"), ("sum", "mean"), (1, 2, 3, 4), (1, 2, 7)))
NEAR = (
    2e-3  # differences move a unit by at most 2**-16 · max(|a|, 1), and what lies above it a few times that
)


def consulted(problem: Problem):
    trace = forward(problem.network, problem.parameters, problem.batch)
    answers = ask(problem, rounding(problem, trace, PRECISIONS["float64"]))
    return consult(answers, {name: array.shape for name, array in named(problem.parameters)})


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
    consensus = consulted(problem)
    assert [item.oracle for item in consensus.evidence] == [
        name for name, row in ORACLES.items() if row.by_default
    ]
    assert [item.oracle for item in consensus.evidence if not item.agrees] == []
    assert not any(array.any() for array in consensus.disputed.values())
    left_out = sum(total - item.entries for item in consensus.evidence)
    assert left_out == 0 or kink_is_near(problem)
    return left_out


@pytest.mark.parametrize(
    ("loss", "on", "output"), LOSSES, ids=[f"{loss} of {output or on}" for loss, on, output in LOSSES]
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_oracles_agree_within_their_stated_errors(activation, loss, on, output):
    entries, left_out = 0, 0
    for case, (batch, outputs, depth, examples) in enumerate(REDUCTIONS):
        if loss == "cross_entropy" and outputs == "mean":
            continue
        problem = draw_problem(
            np.random.default_rng([case, list(ACTIVATIONS).index(activation), len(loss)]),
            activation_name=activation,
            output=output or activation,
            loss=loss,
            on=on,
            batch=batch,
            outputs=outputs,
            depth=depth,
            examples=examples,
        )
        left_out += assert_all_agree(problem)
        entries += len(ORACLES) * sum(array.size for _, array in named(problem.parameters))
    has_kinks = bool(ACTIVATIONS[activation]().kinks)
    assert left_out <= (0.01 * entries if has_kinks else 0)  # kinks are rare at short decimals


PENALTIES = [
    (),
    (Penalty("l2", 0.3, 0.5),),
    (Penalty("l1", 0.3, 1.0),),
    (Penalty("l2", 0.3, 0.5, "mean", True), Penalty("l1", 0.2, 1.0, "none", True)),
]


@pytest.mark.parametrize("penalties", PENALTIES, ids=["none", "l2", "l1", "both, on biases"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("masked", [True, False], ids=["mask", "no mask"])
@pytest.mark.parametrize(
    "layout", list(itertools.product(("in_out", "out_in"), ("rows", "columns"))), ids=str
)
def test_oracles_agree_on_problems_that_come_as_documents_of_any_convention(penalties, bias, masked, layout):
    for seed, (activation, loss, on) in enumerate(
        [
            ("tanh", "mse", "values"),
            ("gelu", "cross_entropy", "logits"),
            ("relu", "binary_cross_entropy", "logits"),
        ]
    ):
        drawn = draw_problem(
            np.random.default_rng(seed),
            activation_name=activation,
            loss=loss,
            on=on,
            bias=bias,
            masked=masked,
            penalties=penalties,
            depth=3,
        )
        document = document_of_problem(drawn, weights=layout[0], examples=layout[1])
        problem = read_submission(document).problem
        zeros = any((array == 0).any() for _, array in named(problem.parameters))
        l1 = any(penalty.norm == "l1" for penalty in penalties)
        if zeros and l1:  # a weight of exactly 0 is a kink of the l1 penalty
            assert consulted(problem).evidence[0].agrees
        else:
            assert_all_agree(problem)


@pytest.mark.parametrize("output", ["tanh", "softmax", "sigmoid", "identity"])
def test_oracles_agree_where_the_last_layer_is_masked(output):
    rng = np.random.default_rng(4)
    drawn = draw_problem(rng, output=output)
    document = document_of_problem(drawn)
    document["masks"] = {"layers.1": rng.integers(2, size=(4, 2)) * 2.0}
    assert assert_all_agree(read_submission(document).problem) == 0


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 5.0, 50.0])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "gelu", "silu", "elu", "softmax"])
def test_oracles_agree_from_nearly_linear_to_saturated(activation, scale):
    for seed in range(4):
        drawn = draw_problem(
            np.random.default_rng(seed), activation_name=activation, depth=3, scale=max(scale, 0.01)
        )
        document = document_of_problem(drawn)
        document["inputs"] = document["inputs"] * min(scale / 0.01, 1.0)
        consensus = consulted(read_submission(document).problem)
        assert [item.oracle for item in consensus.evidence if item.agrees is False] == []
