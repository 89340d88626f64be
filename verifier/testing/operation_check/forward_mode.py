"""Jacobian-vector products that callers write, or that PyTorch and JAX compute in forward mode.

The product of the Jacobian with a tangent of 1 at one entry is a column of it, so columns times the gradient
of the output give the gradient that every other form gives, and they are judged in the same way.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import describe, malformed
from verifier.testing.operation_check.frameworks import is_jax
from verifier.testing.operation_check.result import OperationFinding, make_finding
from verifier.testing.operation_check.structures import (
    Arguments,
    Use,
    as_array,
    is_torch_tensor,
    joined,
    leaves_of,
    parameters_of,
    required_count,
)

MOST_ENTRIES = 1000  # numbers of arguments, each of which needs one product
_TOLERANCE = 1e-4  # relative; what float32 may lose in a sum of columns
Product = Callable[[Sequence[Any], Sequence[Any]], Any]
"""(arguments, tangents) -> the tangent of the output, or the output and its tangent."""


def read_product(function: Any, jvp: Any, arguments: Sequence[Any]) -> Product:
    """Return a Jacobian-vector product as a function of arguments and tangents. Raises: MalformedSubmission.

    jvp: function of (arguments, tangents), or of all arguments and all tangents; True for that of the
    framework.
    """
    if jvp is True:
        return _of_framework(function, arguments)
    if not callable(jvp):
        raise malformed("jvp", "a function, or True for one of PyTorch or JAX", describe(jvp))
    count, parameters = required_count(jvp), [row.name for row in parameters_of(jvp)]
    in_pairs = count == 2 and (len(arguments) > 1 or parameters[0].startswith("primal"))
    if in_pairs:
        return lambda values, tangents: jvp(tuple(values), tuple(tangents))
    if count != 2 * len(arguments):
        rule = f"a function of {len(arguments)} arguments and as many tangents, or of both as tuples"
        raise malformed("jvp", rule, f"a function of {count}: {', '.join(parameters)}")
    return lambda values, tangents: jvp(*values, *tangents)


def _of_framework(function: Any, arguments: Sequence[Any]) -> Product:
    leaves = [leaf for _, leaf in leaves_of(list(arguments))]
    if any(map(is_torch_tensor, leaves)):
        return lambda values, tangents: _of_torch(function, values, tangents)
    if is_jax(function) or any(map(is_jax, leaves)):
        jax = sys.modules["jax"]
        return lambda values, tangents: jax.jvp(function, tuple(values), tuple(tangents))
    raise malformed("jvp", "a function, unless the function is one of PyTorch or JAX", "True")


def _of_torch(function: Any, values: Sequence[Any], tangents: Sequence[Any]) -> Any:
    import torch.autograd.forward_ad as forward_ad  # heavy; the caller's function is PyTorch's

    with forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(value, tangent) if value.is_floating_point() else value
            for value, tangent in zip(values, tangents, strict=True)
        ]
        outputs = [leaf for _, leaf in leaves_of(function(*duals)) if is_torch_tensor(leaf)]
        pairs = [forward_ad.unpack_dual(output) for output in outputs]
        return [pair.primal * 0 if pair.tangent is None else pair.tangent.clone() for pair in pairs]


def product_use(function: Any, product: Product, taken: Arguments, fixed: Sequence[int]) -> Use:
    """Return a use of a function whose gradient is computed column by column of its Jacobian."""
    used: list[Array] = []
    value: list[Array] = []

    def forward(*arrays: Any) -> Any:
        used[:] = arrays
        value[:] = [_output(function(*taken.call_with(arrays)))]
        return value[0]

    def backward(upstream: Array) -> Any:
        return tuple(
            np.array(
                [
                    float(np.vdot(upstream, _tangent(product, taken, used, tangents, value[0])))
                    for tangents in _unit_tangents(used, place)
                ]
            ).reshape(np.shape(used[place]))
            for place in range(len(used))
            if place not in fixed
        )

    return Use(forward, backward)


def check_size(arrays: Sequence[Array], fixed: Sequence[int]) -> None:
    """Raise MalformedSubmission if a Jacobian would have too many columns."""
    count = sum(array.size for place, array in enumerate(arrays) if place not in fixed)
    if count > MOST_ENTRIES:
        rule = f"at most {MOST_ENTRIES} numbers, each of which needs a product"
        raise malformed("arguments", rule, f"{count}", "give smaller arrays, or check the gradient")


def linearity_findings(
    function: Any, product: Product, taken: Arguments, fixed: Sequence[int]
) -> Iterator[OperationFinding]:
    """Yield findings about a product that is not linear in the tangents, or gives another value."""
    arrays = list(taken.arrays)
    value = _output(function(*taken.call_with(arrays)))
    rng = np.random.default_rng(0)
    total, tangents = np.zeros(value.shape), [np.zeros(array.shape) for array in arrays]
    for place, array in enumerate(arrays):
        if place not in fixed:
            tangents[place] = rng.normal(size=array.shape)
            for unit, weight in zip(_unit_tangents(arrays, place), tangents[place].ravel(), strict=True):
                total = total + weight * _tangent(product, taken, arrays, unit, value)
    together = _tangent(product, taken, arrays, tangents, value)
    distance = float(np.abs(together - total).max(initial=0.0))
    if distance > _TOLERANCE * max(1.0, float(np.abs(total).max(initial=0.0))):
        yield make_finding("jvp-not-linear", "jvp", actual=f"{distance:.3g}")
    returned = product(taken.call_with(arrays), taken.call_with(tangents))
    if isinstance(returned, tuple) and len(returned) == 2:
        stated = _output(returned[0])
        size = max(1.0, float(np.abs(value).max(initial=0.0)))
        if stated.shape != value.shape or not np.allclose(stated, value, rtol=0, atol=_TOLERANCE * size):
            yield make_finding("jvp-value", "jvp")


def _unit_tangents(arrays: Sequence[Array], place: int) -> Iterator[list[Array]]:
    for entry in range(arrays[place].size):
        tangents = [np.zeros(np.shape(array)) for array in arrays]
        tangents[place].flat[entry] = 1.0
        yield tangents


def _tangent(
    product: Product, taken: Arguments, arrays: Sequence[Array], tangents: Sequence[Array], value: Array
) -> Array:
    """Return the tangent of the output, in its shape."""
    returned = product(taken.call_with(arrays), taken.call_with(tangents))
    pair = isinstance(returned, tuple) and len(returned) == 2
    tangent = _output(returned[1] if pair else returned)
    if tangent.size != value.size:
        raise ValueError(
            f"the jvp returns shape {tangent.shape}, where the value has {value.shape}: return the tangent "
            "of the output, or the output and its tangent"
        )
    return np.asarray(tangent.reshape(value.shape), dtype=np.float64)


def _output(output: Any) -> Array:
    parts = [as_array(leaf) for _, leaf in leaves_of(output)]
    if not parts or any(part is None for part in parts):
        raise TypeError(f"{describe(output)} is no array")
    return joined([part for part in parts if part is not None])
