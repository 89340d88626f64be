"""The students whom diagnoses are measured on: right where no bug is made, wrong only where theirs is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.support.buggy_students import STUDENTS, Requirements, mistake_layers, student_gradients
from benchmarks.support.diagnosing.outcome import same_gradients
from benchmarks.support.diagnosing.single import MODES, case_of
from benchmarks.support.diagnosing.summary import submission, summarize
from benchmarks.support.diagnosing.unknown import case_of as unknown_case
from benchmarks.support.general_position import CONFIGURATIONS, Configuration, draw
from benchmarks.support.uncatalogued import MUTATIONS
from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Problem,
    Risk,
    activation,
    backpropagate,
    deltas,
    forward,
    named,
)
from tests.pairwise import each

SEEDS = range(12)
BIASED = Configuration("tanh", "mse", "values", 3, 4)


def layer_of(name):
    return int(name.split(".")[1])


def changed_parameters(problem, mistake):
    """The parameters whose gradients the mistake changes."""
    right, wrong = student_gradients(problem), student_gradients(problem, [mistake])
    return {name for name in right if not same_gradients({name: right[name]}, {name: wrong[name]})}


def test_every_id_is_made_by_one_student_and_carries_its_row():
    assert len(STUDENTS) == 60
    assert all(bug == row.bug for bug, row in STUDENTS.items())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("blocks", [range(1), pytest.param(range(1, 8), marks=pytest.mark.nightly)])
def test_a_student_who_makes_no_mistake_is_right(dtype, blocks):
    for index in (index for block in blocks for index in range(block, len(CONFIGURATIONS), 24)):
        problem = draw(np.random.default_rng(index), CONFIGURATIONS[index])
        gradients = student_gradients(problem, dtype=dtype)
        document = submission(problem, gradients, np.dtype(dtype).name, "strict")
        nothing = not any(
            gradient.any() for gradient in gradients.values()
        )  # a softmax of one output has no gradient
        assert summarize(document).verdict == ("undecided" if nothing else "correct"), CONFIGURATIONS[index]


@cache
def drawn_cases(bug):
    """Return the case of each seed, None where the bug cannot be made."""
    return [case_of(bug, seed, MODES["single"]) for seed in SEEDS]


@each(STUDENTS)
def test_a_mistake_reaches_only_its_own_equation_and_what_lies_below(bug):
    for seed, case in zip(SEEDS, drawn_cases(bug), strict=True):
        if case is None or case.mistake.layer is None or bug == "overflow":
            continue
        mistake, wrong = case.mistake, changed_parameters(case.problem, case.mistake)
        affected = {name for name in student_gradients(case.problem) if layer_of(name) == mistake.layer}
        if mistake.equation in ("output_delta", "hidden_delta"):
            affected = {name for name in student_gradients(case.problem) if layer_of(name) <= mistake.layer}
        elif mistake.equation == "bias_gradient":
            affected = {f"layers.{mistake.layer}.bias"}
        assert wrong <= affected, (seed, mistake.form)


@each(STUDENTS)
def test_most_problems_drawn_for_a_bug_let_it_be_made(bug):
    assert sum(case is not None for case in drawn_cases(bug)) >= 10


@pytest.mark.parametrize(
    ("bug", "becomes"),
    [
        ("sign-flipped", lambda right, size: -right),
        ("batch-sum-for-mean", lambda right, size: right * size),
        ("zero-gradient", lambda right, size: 0 * right),
        ("batch-mean-for-sum", lambda right, size: right / size),
    ],
)
def test_a_scale_of_the_whole_is_what_the_catalogue_says(bug, becomes):
    problem = without_penalty(draw(np.random.default_rng(3), BIASED))
    (mistake,) = STUDENTS[bug].forms(problem, None, {})
    gradients = student_gradients(problem, [mistake])
    for name, right in named(backpropagate(problem)):
        np.testing.assert_allclose(gradients[name], becomes(right, 4), rtol=1e-12)


def sigma(a):
    return 1 / (1 + np.exp(-a))


# bug, form, layer, parameter, what the catalogue says it becomes: from (a, z with z[0] = x, δ, W)
FORMULAS = [
    ("missing-activation-derivative", "no g'", 1, "bias", lambda a, z, d, w: d[2] @ w[2].T),
    (
        "upstream-error-for-delta",
        None,
        0,
        "bias",
        lambda a, z, d, w: d[2] @ w[2].T @ w[1].T * (1 - z[1] ** 2),
    ),
    (
        "derivative-at-activation",
        None,
        1,
        "bias",
        lambda a, z, d, w: d[2] @ w[2].T * (1 - np.tanh(z[2]) ** 2),
    ),
    ("output-form-at-preactivation", None, 1, "bias", lambda a, z, d, w: d[2] @ w[2].T * (1 - a[1] ** 2)),
    ("wrong-activation-derivative", "z²", 1, "bias", lambda a, z, d, w: d[2] @ w[2].T * z[2] ** 2),
    (
        "wrong-activation-derivative",
        "g' of sigmoid",
        1,
        "bias",
        lambda a, z, d, w: d[2] @ w[2].T * sigma(a[1]) * (1 - sigma(a[1])),
    ),
    ("untransposed-weights", None, 1, "bias", lambda a, z, d, w: d[2] @ w[2] * (1 - z[2] ** 2)),
    ("wrong-layer-weights", "W of layer 0", 1, "bias", lambda a, z, d, w: d[2] @ w[0].T * (1 - z[2] ** 2)),
    (
        "derivative-along-wrong-axis",
        None,
        0,
        "bias",
        lambda a, z, d, w: (1 - z[2] ** 2) * (d[2] @ w[2].T @ w[1].T),
    ),
    (
        "updated-weights",
        "rate 0.5",
        1,
        "bias",
        lambda a, z, d, w: d[2] @ (w[2] - 0.5 * z[2].T @ d[2]).T * (1 - z[2] ** 2),
    ),
    ("batch-mean-again-in-hidden-layers", "once", 1, "bias", lambda a, z, d, w: d[1] / 4),
    ("target-ignored", "f", 2, "bias", lambda a, z, d, w: z[3] / 4),
    ("activated-input", None, 1, "weight", lambda a, z, d, w: np.tanh(z[1]).T @ d[1]),
    ("preactivation-as-input", None, 1, "weight", lambda a, z, d, w: a[0].T @ d[1]),
    ("wrong-layer-input", "z[0] for z[1]", 1, "weight", lambda a, z, d, w: z[0].T @ d[1]),
    ("transposed-gradient", None, 1, "weight", lambda a, z, d, w: d[1].T @ z[1]),
    ("examples-weighted", "0 dropped", 1, "weight", lambda a, z, d, w: z[1][1:].T @ d[1][1:]),
    (
        "assigned-not-accumulated",
        "only the last example",
        1,
        "weight",
        lambda a, z, d, w: z[1][3:].T @ d[1][3:],
    ),
    ("bias-summed-over-units", None, 1, "bias", lambda a, z, d, w: np.full((1, d[1].shape[1]), d[1].sum())),
    ("bias-mean-for-sum", "over N", 1, "bias", lambda a, z, d, w: d[1] / 4),
    ("bias-not-summed", "the first", 1, "bias", lambda a, z, d, w: d[1][:1]),
    ("bias-row-sum-of-weight-gradient", None, 1, "bias", lambda a, z, d, w: z[1].T @ d[1]),
    ("bias-of-another-layer", "of layer 0", 1, "bias", lambda a, z, d, w: d[0]),
]


@each(FORMULAS)
def test_a_gradient_becomes_what_the_catalogue_says(bug, form, layer, kind, formula):
    """In a network of three square tanh layers, the last one linear, under the lecture's risk, N = 4."""
    problem = square()
    (mistake,) = [m for m in STUDENTS[bug].forms(problem, layer, {}) if form in (None, m.form)]
    trace = forward(problem.network, problem.parameters, problem.batch)
    weights = [layer_parameters.weight for layer_parameters in problem.parameters]
    expected = formula(trace.a, trace.z, deltas(problem, trace), weights)
    gradient = student_gradients(problem, [mistake])[f"layers.{layer}.{kind}"]
    np.testing.assert_allclose(gradient, expected if kind == "weight" else expected.sum(axis=0), rtol=1e-9)


