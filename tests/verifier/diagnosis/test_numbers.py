"""Numbers that were spoilt after they were computed: zeroed, overflowed, clipped, cut, printed short."""

import numpy as np
import pytest

from tests.drawing import draw_problem
from tests.pairwise import each
from tests.verifier.builders import document_of_problem
from tests.verifier.diagnosis.builders import QUICK, backward, rows, tanh_problem, verify_gradients
from verifier import verify


def scaled_problem(seed, factor):
    """A problem whose gradient is large enough to be more than 0 in whole numbers."""
    problem = tanh_problem(seed)
    document = document_of_problem(problem)
    document["loss"]["factor"] *= factor
    right = {name: factor * array for name, array in backward(problem)[0].items()}
    return document, right


CHANGES = {
    "all zero": (lambda a: 0.0 * a, "zero-gradient"),
    "cut to whole numbers": (np.trunc, "integer-truncation"),
    "rounded to whole numbers": (np.rint, "integer-truncation"),
    "to whole numbers below": (np.floor, "integer-truncation"),
    "clipped": (lambda a: np.clip(a, -5.0, 5.0), "clipped"),
    "printed to 2 decimals": (lambda a: np.round(a, 2), "rounded"),
}


@each(CHANGES)
def test_a_change_of_all_numbers_is_one_row_of_the_whole_network(change):
    spoil, bug = CHANGES[change]
    document, right = scaled_problem(71, 30.0)
    gradients = {name: spoil(array) for name, array in right.items()}
    report = verify(document | {"gradients": gradients, "tolerance": "strict"}, oracles=QUICK)
    assert rows(report) == [(bug, None, "numbers")]
    assert report.diagnosis[0].residual <= 1e-12


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["layers.0.bias", "layers.1.weight"])
def test_a_number_that_is_not_finite_is_overflow(name, value):
    problem = tanh_problem(72)
    gradients, _ = backward(problem)
    gradients[name].flat[1] = value
    (row,) = verify_gradients(problem, gradients).diagnosis
    assert (row.bug, row.equation, row.parameters) == ("overflow", "numbers", (name,))


def test_overflow_hides_no_mistake_in_another_layer():
    problem = tanh_problem(72)
    gradients, _ = backward(problem, weight={2: lambda z, d, a: a.T @ d})
    gradients["layers.0.weight"][:] = np.nan
    assert {(bug, layer) for bug, layer, _ in rows(verify_gradients(problem, gradients))} == {
        ("overflow", 0),
        ("preactivation-as-input", 2),
    }


def test_overflow_names_the_first_layer_where_a_naive_softmax_overflows():
    rng = np.random.default_rng(73)
    problem = draw_problem(rng, activation_name="softmax", loss="mse", widths=(3, 4, 4, 2), examples=5)
    document = document_of_problem(problem)
    document["parameters"]["layers.1.weight"] = 5e3 * document["parameters"]["layers.1.weight"]
    document["gradients"] = {k: np.full(np.shape(v), np.nan) for k, v in document["parameters"].items()}
    (row,) = verify(document, oracles=QUICK).diagnosis
    assert (row.bug, row.layer) == ("overflow", 1)


NARROW = {"float32": np.float32, "float16": np.float16}


@pytest.mark.parametrize("precision", NARROW)
def test_a_narrower_precision_than_declared_is_named(precision):
    problem = tanh_problem(74, widths=(6, 8, 4), examples=9)
    gradients = backward(problem, dtype=NARROW[precision])[0]
    report = verify_gradients(problem, gradients, tolerance="strict")
    assert [bug for bug, _, _ in rows(report)] == ["lower-precision-than-declared"]


def test_finite_differences_are_named():
    problem = tanh_problem(75)
    W = [parameters.weight.copy() for parameters in problem.parameters]
    b = [parameters.bias.copy() for parameters in problem.parameters]
    x, y = problem.batch.inputs, problem.batch.targets

    def loss():
        z = x
        for index in range(len(W)):
            z = z @ W[index] + b[index]
            z = z if index == len(W) - 1 else np.tanh(z)
        return 0.5 * np.sum((z - y) ** 2) / len(y)

    gradients = {}
    for index in range(len(W)):
        for kind, array in (("weight", W[index]), ("bias", b[index])):
            slopes = np.empty_like(array)
            for place in np.ndindex(array.shape):
                kept, values = array[place], []
                for step in (1e-5, -1e-5):
                    array[place] = kept + step
                    values.append(loss())
                array[place] = kept
                slopes[place] = (values[0] - values[1]) / 2e-5
            gradients[f"layers.{index}.{kind}"] = slopes
    report = verify_gradients(problem, gradients, tolerance="strict")
    assert [bug for bug, _, _ in rows(report)] == ["numerical-gradient"]


@pytest.mark.parametrize("factor", [1e-9, 1e-300, 1e200])
def test_a_mistake_is_named_however_small_or_large_the_loss(factor):
    problem = tanh_problem(76)
    document = document_of_problem(problem)
    document["loss"]["factor"] *= factor
    for wrong, expected in [
        ({"hidden": {0: lambda d, w, a, z: d @ w.T}}, ("missing-activation-derivative", 0, "hidden_delta")),
        ({"weight": {1: lambda z, d, a: a.T @ d}}, ("preactivation-as-input", 1, "weight_gradient")),
    ]:
        gradients = {name: factor * array for name, array in backward(problem, **wrong)[0].items()}
        assert rows(verify(document | {"gradients": gradients}, oracles=QUICK)) == [expected]
    for scale, bug in ((2.0, "factor-two"), (0.7, "constant-factor")):
        scaled = {name: scale * factor * array for name, array in backward(problem)[0].items()}
        assert rows(verify(document | {"gradients": scaled}, oracles=QUICK)) == [(bug, None, "loss")]
