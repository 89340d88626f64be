import numpy as np
import pytest

from reference_impl.graph import Parameter, StaticGraph, Sum
from reference_impl.graph.reverse_mode import backpropagate


class Counting(Sum):
    def backward(self, output_grad):
        self.visits = getattr(self, "visits", 0) + 1
        return super().backward(output_grad)


def test_every_node_is_visited_once_however_many_paths_lead_through_it():
    node = shared = Counting()(Parameter([1.0, 2.0]))
    for _ in range(30):  # 2**30 paths
        node = node + node
    graph = StaticGraph(node)
    graph.forward()
    graph.backward()
    assert shared.visits == 1
    assert shared.grad == 2.0**30


def test_the_gradient_of_the_output_with_respect_to_itself_is_one():
    x = Parameter([[2.0]])
    gradients = backpropagate([x], x)
    np.testing.assert_array_equal(gradients[x], [[1.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_infinity_and_nan_travel_back_without_a_warning(bad):
    x = Parameter([1.0, bad])
    graph = StaticGraph(Sum()(x * x))
    graph.forward()
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(x), [2.0, bad])
