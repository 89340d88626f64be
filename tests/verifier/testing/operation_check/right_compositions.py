"""Every further operation of the table, by PyTorch's own functions and derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

Array = np.ndarray[Any, Any]
Tensor = Any


class TorchOperation:
    """An operation whose backward is PyTorch's autograd. data: places of arguments without a gradient."""

    def __init__(self, function: Callable[..., Tensor], data: tuple[int, ...] = ()) -> None:
        self.function, self.data = function, data

    def forward(self, *arguments: Array) -> Array:
        self.tensors = [
            torch.tensor(argument).long() if place in self.data else torch.tensor(argument).double()
            for place, argument in enumerate(arguments)
        ]
        for place, tensor in enumerate(self.tensors):
            tensor.requires_grad_(place not in self.data)
        self.value = self.function(*self.tensors)
        return self.value.detach().numpy().copy()

    def backward(self, output_grad: Array) -> tuple[Array | None, ...]:
        leaves = [tensor for place, tensor in enumerate(self.tensors) if place not in self.data]
        gradients = iter(
            torch.autograd.grad(
                self.value, leaves, torch.tensor(output_grad), retain_graph=True, materialize_grads=True,
                allow_unused=True,
            )
        )  # fmt: skip
        return tuple(
            None if place in self.data else next(gradients).numpy().copy()
            for place in range(len(self.tensors))
        )


def of(
    function: Callable[..., Tensor], data: tuple[int, ...] = (), **options: Any
) -> tuple[Any, dict[str, Any]]:
    return TorchOperation(function, data), options


def last_two(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a function of (N, channels, places) of whatever has a last axis."""
    return function(x.reshape(-1, 1, x.shape[-1])).reshape(*x.shape[:-1], -1)


def stacked_lstm(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> Tensor:
    return torch.stack(torch.lstm_cell(x, (h, c), *weights))


class LstmCell(TorchOperation):
    def forward(self, x: Array, h: Array, c: Array, w: Array, u: Array, b: Array, d: Array) -> Array:  # type: ignore[override]
        return super().forward(x, h, c, w, u, b, d)


class GruCell(TorchOperation):
    def forward(self, x: Array, h: Array, w: Array, u: Array, b: Array, d: Array) -> Array:  # type: ignore[override]
        return super().forward(x, h, w, u, b, d)


NAMED: dict[str, Callable[..., Tensor]] = {
    "expm1": torch.expm1,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "arctan": torch.atan,
    "erf": torch.erf,
    "reciprocal": torch.reciprocal,
    "rsqrt": torch.rsqrt,
    "square": torch.square,
    "log2": torch.log2,
    "log10": torch.log10,
    "exp2": torch.exp2,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tan": torch.tan,
    "tensor_power": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "lerp": torch.lerp,
    "relu6": functional.relu6,
    "hardtanh": functional.hardtanh,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "selu": functional.selu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "mish": functional.mish,
    "softsign": functional.softsign,
    "tanhshrink": functional.tanhshrink,
    "softshrink": functional.softshrink,
    "log_sigmoid": functional.logsigmoid,
    "prelu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "glu": functional.glu,
    "squeeze": torch.squeeze,
    "prod": torch.prod,
    "outer": torch.outer,
    "cosine_similarity": functional.cosine_similarity,
    "attention": functional.scaled_dot_product_attention,
    "l1": functional.l1_loss,
    "huber": functional.huber_loss,
    "smooth_l1": functional.smooth_l1_loss,
    "diagonal": lambda x: torch.diagonal(x, 0, -2, -1),
    "tril": torch.tril,
    "triu": torch.triu,
    "flip": lambda x: torch.flip(x, tuple(range(x.ndim))),
    "min": torch.amin,
    "stack": lambda *parts: torch.stack(parts),
    "kl_divergence": lambda x, y: (y * (y.log() - x)).mean(),
}
RIGHT_COMPOSITIONS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    **{name: [of(function)] for name, function in NAMED.items()},
    "lstm_cell": [(LstmCell(stacked_lstm), {})],
    "gru_cell": [(GruCell(torch.gru_cell), {})],
    "sign": [of(lambda x: torch.sign(x) + 0.0 * x)],
    "clip": [of(lambda x: x.clamp(-0.5, 0.75), min=-0.5, max=0.75), of(lambda x: x.clamp(min=0.0), min=0)],
    "take": [of(torch.take, (1,))],
    "where": [of(lambda c, x, y: torch.where(c > 0, x, y), (0,))],
    "celu": [of(functional.celu), of(lambda x: functional.celu(x, 0.5), alpha=0.5)],
    "roll": [of(lambda x: x.roll(1), shift=1), of(lambda x: x.roll(1, -1), shift=1, axis=-1)],
    "repeat": [of(lambda x: x.repeat(*(1,) * (x.ndim - 1), 2), times=2)],
    "broadcast_to": [of(lambda x: x.expand(2, 3), shape=[2, 3])],
    "pad": [of(lambda x: functional.pad(x, (1, 2)), widths=[[1, 2]])],
    "take_along": [of(lambda x, i: torch.take_along_dim(x, i, -1), (1,))],
    "logsumexp": [of(lambda x: x.logsumexp(-1), axis=-1)],
    "cumsum": [of(lambda x: x.cumsum(-1), axis=-1)],
    "var": [of(lambda x: x.var(-1, correction=0), axis=-1)],
    "std": [of(lambda x: x.std(-1), axis=-1, correction=1)],
    "norm": [of(lambda x: torch.linalg.vector_norm(x, dim=-1), axis=-1)],
    "einsum": [of(lambda x, y: torch.einsum("ij,jk->ki", x, y), subscripts="ij,jk->ki")],
    "distances": [of(lambda x, y: torch.cdist(x, y, 1.0), order=1)],
    "convolution": [of(lambda x, w: functional.conv1d(x, w, padding=1, stride=2), padding=1, stride=2)],
    "transposed_convolution": [of(lambda x, w: functional.conv_transpose1d(x, w, stride=2), stride=2)],
    "max_pool": [of(lambda x: last_two(x, lambda y: functional.max_pool1d(y, 2)), kernel=[2])],
    "average_pool": [of(lambda x: last_two(x, lambda y: functional.avg_pool1d(y, 2)), kernel=[2])],
    "layer_norm": [of(lambda x, *affine: functional.layer_norm(x, x.shape[-1:], *affine))],
    "rms_norm": [of(lambda x, *affine: functional.rms_norm(x, x.shape[-1:], *affine, eps=1e-5))],
    "batch_norm": [of(lambda x, *affine: functional.batch_norm(x, None, None, *affine, training=True))],
    "group_norm": [of(lambda x, *affine: functional.group_norm(x, 2, *affine), groups=2)],
    "negative_log_likelihood": [of(functional.nll_loss, (1,))],
    "weighted_cross_entropy": [
        of(lambda x, y: functional.cross_entropy(x, y, label_smoothing=0.1), (1,), smoothing=0.1)
    ],
    "multiclass_hinge": [of(functional.multi_margin_loss, (1,))],
}
