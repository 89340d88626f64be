"""Values and gradients of functions of PyTorch and JAX, by the framework's own automatic differentiation.

Neither framework is imported before a caller's function or tensor shows that it is used.
"""

import copy
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.testing.operation_check.structures import Use, is_torch_tensor, joined, leaves_of, parted


def is_torch_module(value: Any) -> bool:
    """True for a `torch.nn.Module`."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def is_jax(value: Any) -> bool:
    """True for an array of JAX, or a function that JAX has transformed."""
    return type(value).__module__.split(".")[0] in ("jax", "jaxlib")


def torch_use(function: Callable[..., Any], order: int = 1, *, unused_is_zero: bool = True) -> Use:
    """Return one use of a function of tensors; its gradients are those of autograd.

    order: 2 for the function's vector-Jacobian product, as a function of its last argument too.
    unused_is_zero: True if an argument without a gradient has the gradient 0; False if it is missing.
    """
    import torch  # heavy; the caller's function is PyTorch's

    tensors: list[Any] = []
    outputs: list[Any] = []

    def value_of(arguments: list[Any]) -> list[Any]:
        return [leaf for _, leaf in leaves_of(function(*arguments)) if is_torch_tensor(leaf)]

    def forward(*arrays: Any) -> Any:
        tensors[:] = [
            torch.tensor(array, requires_grad=array.dtype.kind in "fc") for array in map(np.asarray, arrays)
        ]
        if order == 1:
            outputs[:] = value_of(tensors)
        else:
            *arguments, cotangent = tensors
            first = value_of(arguments)
            pieces = parted(cotangent, [tuple(output.shape) for output in first])
            moving = [tensor for tensor in arguments if tensor.requires_grad]
            gradients = torch.autograd.grad(first, moving, pieces, create_graph=True, allow_unused=True)
            outputs[:] = [gradient for gradient in gradients if gradient is not None]
        return joined([output.detach().resolve_conj().numpy() for output in outputs])

    def backward(upstream: Array) -> Any:
        pieces = parted(upstream, [tuple(output.shape) for output in outputs])
        weights = [
            torch.tensor(piece).to(output.dtype) for piece, output in zip(pieces, outputs, strict=True)
        ]
        moving = [tensor for tensor in tensors if tensor.requires_grad]
        active = [
            (output, weight)
            for output, weight in zip(outputs, weights, strict=True)
            if output.requires_grad or not unused_is_zero
        ]
        if not active:
            return tuple(np.zeros(tensor.shape) for tensor in moving)
        values, factors = zip(*active, strict=True)
        gradients = torch.autograd.grad(values, moving, factors, allow_unused=True, retain_graph=True)
        unused = [np.zeros(tensor.shape) if unused_is_zero else None for tensor in moving]
        pairs = zip(gradients, unused, strict=True)
        return tuple(zero if gradient is None else gradient.numpy() for gradient, zero in pairs)

    return Use(forward, backward)


def seeded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that draws the same random numbers in every call, as for dropout."""
    import torch  # heavy; the caller's function is PyTorch's

    # manual_seed stores a stack for each kind of device that is absent, at every call
    others = torch.cuda.is_available() or torch.backends.mps.is_available()
    seed = torch.manual_seed if others else torch.default_generator.manual_seed

    def called(*tensors: Any) -> Any:
        with torch.random.fork_rng():
            seed(0)
            return function(*tensors)

    return called


def module_function(module: Any, inputs: int) -> tuple[Callable[..., Any], dict[str, Array]]:
    """Return a module as a function of its inputs and parameters, and its parameters by name.

    Every call uses a copy of the module, so that running statistics stay as they are.
    """
    import torch  # heavy; the module is PyTorch's

    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    parameters = dict(module.named_parameters())

    def function(*tensors: Any) -> Any:
        by_name = dict(zip(names, tensors[inputs:], strict=True))
        return torch.func.functional_call(
            copy.deepcopy(module).to(tensors[0].dtype), by_name, tensors[:inputs]
        )

    return function, {name: parameters[name].detach().numpy() for name in names}


def jax_use(function: Callable[..., Any], order: int) -> Use:
    """Return one use of a function of JAX arrays; its gradients are those of `jax.vjp`.

    order: 2 for the function's vector-Jacobian product, as a function of its last argument too.
    """
    jax = import_module("jax")  # heavy; the caller's function is JAX's

    pullback: list[Any] = []
    shapes: list[tuple[int, ...]] = []

    def outputs_of(*arguments: Any) -> list[Any]:
        return [leaf for _, leaf in leaves_of(function(*arguments))]

    def second(*arguments: Any) -> list[Any]:
        *primals, cotangent = arguments
        first, pull = jax.vjp(outputs_of, *primals)
        return list(pull(parted(cotangent, [tuple(output.shape) for output in first])))

    def forward(*arrays: Any) -> Any:
        arguments = [jax.numpy.asarray(array) for array in arrays]
        outputs, pull = jax.vjp(outputs_of if order == 1 else second, *arguments)
        pullback[:] = [pull]
        shapes[:] = [tuple(output.shape) for output in outputs]
        pullback.append([output.dtype for output in outputs])
        return joined([np.asarray(output) for output in outputs])

    def backward(upstream: Array) -> Any:
        pull, dtypes = pullback
        pieces = [
            jax.numpy.asarray(piece, dtype=dtype)
            for piece, dtype in zip(parted(upstream, shapes), dtypes, strict=True)
        ]
        gradients = pull(pieces)
        return tuple(np.asarray(g) for g in gradients if g.dtype.name != "float0")

    return Use(forward, backward)
