import numpy as np
import pytest
import torch

from reference_impl.graph import LogSoftmax, Parameter, Sigmoid, Softmax, StaticGraph, Sum, Tanh

ENTRYWISE = [(Sigmoid, torch.sigmoid), (Tanh, torch.tanh)]
ROWWISE = [(Softmax, lambda a: torch.softmax(a, -1)), (LogSoftmax, lambda a: torch.log_softmax(a, -1))]


@pytest.mark.parametrize(("operation", "twin"), ENTRYWISE, ids=["sigmoid", "tanh"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_the_slope_in_terms_of_the_output_is_right(operation, twin, shape, same_derivatives, numbers):
    same_derivatives(operation, twin, [numbers(*shape)])


@pytest.mark.parametrize(("operation", "twin"), ROWWISE, ids=["softmax", "log softmax"])
@pytest.mark.parametrize("shape", [(1,), (4,), (2, 3), (2, 3, 4)], ids=str)
def test_the_jacobian_of_each_row_is_right(operation, twin, shape, same_derivatives, numbers):
    same_derivatives(operation, twin, [numbers(*shape)])


@pytest.mark.parametrize(("operation", "twin"), ENTRYWISE + ROWWISE)
def test_huge_logits_neither_overflow_nor_warn(operation, twin):
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
    with np.errstate(all="raise", under="ignore"):
        value = operation().forward(logits)
    np.testing.assert_allclose(value, twin(torch.tensor(logits)).numpy(), rtol=1e-15, atol=0)
    leaf = Parameter(logits)
    graph = StaticGraph(Sum()(operation()(leaf) * np.arange(6.0).reshape(2, 3)))
    graph.forward()
    graph.backward()
    assert np.isfinite(graph.gradient(leaf)).all()


@pytest.mark.parametrize("operation", [Sigmoid, Tanh, Softmax, LogSoftmax])
def test_nan_passes_through(operation):
    assert np.isnan(operation().forward(np.array([np.nan, 1.0]))[0])


def test_a_tiny_sigmoid_keeps_its_relative_accuracy():
    assert Sigmoid().forward(np.array(-700.0)) == pytest.approx(np.exp(-700.0), rel=1e-15, abs=0)


@pytest.mark.parametrize("operation", [Sigmoid, Tanh, Softmax, LogSoftmax])
def test_a_complex_step_gives_the_derivative_along_a_direction(operation):
    at, along = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])
    stepped = operation().forward(at + 1e-30j * along).imag / 1e-30
    node = operation()
    node.evaluate(at)
    node(Parameter(at))
    np.testing.assert_allclose(stepped, node.push_forward(along), rtol=1e-13, atol=1e-16)
