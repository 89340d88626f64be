"""Functions of one number that graphs apply beside the activations: rows with the same columns as theirs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from reference_impl.activation import Activation, Kink, Smoothness, elementwise
from reference_impl.array import Array
from reference_impl.field import Field, magnitude

MOST_MULTIPLICATIONS = 64  # exponents up to it are powers by repeated multiplication


def exp() -> Activation:
    return elementwise(
        "exp",
        forward=np.exp,
        derivative=np.exp,
        second_derivative=np.exp,
        roundoff=np.exp,
        derivative_roundoff=np.exp,
        formula=lambda field, a: field.exp(a),
        in_torch=lambda torch, a: torch.exp(a),
        in_graph=lambda graph, a: graph.Exp()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 10.0 * z, derivative_accuracy=lambda a, found: 10.0 * found
        ),
    )


def log() -> Activation:
    def where_defined(a: Array) -> Array:
        return np.asarray(np.where(a >= 0, a, np.nan))

    return elementwise(
        "log",
        forward=np.log,
        derivative=lambda a: 1.0 / where_defined(a),
        second_derivative=lambda a: -1.0 / np.square(a),
        roundoff=lambda a: np.abs(np.log(a)),
        derivative_roundoff=lambda a: 1.0 / np.abs(a),
        formula=lambda field, a: field.log(a),
        in_torch=lambda torch, a: torch.log(a),
        in_graph=lambda graph, a: graph.Log()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 10.0 * np.abs(z), derivative_accuracy=lambda a, found: 2.0 / np.abs(a)
        ),
    )


def sqrt() -> Activation:
    return elementwise(
        "sqrt",
        forward=np.sqrt,
        derivative=lambda a: 0.5 / np.sqrt(a),
        second_derivative=lambda a: -0.25 / (np.abs(a) * np.sqrt(a)),
        roundoff=np.sqrt,
        derivative_roundoff=lambda a: 1.0 / np.sqrt(a),
        formula=lambda field, a: field.exp(0.5 * field.log(a)),
        in_torch=lambda torch, a: torch.sqrt(a),
        in_graph=lambda graph, a: graph.Sqrt()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 2.0 * z, derivative_accuracy=lambda a, found: 2.0 / np.sqrt(a)
        ),
    )


def absolute() -> Activation:
    return elementwise(
        "absolute",
        forward=np.abs,
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, -1.0)),
        second_derivative=np.zeros_like,
        roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        formula=magnitude,
        in_torch=lambda torch, a: torch.abs(a),
        in_graph=lambda graph, a: graph.Absolute()(a),
        smoothness=Smoothness(
            accuracy=None,
            derivative_accuracy=None,
            turning_points=(0.0,),
            elementary=False,
        ),
        kinks=(Kink(at=0.0, left=-1.0, right=1.0),),
    )


def power(exponent: float) -> Activation:
    """aⁿ for a number n; where n is not whole, for a > 0 alone. 0⁰ is 1."""

    def raised(a: Array, to: float) -> Array:
        return np.asarray(np.power(a, to))

    def derivative(a: Array) -> Array:
        return exponent * raised(a, exponent - 1.0) if exponent else np.zeros_like(a)

    def second_derivative(a: Array) -> Array:
        factor = exponent * (exponent - 1.0)
        return factor * raised(a, exponent - 2.0) if factor else np.zeros_like(a)

    def magnified(a: Array) -> Array:  # by multiplications one after the other, or by e^(n log a)
        logarithm = np.log(np.where(a == 0, 1.0, np.abs(a)))
        return np.asarray(2.0 + abs(exponent) * (1.0 + np.abs(logarithm)))

    return elementwise(
        "power",
        forward=lambda a: raised(a, exponent),
        derivative=derivative,
        second_derivative=second_derivative,
        roundoff=lambda a: np.abs(raised(a, exponent)) * magnified(a),
        derivative_roundoff=lambda a: np.abs(derivative(a)) * magnified(a),
        formula=lambda field, a: _power_formula(field, a, exponent),
        in_torch=lambda torch, a: torch.pow(a, exponent),
        in_graph=lambda graph, a: graph.Power(exponent)(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 24.0 * np.abs(z),
            derivative_accuracy=lambda a, found: 26.0 * np.abs(found),
            turning_points=(0.0,),
            derivative_turning_points=(0.0,),
        ),
        options={"exponent": exponent},
    )


def _power_formula(field: Field, a: Array, exponent: float) -> Array:
    times = int(exponent)
    if times != exponent or abs(times) > MOST_MULTIPLICATIONS:
        return np.asarray(field.exp(exponent * field.log(a)))
    product = 0 * a + 1
    for _ in range(abs(times)):
        product = product * a
    return np.asarray(1 / product if times < 0 else product)


ELEMENTARY_FUNCTIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {"exp": exp, "log": log, "sqrt": sqrt, "absolute": absolute, "power": power}
)
