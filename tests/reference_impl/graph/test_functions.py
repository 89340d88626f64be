import numpy as np
import pytest
import torch

from reference_impl.graph import (
    Absolute,
    Arctan,
    Clip,
    Cos,
    Erf,
    Exp,
    Expm1,
    Log,
    Log1p,
    OperandError,
    Parameter,
    Sign,
    Sin,
    Sqrt,
    StaticGraph,
    Sum,
    WeightedLog,
    WeightedLog1p,
    directional_derivative,
)

WEIGHTS = np.array([[0.5, 0.0, 2.0], [1.0, 0.25, 0.0]])

TABLE = [
    # operation, twin, domain: away from where differences would cross a kink or a pole
    ("exp", Exp, torch.exp, (-2.0, 2.0)),
    ("log", Log, torch.log, (0.3, 3.0)),
    ("log1p", Log1p, torch.log1p, (-0.5, 3.0)),
    ("sqrt", Sqrt, torch.sqrt, (0.3, 3.0)),
    ("absolute, right of 0", Absolute, torch.abs, (0.1, 2.0)),
    ("absolute, left of 0", Absolute, torch.abs, (-2.0, -0.1)),
    ("expm1", Expm1, torch.expm1, (-2.0, 2.0)),
    ("sin", Sin, torch.sin, (-4.0, 4.0)),
    ("cos", Cos, torch.cos, (-4.0, 4.0)),
    ("arctan", Arctan, torch.atan, (-4.0, 4.0)),
    ("erf", Erf, torch.erf, (-2.0, 2.0)),
    ("sign, right of 0", Sign, lambda a: torch.sign(a) + 0.0 * a, (0.1, 2.0)),
    ("clip, within", lambda: Clip(-3.0, 3.0), lambda a: torch.clamp(a, -3.0, 3.0), (-2.0, 2.0)),
    ("clip, above", lambda: Clip(high=-3.0), lambda a: torch.clamp(a, max=-3.0), (-2.0, 2.0)),
    (
        "weighted log",
        lambda: WeightedLog(WEIGHTS),
        lambda a: torch.xlogy(torch.tensor(WEIGHTS), a),
        (0.3, 3.0),
    ),
    (
        "weighted log1p",
        lambda: WeightedLog1p(WEIGHTS),
        lambda a: torch.special.xlog1py(torch.tensor(WEIGHTS), a),
        (-0.5, 3.0),
    ),
]


@pytest.mark.parametrize(
    ("make", "twin", "domain"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_the_slope_is_that_of_torch_and_of_differences(make, twin, domain, shape, same_derivatives, numbers):
    same_derivatives(make, twin, [numbers(*shape, low=domain[0], high=domain[1])])


@pytest.mark.parametrize(("operation", "at_zero"), [(WeightedLog, 0.0), (WeightedLog1p, -1.0)])
def test_zero_times_the_logarithm_of_zero_is_zero_and_so_is_its_slope(operation, at_zero):
    at = Parameter([at_zero, at_zero + 0.5])
    graph = StaticGraph(Sum()(operation([0.0, 3.0])(at)))
    assert graph.forward() == pytest.approx(3 * np.log(0.5), rel=1e-15)
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(at), [0.0, 6.0])


@pytest.mark.parametrize("operation", [WeightedLog, WeightedLog1p])
def test_nan_shows_even_where_the_weight_is_zero(operation):
    assert np.isnan(StaticGraph(operation(0.0)(Parameter(np.nan))).forward())


def test_the_logarithm_of_0_is_minus_infinity_and_of_negative_numbers_nan():
    np.testing.assert_array_equal(StaticGraph(Log()(Parameter([0.0, -1.0]))).forward(), [-np.inf, np.nan])


def test_the_absolute_value_has_slope_zero_at_its_kink_and_nan_at_nan():
    at = Parameter([0.0, -0.0, np.nan, -3.0])
    value, tangent = directional_derivative(StaticGraph(Absolute()(at)), {}, {at: np.ones(4)})
    np.testing.assert_array_equal(value, [0.0, 0.0, np.nan, 3.0])
    np.testing.assert_array_equal(tangent, [0.0, 0.0, np.nan, -1.0])
    assert not np.signbit(value[:2]).any()


def test_the_absolute_value_continues_to_complex_numbers():
    value = StaticGraph(Absolute()(Parameter([-2.0 + 1e-20j, 2.0 + 1e-20j]))).forward()
    np.testing.assert_array_equal(value, [2.0 - 1e-20j, 2.0 + 1e-20j])


def test_the_sign_has_no_slope_and_is_0_at_0():
    at = Parameter([-2.0, 0.0, 3.0])
    graph = StaticGraph(Sum()(Sign()(at) * [1.0, 2.0, 4.0]))
    assert graph.forward() == 3.0
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(at), [0.0, 0.0, 0.0])


def test_a_clipped_number_has_no_slope():
    at = Parameter([-2.0, 0.5, 3.0])
    graph = StaticGraph(Sum()(Clip(-1.0, 1.0)(at)))
    assert graph.forward() == 0.5
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(at), [0.0, 1.0, 0.0])


def test_erf_is_real():
    graph = StaticGraph(Sum()(Erf()(Parameter([1.0 + 1e-9j]))))
    with pytest.raises(OperandError, match="erf is real"):
        graph.forward()
