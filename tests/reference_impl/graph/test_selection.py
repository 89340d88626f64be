import numpy as np
import pytest
import torch

from reference_impl.graph import OperandError, Parameter, StaticGraph, Take, Where

PLACES = [[0, 5], [3, 3]]
CONDITION = np.array([[True, False, True], [False, False, True]])


def test_take_has_the_derivatives_of_torch(same_derivatives, numbers):
    same_derivatives(lambda: Take(PLACES), lambda a: torch.take(a, torch.tensor(PLACES)), [numbers(2, 3)])


def test_an_entry_is_taken_by_a_whole_number():
    with pytest.raises(OperandError, match="an index is not a whole number"):
        Take([0.5])


@pytest.mark.parametrize(("left", "right"), [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (3,))], ids=str)
def test_where_has_the_derivatives_of_torch(left, right, same_derivatives, numbers):
    same_derivatives(
        lambda: Where(CONDITION),
        lambda a, b: torch.where(torch.tensor(CONDITION), a, b),
        [numbers(*left), numbers(*right, seed=2)],
    )


def test_what_where_leaves_out_does_not_spoil_the_gradient():
    at = Parameter([1.0, np.inf])
    graph = StaticGraph((Where([True, False])(at * 2.0, 0.0)) @ np.ones(2))
    assert graph.forward() == 2.0
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(at), [2.0, 0.0])
