import pytest
import torch

from reference_impl.graph import MatMul, OperandError, Parameter, StaticGraph, Transpose

PRODUCTS = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
]


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_a_matrix_product_has_both_derivatives(shapes, same_derivatives, numbers):
    same_derivatives(MatMul, torch.matmul, [numbers(*shapes[0]), numbers(*shapes[1], seed=2)])


@pytest.mark.parametrize(
    ("shape", "axes"), [((2, 3), None), ((2, 3, 4), None), ((2, 3, 4), (1, 2, 0)), ((2, 3, 4), (0, -1, 1))]
)
def test_a_transpose_turns_its_gradient_back(shape, axes, same_derivatives, numbers):
    turned = axes or tuple(reversed(range(len(shape))))
    same_derivatives(lambda: Transpose(axes), lambda a: a.permute(turned), [numbers(*shape)])


def test_matrices_that_do_not_fit_are_told_with_the_node_and_both_shapes(numbers):
    product = MatMul(name="scores")(Parameter(numbers(2, 3)), Parameter(numbers(2, 3)))
    with pytest.raises(OperandError, match=r"scores cannot be computed .* \(2, 3\) and \(2, 3\)"):
        StaticGraph(product).forward()
