"""The tables of numerical properties, formulas and PyTorch functions fit the tables of the reference."""

import numpy as np
import pytest
import torch

from reference_impl import ACTIVATIONS, LOSSES, activation
from reference_impl.activations import elementwise
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS, power
from reference_impl.problem_graph import FUNCTION_OPERATIONS, LOSS_OPERATIONS
from verifier.engine.formulas import COMPLEX
from verifier.engine.functions.formulas import FUNCTION_FORMULAS, LOSS_FORMULAS, function_formula
from verifier.engine.functions.loss_properties import LOSS_PROPERTIES
from verifier.engine.functions.numerical_properties import NUMERICAL_PROPERTIES, numerical_properties
from verifier.engine.functions.properties import IntervalProperties, elementwise_properties
from verifier.engine.functions.torch_twins import FUNCTIONS_IN_TORCH, LOSSES_IN_TORCH, function_in_torch
from verifier.engine.interval_functions import LOSS_GRADIENTS

FUNCTIONS = {*ACTIVATIONS, *ELEMENTARY_FUNCTIONS}
TERMS = [terms for loss in LOSSES.values() for terms in (*loss.on.values(), *loss.of_preactivation.values())]


@pytest.mark.parametrize("table", [NUMERICAL_PROPERTIES, FUNCTION_FORMULAS, FUNCTIONS_IN_TORCH])
def test_every_activation_and_elementary_function_is_in_every_table(table):
    assert set(table) == FUNCTIONS


def test_every_function_but_the_identity_is_an_operation_of_graphs():
    assert set(FUNCTION_OPERATIONS) == FUNCTIONS - {"identity"}


@pytest.mark.parametrize(
    "table", [LOSS_PROPERTIES, LOSS_GRADIENTS, LOSS_FORMULAS, LOSSES_IN_TORCH, LOSS_OPERATIONS]
)
def test_every_loss_is_in_every_table(table):
    assert set(table) == {terms.name for terms in TERMS}


def test_different_terms_have_different_names():
    assert len({terms.name for terms in TERMS}) == len(set(TERMS))


def test_only_a_function_of_rows_has_no_interval_properties():
    rows = [make() for name, make in {**ACTIVATIONS, **ELEMENTARY_FUNCTIONS}.items() if name != "power"]
    for function in (*rows, power(3.0)):
        assert (numerical_properties(function).interval is None) == (function.derivative is None)


class TestFunctionOptions:
    A = np.array([-2.0])

    @pytest.mark.parametrize("slope", [0.01, 0.3, -0.5])
    def test_a_slope_reaches_every_table(self, slope):
        function = activation("leaky_relu", slope=slope)
        assert numerical_properties(function).value_variance(self.A, np.ones(1)) == slope**2
        assert function_formula(function, COMPLEX, self.A) == -2.0 * slope
        assert function_in_torch(function, torch, torch.tensor(self.A)).item() == -2.0 * slope

    @pytest.mark.parametrize("exponent", [2.0, 3.0])
    def test_an_exponent_reaches_every_table(self, exponent):
        function = power(exponent)
        variance = (exponent * self.A ** (exponent - 1)) ** 2
        assert numerical_properties(function).value_variance(self.A, np.ones(1)) == variance
        assert function_formula(function, COMPLEX, self.A) == self.A**exponent
        assert function_in_torch(function, torch, torch.tensor(self.A)).item() == self.A**exponent

    def test_equal_options_share_one_row(self):
        first, second = activation("elu", alpha=0.5), activation("elu", alpha=0.5)
        assert numerical_properties(first) is numerical_properties(second)
        assert numerical_properties(first) is not numerical_properties(activation("elu"))


def test_variances_and_rounding_follow_from_the_derivatives():
    square = elementwise("square", forward=np.square, derivative=lambda a: 2.0 * a)
    properties = elementwise_properties(
        square,
        second_derivative=lambda a: np.full_like(a, 2.0),
        value_roundoff=np.abs,
        derivative_roundoff=np.ones_like,
        interval=IntervalProperties(value_error=lambda a, z: z, derivative_error=None, turning_points=(0.0,)),
    )
    a, u = np.array([3.0]), np.array([-2.0])
    assert properties.value_variance(a, np.array([0.5])) == 18.0
    assert properties.vjp_variance(a, u, np.array([0.5]), np.array([0.25])) == 36 * 0.5 + 16 * 0.25
    assert properties.vjp_roundoff(a, u) == 2.0
