"""A diagnosis never says more than the numbers do."""

from itertools import product

import numpy as np
import pytest

from benchmarks.support.buggy_students import STUDENTS, student_gradients
from benchmarks.support.diagnosing.outcome import layers_reproducing, same_gradients
from benchmarks.support.diagnosing.summary import SummaryRow
from reference_impl import Penalty, forward, named
from tests.drawing import draw_problem
from tests.pairwise import each
from tests.verifier.diagnosis.builders import ROUNDING, backward, rows, tanh_problem, verify_gradients
from verifier import verify
from verifier.diagnosis.mutants import mutants
from verifier.examples.layers import EXAMPLES, example_document
from verifier.problem.precision import PRECISIONS

RIGHT = {
    "tanh": {},
    "relu, penalties": {"activation_name": "relu", "penalties": (Penalty("l2", 0.1, 0.5, "mean", True),)},
    "sigmoid, masks": {"activation_name": "sigmoid", "masked": True},
    "gelu, no biases": {"activation_name": "gelu", "bias": False},
    "softmax": {"output": "softmax", "loss": "cross_entropy", "on": "probabilities"},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", RIGHT)
def test_right_gradients_of_an_independent_program_are_not_diagnosed(case, dtype):
    for seed in range(2):
        problem = draw_problem(np.random.default_rng([37, seed]), depth=3, **RIGHT[case])
        report = verify_gradients(
            problem, student_gradients(problem, dtype=dtype), precision=np.dtype(dtype).name
        )
        assert (report.verdict, report.diagnosis) == ("correct", ())


@each(product([name for name in EXAMPLES if name != "wrong-layer"], PRECISIONS))
def test_examples_are_not_diagnosed_in_any_precision(name, precision):
    document = example_document(name) | {"precision": precision}
    assert verify(document, oracles=("backpropagation",)).diagnosis == ()


POKES = [  # a parameter, an index, and the layer and equation that must be named
    ("layers.0.weight", (2, 1), (0, "weight_gradient")),
    ("layers.1.weight", (0, 3), (1, "weight_gradient")),
    ("layers.2.weight", (3, 2), (2, "weight_gradient")),
    ("layers.0.bias", (1,), (0, "bias_gradient")),
    ("layers.2.bias", (2,), (2, "bias_gradient")),
]


CHANGES = {
    "moved": lambda x: x + 0.1,
    "doubled": lambda x: 2.0 * x,
    "turned": lambda x: -x,
    "zeroed": lambda x: 0.0 * x,
}


@each(product(POKES, CHANGES))
def test_a_single_wrong_entry_is_unexplained_where_it_is(poke, change):
    name, index, place = poke
    problem = tanh_problem(41, examples=7)
    gradients, _ = backward(problem)
    gradients[name][index] = CHANGES[change](gradients[name][index])
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("unexplained", *place)]
    assert report.diagnosis[0].parameters == (name,)
    assert f"most of all unit {index[-1]}" in (text := report.diagnosis[0].explanation) or (
        f"Only unit {index[-1]} of layer {place[0]} is affected" in text
    )


@each(product([(4, 4, 4, 3), (2, 3, 1), (3, 2)], range(2)))
def test_noise_is_unexplained(widths, seed):
    problem = tanh_problem(seed, widths=widths)
    rng = np.random.default_rng([43, seed])
    gradients = {name: rng.normal(size=array.shape) for name, array in backward(problem)[0].items()}
    report = verify_gradients(problem, gradients)
    assert {bug for bug, _, _ in rows(report)} == {"unexplained"}
    assert report.diagnosis[0].layer == len(widths) - 2


@each(range(3))
def test_a_little_noise_on_top_of_a_mistake_is_no_longer_that_mistake(seed):
    problem = tanh_problem(seed)
    gradients, _ = backward(problem, hidden={0: lambda d, w, a, z: d @ w.T})
    noise = np.random.default_rng(seed).normal(size=gradients["layers.0.weight"].shape)
    gradients["layers.0.weight"] = gradients["layers.0.weight"] * (1 + 1e-4 * noise)
    assert all(row.bug == "unexplained" for row in verify_gradients(problem, gradients).diagnosis)


@each(product(["layers.0.bias", "layers.0.weight"], [0.77, 1.31, -2.7, 1e-3]))
def test_a_single_number_is_never_explained_by_a_free_factor(name, factor):
    problem = tanh_problem(47, widths=(1, 1), examples=4)
    gradients, _ = backward(problem)
    gradients[name] = factor * gradients[name]
    assert {bug for bug, _, _ in rows(verify_gradients(problem, gradients))} == {"unexplained"}


def test_one_number_cut_down_to_an_odd_threshold_is_not_called_clipped():
    problem = tanh_problem(48)
    right, _ = backward(problem)
    name, largest = max(((n, np.abs(a).max()) for n, a in right.items()), key=lambda item: item[1])
    second = np.sort(np.concatenate([np.abs(a).ravel() for a in right.values()]))[-2]
    one = right | {name: np.clip(right[name], -(largest + second) / 2, (largest + second) / 2)}
    assert {bug for bug, _, _ in rows(verify_gradients(problem, one))} == {"unexplained"}


COINCIDING = [{"widths": (3, 3, 3, 2)}, {"widths": (3, 3, 2), "examples": 2}, {"widths": (3, 2, 1)}]
SHARES = [(place, 2 * len(COINCIDING)) for place in range(len(COINCIDING))]


@pytest.mark.parametrize(
    ("options", "share"),
    [
        *zip(COINCIDING, SHARES, strict=True),
        *(pytest.param(coinciding, (0, 1), marks=pytest.mark.nightly) for coinciding in COINCIDING),
    ],
    ids=str,
)
def test_what_is_said_to_coincide_coincides(options, share):
    """Whatever `also_consistent` names, made by a program with that bug, gives the numbers handed in.

    By day each of the problems is for a sixth of the students.
    """
    start, step = share
    problem = draw_problem(np.random.default_rng(53), **({"examples": 3} | options))
    trace = forward(problem.network, problem.parameters, problem.batch)
    others = {}
    for mutant in mutants(problem, trace):
        others.setdefault(mutant.bug.id, []).append(dict(named(mutant.gradients)))
    compared = 0
    for student in list(STUDENTS.values())[start::step]:
        for layer in (None, *range(len(problem.parameters))):
            for mistake in student.forms(problem, layer, {})[:2]:
                gradients = student_gradients(problem, [mistake])
                if len(diagnosis := verify_gradients(problem, gradients).diagnosis) != 1:
                    continue
                row = diagnosis[0]
                assert row.residual is None or row.residual <= (
                    1.0 if row.bug == "unexplained" else ROUNDING["float64"]
                )
                hints = dict(row.estimates) | ({} if row.factor is None else {"factor": row.factor})
                for other in set(row.also_consistent) - {"clipped"}:  # to a norm that nobody knows
                    if "example" in row.estimates and other == "examples-weighted":
                        continue  # that example alone counts: the same by definition
                    row_of_other = SummaryRow(other, row.layer, row.equation, 0.0, (), hints)
                    made = any(same_gradients(numbers, gradients) for numbers in others.get(other, []))
                    again = other in STUDENTS and layers_reproducing(
                        problem, row_of_other, gradients, np.float64
                    )
                    assert made or again, (mistake.bug, str(row), other)
                    compared += 1
                if "clipped" in row.also_consistent:
                    assert 0 < row.factor < 1
    assert compared > 5 / step
