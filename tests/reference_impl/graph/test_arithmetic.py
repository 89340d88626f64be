import numpy as np
import pytest
import torch

from reference_impl.graph import (
    Add,
    Divide,
    Multiply,
    Negate,
    OperandError,
    Parameter,
    Power,
    StaticGraph,
    Subtract,
)

SHAPES = [
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (3,)),
    ((), (2, 3)),
    ((2, 3), (1, 1)),
    ((4, 1, 2), (3, 1)),
]
BINARY = [(Add, torch.add), (Subtract, torch.sub), (Multiply, torch.mul), (Divide, torch.div)]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(("operation", "twin"), BINARY, ids=lambda case: case.__name__)
def test_both_sides_get_their_derivative_summed_back_to_their_shape(
    operation, twin, shapes, same_derivatives, numbers
):
    left, right = numbers(*shapes[0]), numbers(*shapes[1], low=0.5, seed=2)  # a divisor away from 0
    same_derivatives(operation, twin, [left, right])


@pytest.mark.parametrize("exponent", [-2, -0.5, 0, 0.5, 1, 2, 3, 2.5])
def test_a_power_has_the_derivative_that_torch_and_differences_find(exponent, same_derivatives, numbers):
    same_derivatives(lambda: Power(exponent), lambda a: a**exponent, [numbers(2, 3, low=0.5)])


def test_the_opposite_has_slope_minus_one(same_derivatives, numbers):
    same_derivatives(Negate, torch.neg, [numbers(2, 3)])


@pytest.mark.parametrize(("exponent", "slope"), [(0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0)])
def test_a_power_has_a_slope_at_zero(exponent, slope):
    at = Parameter(0.0)
    graph = StaticGraph(Power(exponent)(at))
    graph.forward()
    graph.backward()
    assert graph.gradient(at) == slope


def test_an_exponent_that_is_a_node_is_refused_with_the_formula_to_write():
    with pytest.raises(OperandError, match=r"exponent y is not a real number.*exp\(y \* log\(x\)\)"):
        Parameter(2.0) ** Parameter(3.0, "y")


def test_dividing_by_zero_gives_infinity_without_a_warning():
    at = Parameter(np.array([1.0, -1.0]))
    value = StaticGraph(at / 0.0).forward()
    np.testing.assert_array_equal(value, [np.inf, -np.inf])
