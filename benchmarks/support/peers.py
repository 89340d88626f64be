"""Run other gradient checkers on a case: torch's gradcheck (slow and fast) and JAX's check_grads.

Each runs with its default settings on a function whose backward pass returns the submitted gradients.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.support.cases import LabelledSubmission
from reference_impl import named

Peer = Callable[[LabelledSubmission], bool]


def torch_gradcheck(fast: bool) -> Peer:
    def check(case: LabelledSubmission) -> bool:
        import torch

        problem = case.problem
        names = [name for name, _ in named(problem.parameters)]
        inputs = torch.tensor(problem.batch.inputs.copy())
        targets = torch.tensor(problem.batch.targets.copy())
        activations = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda a: a}

        def loss(arrays: dict) -> torch.Tensor:
            z = inputs
            for index, layer in enumerate(problem.network.layers):
                a = z @ arrays[f"layers.{index}.weight"] + arrays[f"layers.{index}.bias"]
                z = activations[layer.activation.name](a)
            return problem.risk.factor * (z - targets).square().sum(-1).mean()

        class SubmittedGradients(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *arrays):
                return loss(dict(zip(names, arrays, strict=True)))

            @staticmethod
            def backward(ctx, upstream):
                return tuple(upstream * torch.tensor(case.gradients[name]) for name in names)

        leaves = [torch.tensor(x.copy(), requires_grad=True) for _, x in named(problem.parameters)]
        return torch.autograd.gradcheck(
            SubmittedGradients.apply, leaves, fast_mode=fast, raise_exception=False
        )

    return check


def jax_check_grads(case: LabelledSubmission) -> bool:
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    problem = case.problem
    names = [name for name, _ in named(problem.parameters)]
    activations = {"tanh": jnp.tanh, "relu": jax.nn.relu, "identity": lambda a: a}

    def loss(*values):
        arrays = dict(zip(names, values, strict=True))
        z = problem.batch.inputs
        for index, layer in enumerate(problem.network.layers):
            a = z @ arrays[f"layers.{index}.weight"] + arrays[f"layers.{index}.bias"]
            z = activations[layer.activation.name](a)
        return problem.risk.factor * jnp.square(z - problem.batch.targets).sum(-1).mean()

    submitted = jax.custom_vjp(loss)
    submitted.defvjp(
        lambda *values: (loss(*values), None),
        lambda _, upstream: tuple(upstream * jnp.asarray(case.gradients[name]) for name in names),
    )
    try:
        check_grads(submitted, [jnp.asarray(x) for _, x in named(problem.parameters)], 1, modes=("rev",))
    except AssertionError:
        return False
    return True


def installed_peers() -> dict[str, Peer]:
    """Return the peers that are installed."""
    from importlib.util import find_spec

    peers: dict[str, Peer] = {}
    if find_spec("torch"):
        peers |= {"torch slow": torch_gradcheck(False), "torch fast": torch_gradcheck(True)}
    if find_spec("jax"):
        peers["jax"] = jax_check_grads
    return peers


def peer_outcome(peer: Peer, case: LabelledSubmission) -> str:
    with np.errstate(all="ignore"):
        return "passed" if peer(case) else "failed"


def torch_accepts(forward: Callable[..., Any], backward: Callable[..., Any], *point: Any) -> bool:
    """True if gradcheck accepts a function of arrays. backward: of the output's gradient and the arrays."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return torch.tensor(forward(*(tensor.detach().numpy() for tensor in tensors)))

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            arrays = (tensor.detach().numpy() for tensor in ctx.saved_tensors)
            return tuple(torch.tensor(part) for part in backward(upstream.numpy(), *arrays))

    tensors = [torch.tensor(array, requires_grad=True) for array in point]
    return bool(torch.autograd.gradcheck(Function.apply, tensors, raise_exception=False))


def jax_accepts(forward: Callable[..., Any], backward: Callable[..., Any], *point: Any) -> bool:
    """True if check_grads accepts a function of arrays, which JAX calls back, and its backward."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    value = np.asarray(forward(*point))
    shape = jax.ShapeDtypeStruct(value.shape, value.dtype)
    shapes = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in point)

    def to_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: function(*map(np.array, arrays))

    def called(*arrays: Any) -> Any:
        return jax.pure_callback(to_numpy(forward), shape, *arrays)

    def pulled(arrays: Any, upstream: Any) -> Any:
        return jax.pure_callback(to_numpy(lambda *rows: tuple(backward(*rows))), shapes, upstream, *arrays)

    function = jax.custom_vjp(called)
    function.defvjp(lambda *arrays: (called(*arrays), arrays), pulled)
    try:
        check_grads(function, [jax.numpy.asarray(array) for array in point], 1, modes=("rev",))
    except AssertionError:
        return False
    return True
