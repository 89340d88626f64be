import numpy as np

from reference_impl.graph import Elementwise, Parameter, StaticGraph, Sum
from reference_impl.graph.functions import magnitude, where_positive


class Cube(Elementwise):
    def forward(self, operand):
        return operand**3

    def slope(self, operand):
        return 3 * operand**2


def test_a_new_function_needs_only_its_value_and_its_slope():
    at = Parameter([1.0, -2.0], "a")
    graph = StaticGraph(Sum()(Cube()(at)))
    assert graph.forward() == -7.0
    graph.backward()
    np.testing.assert_array_equal(graph.gradient("a"), [3.0, 12.0])


def test_a_branch_is_chosen_by_the_sign_and_nan_has_none():
    branches = where_positive(np.array([2.0, 0.0, -0.0, -1.0, np.inf, np.nan]), 1.0, 5.0)
    np.testing.assert_array_equal(branches, [1.0, 5.0, 5.0, 5.0, 1.0, np.nan])


def test_a_branch_of_a_complex_number_is_chosen_by_its_real_part():
    np.testing.assert_array_equal(where_positive(np.array([1 - 9j, -1 + 9j]), 1.0, 5.0), [1.0, 5.0])


def test_a_magnitude_is_never_minus_zero():
    assert not np.signbit(magnitude(np.array([-0.0, 0.0, -1.0]))).any()
