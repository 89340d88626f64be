import numpy as np
import pytest
import torch

from reference_impl.graph import Mean, Parameter, StaticGraph, Sum

CASES = [
    ((), None),
    ((3,), None),
    ((2, 3), None),
    ((2, 3), 0),
    ((2, 3), -1),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 1)),
]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axis"), CASES, ids=str)
@pytest.mark.parametrize(("operation", "twin"), [(Sum, torch.sum), (Mean, torch.mean)])
def test_each_entry_receives_its_share(operation, twin, shape, axis, keepdims, same_derivatives, numbers):
    axes = tuple(range(len(shape))) if axis is None else axis
    same_derivatives(
        lambda: operation(axis, keepdims=keepdims),
        lambda a: twin(a, dim=axes, keepdim=keepdims) if shape else twin(a),
        [numbers(*shape)],
    )


def test_a_sum_hands_its_gradient_to_every_entry_and_a_mean_an_equal_part():
    at = Parameter(np.zeros((2, 2)))
    for operation, share in [(Sum(), 1.0), (Mean(), 0.25)]:
        graph = StaticGraph(operation(at))
        graph.forward()
        graph.backward()
        np.testing.assert_array_equal(graph.gradient(at), np.full((2, 2), share))
