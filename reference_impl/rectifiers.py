"""Activations that are linear on one side or both: rows of identity, relu, leaky_relu and elu."""

import numpy as np

from reference_impl.activation import Activation, Kink, Smoothness, elementwise
from reference_impl.array import Array
from reference_impl.field import magnitude


def identity() -> Activation:
    return elementwise(
        "identity",
        forward=lambda a: a,
        derivative=np.ones_like,
        second_derivative=np.zeros_like,
        roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: a,
        in_torch=lambda torch, a: a,
        in_graph=lambda graph, a: a,
        smoothness=Smoothness(accuracy=None, derivative_accuracy=None, elementary=False),
        is_identity=True,
    )


def relu() -> Activation:
    return elementwise(
        "relu",
        forward=lambda a: np.maximum(a, 0.0),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, 0.0)),
        second_derivative=np.zeros_like,
        roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: field.where_positive(a, a, 0 * a),
        in_torch=lambda torch, a: torch.relu(a),
        in_graph=lambda graph, a: graph.Relu()(a),
        smoothness=Smoothness(accuracy=None, derivative_accuracy=None, elementary=False),
        kinks=(Kink(at=0.0, left=0.0, right=1.0),),
    )


def leaky_relu(slope: float = 0.01) -> Activation:
    return elementwise(
        "leaky_relu",
        forward=lambda a: np.where(a > 0, a, slope * a),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, slope)),
        second_derivative=np.zeros_like,
        roundoff=lambda a: np.where(a > 0, 0.0, abs(slope) * np.abs(a)),
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: field.where_positive(a, a, slope * a),
        in_torch=lambda torch, a: torch.nn.functional.leaky_relu(a, negative_slope=slope),
        in_graph=lambda graph, a: graph.LeakyRelu(slope)(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: np.abs(slope * a),
            derivative_accuracy=None,
            turning_points=(0.0,),
            elementary=False,
        ),
        kinks=(Kink(at=0.0, left=slope, right=1.0),) if slope != 1 else (),
        options={"slope": slope},
    )


def elu(alpha: float = 1.0) -> Activation:
    def exponential(a: Array) -> Array:
        return np.asarray(alpha * np.exp(np.minimum(a, 0.0)))

    return elementwise(
        "elu",
        forward=lambda a: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0.0))),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, exponential(a))),
        second_derivative=lambda a: np.where(a > 0, 0.0, exponential(a)),
        roundoff=lambda a: np.where(a > 0, 0.0, abs(alpha) + np.abs(a * exponential(a))),  # e^a − 1
        derivative_roundoff=lambda a: np.where(a > 0, 0.0, abs(alpha) + np.abs(a * exponential(a))),
        formula=lambda field, a: field.where_positive(a, a, alpha * field.expm1(-magnitude(field, a))),
        in_torch=lambda torch, a: torch.nn.functional.elu(a, alpha=alpha),
        in_graph=lambda graph, a: graph.Elu(alpha)(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: np.where(a > 0, 0.0, 12.0 * np.abs(z)),
            derivative_accuracy=lambda a, found: np.where(a > 0, 0.0, 12.0 * np.abs(found)),
            turning_points=(0.0,),
        ),
        kinks=(Kink(at=0.0, left=alpha, right=1.0),) if alpha != 1 else (),
        options={"alpha": alpha},
    )
