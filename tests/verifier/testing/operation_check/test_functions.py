"""check_gradient: every form, right and wrong; points of the caller's own; what it refuses."""

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.verifier.testing.operation_check.written_functions import (
    FORMS_WRITTEN,
    PARAMS,
    Cube,
    CubeOfConstant,
    X,
    affine_backward,
    affine_forward,
    two_layers,
    two_layers_gradient,
)
from verifier import MalformedSubmission, check_gradient
from verifier.testing.operation_check.result import FORMS


@pytest.mark.parametrize("case", FORMS_WRITTEN)
def test_a_right_gradient_is_correct_in_every_form(case: str) -> None:
    form, function, gradient, arguments, _, _ = FORMS_WRITTEN[case]
    check = check_gradient(function, gradient, *arguments)
    assert check.verdict == "correct", str(check)
    assert check
    assert check.form == ("operation" if function is Cube else form) or function is Cube


@pytest.mark.parametrize("case", FORMS_WRITTEN)
def test_a_wrong_gradient_is_found_in_every_form(case: str) -> None:
    _, function, gradient, arguments, wrong, code = FORMS_WRITTEN[case]
    replaced = (wrong, None) if gradient is None else (function, wrong)
    check = check_gradient(*replaced, *arguments)
    assert check.verdict == "incorrect", str(check)
    assert code in [finding.code for finding in check.findings], str(check)
    assert not check


def test_every_form_is_tried() -> None:
    assert {row[0] for row in FORMS_WRITTEN.values()} | {"operation", "jax", "jvp"} == set(FORMS)


def test_points_are_drawn_where_none_are_given() -> None:
    assert check_gradient(np.sin, np.cos)
    assert check_gradient(math.sin, math.cos)
    assert check_gradient(np.log, np.reciprocal, domain="positive")
    assert check_gradient(lambda x: x @ x, lambda x: 2 * x, shapes=[(3,)])
    check = check_gradient(np.sin, np.sin)
    assert "x = np.array(1.0)" in check.smallest


def test_several_points_may_be_checked() -> None:
    check = check_gradient(np.abs, np.sign, at=[(np.array([-1.0, 2.0]),), (np.array([0.0, 3.0]),)])
    assert check.verdict == "correct", str(check)
    assert "kink" in [warning.code for warning in check.warnings]
    check = check_gradient(np.sqrt, lambda x: 0.5 / x, at=[([1.0],), ([4.0],)])  # right at 1 alone
    assert check.verdict == "incorrect"


def test_the_code_of_a_finding_runs_and_prints_its_numbers() -> None:
    check = check_gradient(np.sin, np.sin, np.array([0.5, 1.0]))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(check.smallest, {"sin": np.sin})
    assert printed.getvalue().splitlines()[-1] == "[0.47942554 0.84147098]"
    assert "gives [0.479426, 0.841471], right is [0.877583, 0.540302]" in check.smallest


def test_a_large_argument_is_sampled_and_judged_as_a_whole() -> None:
    weights = np.random.default_rng(0).normal(size=(40, 50))
    check = check_gradient(lambda w: (w**2).sum(), lambda w: 2 * w, weights)
    assert check.verdict == "correct", str(check)
    assert "sampled" in [warning.code for warning in check.warnings]
    one_wrong = np.zeros_like(weights)
    one_wrong[17, 31] = 0.3
    check = check_gradient(lambda w: (w**2).sum(), lambda w: 2 * w + one_wrong, weights)
    assert check.verdict == "incorrect", str(check)


def test_modules_of_torch_are_checked_with_their_parameters() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5))
    mean = module[1].running_mean.clone()
    check = check_gradient(module, None, torch.tensor(X))
    assert check.verdict == "correct", str(check)
    assert check.report is not None
    assert set(check.report.parameters) == {"input", "0.weight", "0.bias", "1.weight", "1.bias"}
    assert torch.equal(module[1].running_mean, mean)


def test_second_derivatives_are_checked_in_torch() -> None:
    assert check_gradient(torch.sin, None, torch.tensor(X), order=2)
    assert check_gradient(Cube.apply, None, torch.tensor(X), order=2)
    assert check_gradient(CubeOfConstant.apply, None, torch.tensor(X))
    assert not check_gradient(CubeOfConstant.apply, None, torch.tensor(X), order=2)


def test_a_random_function_is_undecided() -> None:
    rng = np.random.default_rng(0)
    check = check_gradient(lambda x: x + rng.normal(size=x.shape), lambda x: np.ones_like(x), X)
    assert check.verdict == "undecided"
    assert "not-repeatable" in [warning.code for warning in check.warnings]


REFUSALS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no gradient": ((np.sin, None, 0.5), {}, "gradient: expected a function, or numbers, got nothing"),
    "another form": ((np.sin, np.cos, 0.5), {"form": "pair"}, "form: expected one of derivative, numbers"),
    "integers": ((np.sin, np.cos, 3), {}, "arguments: expected at least one array of floating-point numbers"),
    "too many arguments": (
        (np.sin, lambda a, b, c: a, 0.5),
        {},
        "gradient: expected a function of the 1 arguments, or of the output's gradient and a cache, got a "
        "function of 3: a, b, c",
    ),
    "a function that raises": ((math.sqrt, math.cos, -1.0), {}, "function: expected a function that takes"),
    "another order": ((np.sin, np.cos, 0.5), {"order": 3}, "order: expected 1 or 2, got 3"),
    "order of numpy": ((np.sin, np.cos, 0.5), {"order": 2}, "order=2 takes functions of PyTorch or JAX"),
    "another domain": ((np.sin, np.cos), {"domain": "positve"}, "did you mean 'positive'?"),
    "names of a gradient": (
        (
            two_layers,
            lambda *args: {"W3": X, **two_layers_gradient(*args)},
            PARAMS,
            X,
            np.array([0, 1, 0, 1]),
        ),
        {},
        "gradient: expected gradients of W1, b1, W2",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_is_expected(case: str) -> None:
    arguments, options, words = REFUSALS[case]
    with pytest.raises(MalformedSubmission) as refusal:
        check_gradient(*arguments, **options)
    assert words in str(refusal.value)


def test_a_missing_gradient_is_told_and_one_left_out_is_a_note() -> None:
    def without_b1(*arguments: Any) -> Any:
        gradients = two_layers_gradient(*arguments)
        del gradients["b1"]
        return gradients

    labels = np.array([0, 1, 0, 1])
    check = check_gradient(two_layers, without_b1, PARAMS, X, labels)
    assert [(finding.code, finding.place) for finding in check.findings] == [
        ("gradient-missing", "params.b1")
    ]
    check = check_gradient(two_layers, two_layers_gradient, PARAMS, X, labels)
    assert "not-differentiated: no gradient was returned for x" in str(check)


def test_a_pair_is_checked_at_drawn_shapes() -> None:
    check = check_gradient(
        affine_forward, affine_backward, shapes=[((4, 3), (3, 2), (2,)), ((1, 2), (2, 2), (2,))]
    )
    assert check.verdict == "correct", str(check)
