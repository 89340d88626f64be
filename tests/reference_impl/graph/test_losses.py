import numpy as np
import pytest
import torch
import torch.nn.functional as twin_of

from reference_impl.graph import (
    Parameter,
    Softmax,
    StaticGraph,
    binary_cross_entropy_on_logits,
    binary_cross_entropy_on_probabilities,
    cross_entropy_on_logits,
    cross_entropy_on_probabilities,
    squared_error,
)

ONE_HOT = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
SOFT = np.array([[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]])
TABLE = [
    ("squared error", squared_error, lambda f, y: twin_of.mse_loss(f, y, reduction="sum"), (-2.0, 2.0)),
    (
        "cross entropy on logits",
        cross_entropy_on_logits,
        lambda f, y: twin_of.cross_entropy(f, y, reduction="sum"),
        (-2.0, 2.0),
    ),
    (
        "cross entropy on probabilities",
        cross_entropy_on_probabilities,
        lambda f, y: -torch.xlogy(y, f).sum(),
        (0.1, 0.9),
    ),
    (
        "binary cross entropy on logits",
        binary_cross_entropy_on_logits,
        lambda f, y: twin_of.binary_cross_entropy_with_logits(f, y, reduction="sum"),
        (-2.0, 2.0),
    ),
    (
        "binary cross entropy on probabilities",
        binary_cross_entropy_on_probabilities,
        lambda f, y: twin_of.binary_cross_entropy(f, y, reduction="sum"),
        (0.1, 0.9),
    ),
]


def value_and_gradient(loss, outputs, targets):
    leaf = Parameter(outputs)
    graph = StaticGraph(loss(leaf, targets))
    value = graph.forward()
    graph.backward()
    return value, graph.gradient(leaf)


@pytest.mark.parametrize(
    ("loss", "twin", "domain"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.parametrize("targets", [ONE_HOT, SOFT], ids=["one-hot", "soft"])
def test_value_and_gradient_are_those_of_torch(loss, twin, domain, targets, numbers):
    outputs = numbers(2, 3, low=domain[0], high=domain[1])
    value, gradient = value_and_gradient(loss, outputs, targets)
    tensor = torch.tensor(outputs, requires_grad=True)
    expected = twin(tensor, torch.tensor(targets))
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-14)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("loss", [cross_entropy_on_logits, binary_cross_entropy_on_logits])
def test_a_huge_wrong_logit_costs_its_size_and_a_huge_right_one_nothing(loss):
    right, wrong = np.where(ONE_HOT == 1, 1e4, -1e4), np.where(ONE_HOT == 1, -1e4, 1e4)
    assert value_and_gradient(loss, right, ONE_HOT)[0] == 0.0
    assert value_and_gradient(loss, wrong, ONE_HOT)[0] >= 4e4
    assert np.abs(value_and_gradient(loss, right, ONE_HOT)[1]).max() == 0.0
    assert np.abs(value_and_gradient(loss, wrong, ONE_HOT)[1]).max() == 1.0


@pytest.mark.parametrize("loss", [cross_entropy_on_probabilities, binary_cross_entropy_on_probabilities])
def test_certainty_that_is_right_costs_nothing(loss):
    value, gradient = value_and_gradient(loss, ONE_HOT, ONE_HOT)
    assert value == 0.0
    assert np.isfinite(gradient).all()


def test_softmax_and_cross_entropy_together_have_the_gradient_p_minus_y(numbers):
    logits = Parameter(numbers(2, 3))
    probabilities = Softmax()(logits)
    graph = StaticGraph(cross_entropy_on_probabilities(probabilities, SOFT))
    graph.forward()
    graph.backward()
    np.testing.assert_allclose(graph.gradient(logits), probabilities.value - SOFT, rtol=0, atol=1e-15)
