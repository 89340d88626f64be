import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as twin_of

from reference_impl.graph import (
    Elu,
    Gelu,
    GeluTanh,
    Hardswish,
    LeakyRelu,
    Mish,
    OperandError,
    Parameter,
    Relu,
    Silu,
    Softplus,
    StaticGraph,
    directional_derivative,
)

TABLE = [
    ("relu", Relu, torch.relu),
    ("leaky relu", LeakyRelu, twin_of.leaky_relu),
    ("leaky relu, slope 0.2", lambda: LeakyRelu(0.2), lambda a: twin_of.leaky_relu(a, 0.2)),
    ("elu", Elu, twin_of.elu),
    ("elu, alpha 0.5", lambda: Elu(0.5), lambda a: twin_of.elu(a, 0.5)),
    ("softplus", Softplus, lambda a: torch.logaddexp(a, torch.zeros_like(a))),  # torch's own cuts off at 20
    ("silu", Silu, twin_of.silu),
    ("mish", Mish, twin_of.mish),
    ("gelu by tanh", GeluTanh, lambda a: twin_of.gelu(a, approximate="tanh")),
    ("hardswish", Hardswish, twin_of.hardswish),
    ("gelu", Gelu, twin_of.gelu),
]
ROWS = pytest.mark.parametrize(("make", "twin"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])


@ROWS
@pytest.mark.parametrize("side", [(0.1, 3.0), (-3.0, -0.1)], ids=["right of 0", "left of 0"])
@pytest.mark.parametrize("shape", [(), (2, 3)], ids=str)
def test_the_slope_is_that_of_torch_and_of_differences(make, twin, side, shape, same_derivatives, numbers):
    same_derivatives(make, twin, [numbers(*shape, low=side[0], high=side[1])])


@ROWS
def test_huge_values_neither_overflow_nor_warn_and_nan_stays_nan(make, twin):
    with np.errstate(all="raise", under="ignore"):
        value = make().forward(np.array([1e4, -1e4, np.nan]))
    expected = twin(torch.tensor([1e4, -1e4, np.nan], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(value, expected, rtol=1e-15, atol=0)
    at = Parameter([1e4, -1e4, np.nan])
    graph = StaticGraph(make()(at))
    tangent = directional_derivative(graph, {}, {at: np.ones(3)})[1]
    assert tangent[0] == 1.0
    assert abs(tangent[1]) <= 0.2
    assert np.isnan(tangent[2])


@ROWS
def test_the_slope_at_zero_is_torchs(make, twin):
    at = Parameter(0.0)
    tensor = torch.zeros((), dtype=torch.float64, requires_grad=True)
    twin(tensor).backward()
    assert directional_derivative(StaticGraph(make()(at)), {}, {at: 1.0})[1] == tensor.grad.item()


@pytest.mark.parametrize("at", [-700.0, -40.0, -1.0, 0.0, 1.0, 40.0])
def test_softplus_and_its_slope_keep_full_relative_accuracy(at):
    leaf = Parameter(at)
    value, slope = directional_derivative(StaticGraph(Softplus()(leaf)), {}, {leaf: 1.0})
    with mpmath.workdps(400):  # enough for 1 + e**-700
        exact_value = float(mpmath.log(1 + mpmath.exp(at)))
        exact_slope = float(1 / (1 + mpmath.exp(-at)))
    assert value == pytest.approx(exact_value, rel=1e-15, abs=0)
    assert slope == pytest.approx(exact_slope, rel=1e-15, abs=0)


@ROWS
def test_a_complex_step_gives_the_slope_of_all_but_gelu(make, twin):
    at = np.array([1.5, -0.5])
    if isinstance(make(), Gelu):
        with pytest.raises(OperandError, match="gelu is real: give real numbers"):
            StaticGraph(make()(Parameter(at + 0j))).forward()
    else:
        stepped = StaticGraph(make()(Parameter(at + 1e-30j))).forward().imag / 1e-30
        leaf = Parameter(at)
        slope = directional_derivative(StaticGraph(make()(leaf)), {}, {leaf: np.ones(2)})[1]
        np.testing.assert_allclose(stepped, slope, rtol=1e-14)