def square():
    rng = np.random.default_rng(1)
    layers = tuple(Layer(5, 5, activation(name)) for name in ("tanh", "tanh", "identity"))
    parameters = tuple(LayerParameters(rng.normal(size=(5, 5)) / 2, rng.normal(size=5) / 2) for _ in layers)
    batch = Batch(rng.normal(size=(4, 5)), rng.normal(size=(4, 5)))
    return Problem(Network(layers), parameters, batch, Risk(LOSSES["mse"], 0.5))


def without_penalty(problem):
    return replace(problem, risk=replace(problem.risk, batch="mean", penalties=()))


@pytest.mark.parametrize(
    ("names", "seeds"),
    [
        (list(MUTATIONS)[::4], range(1)),
        pytest.param(list(MUTATIONS), range(3), marks=pytest.mark.nightly),
    ],
    ids=["by day", "at night"],
)
def test_no_mutation_is_a_catalogue_bug_in_disguise(names, seeds):
    for name in names:
        for seed in seeds:
            case = unknown_case(name, seed)
            for bug, student in STUDENTS.items():
                for layer in mistake_layers(case.problem):
                    for form in student.forms(case.problem, layer, {}):
                        other = student_gradients(case.problem, [form])
                        assert not same_gradients(other, case.gradients), (name, seed, bug, form.form)


def test_two_mistakes_in_different_layers_are_both_made():
    problem = without_penalty(draw(np.random.default_rng(9), BIASED, Requirements(bias=True)))
    (zero,) = STUDENTS["bias-zero"].forms(problem, 2, {})
    (missing,) = STUDENTS["missing-activation-derivative"].forms(problem, 1, {})
    both = student_gradients(problem, [zero, missing])
    alone = student_gradients(problem, [missing])
    np.testing.assert_array_equal(both["layers.2.bias"], 0.0)
    np.testing.assert_array_equal(both["layers.0.weight"], alone["layers.0.weight"])
