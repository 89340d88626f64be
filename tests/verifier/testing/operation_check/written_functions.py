"""Functions and gradients in every form that `check_gradient` takes, each right and with one mistake.

The layers are those of the assignments of a course on deep learning for vision, in words of our own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Array = Any
RNG = np.random.default_rng(5)
X, W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=2)
T, LABELS = RNG.normal(size=(4, 2)), np.array([1, 0, 1, 1])
IMAGES, FILTERS = RNG.normal(size=(2, 2, 5, 5)), RNG.normal(size=(3, 2, 3, 3))


def affine_forward(x: Array, w: Array, b: Array) -> Array:
    return x @ w + b, (x, w)


def affine_backward(dout: Array, cache: Array) -> Array:
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def affine_backward_mean(dout: Array, cache: Array) -> Array:
    dx, dw, db = affine_backward(dout, cache)
    return dx, dw, db / len(dout)


def softmax_loss(x: Array, y: Array, scale: float = 1.0) -> Array:
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    dx = p.copy()
    dx[rows, y] -= 1
    return -np.log(p[rows, y]).mean(), scale * dx / len(x)


def softmax_loss_sum(x: Array, y: Array) -> Array:
    return softmax_loss(x, y, scale=len(x))


def norm_forward(x: Array, gamma: Array, beta: Array) -> Array:
    scale = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    normal = (x - x.mean(axis=0)) * scale
    return gamma * normal + beta, (normal, scale, gamma)


def norm_backward(dout: Array, cache: Array) -> Array:
    normal, scale, gamma = cache
    d = dout * gamma
    dx = scale * (d - d.mean(axis=0) - normal * (d * normal).mean(axis=0))
    return dx, (dout * normal).sum(axis=0), dout.sum(axis=0)


def norm_backward_of_constants(dout: Array, cache: Array) -> Array:
    normal, scale, gamma = cache
    return dout * gamma * scale, (dout * normal).sum(axis=0), dout.sum(axis=0)


def conv_forward(x: Array, w: Array) -> Array:
    size = x.shape[2] - w.shape[2] + 1
    out = np.zeros((len(x), len(w), size, size), dtype=np.result_type(x, w))
    for i in range(size):
        for j in range(size):
            part = x[:, :, i : i + w.shape[2], j : j + w.shape[3]]
            out[:, :, i, j] = np.tensordot(part, w, axes=((1, 2, 3), (1, 2, 3)))
    return out, (x, w)


def conv_backward(dout: Array, cache: Array, accumulate: bool = True) -> Array:
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = slice(i, i + w.shape[2]), slice(j, j + w.shape[3])
            dx[:, :, rows, columns] += np.tensordot(dout[:, :, i, j], w, axes=1)
            share = np.tensordot(dout[:, :, i, j].T, x[:, :, rows, columns], axes=1)
            dw = dw + share if accumulate else share
    return dx, dw


def conv_backward_assigned(dout: Array, cache: Array) -> Array:
    return conv_backward(dout, cache, accumulate=False)


def rnn_forward(x: Array, h: Array, wx: Array, wh: Array) -> Array:
    states = [h]
    for step in range(x.shape[1]):
        states.append(np.tanh(x[:, step] @ wx + states[-1] @ wh))
    return np.stack(states[1:], axis=1), (x, states, wx, wh)


def rnn_backward(dout: Array, cache: Array, through_time: bool = True) -> Array:
    x, states, wx, wh = cache
    dx, dwx, dwh, dh = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(states[0])
    for step in reversed(range(x.shape[1])):
        da = (dout[:, step] + dh) * (1 - states[step + 1] ** 2)
        dx[:, step], dwx, dwh = da @ wx.T, dwx + x[:, step].T @ da, dwh + states[step].T @ da
        dh = da @ wh.T if through_time else 0 * dh
    return dx, dh if through_time else da @ wh.T, dwx, dwh


def rnn_backward_one_step(dout: Array, cache: Array) -> Array:
    return rnn_backward(dout, cache, through_time=False)


def attention_forward(q: Array, k: Array, v: Array) -> Array:
    scores = q @ k.T / np.sqrt(q.shape[-1])
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return p @ v, (q, k, v, p)


def attention_backward(dout: Array, cache: Array, diagonal: bool = False) -> Array:
    q, k, v, p = cache
    dp = dout @ v.T
    ds = p * (1 - p) * dp if diagonal else p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    ds = ds / np.sqrt(q.shape[-1])
    return ds @ k, ds.T @ q, p.T @ dout


def attention_backward_diagonal(dout: Array, cache: Array) -> Array:
    return attention_backward(dout, cache, diagonal=True)


def dropout_forward(x: Array, mask: Array) -> Array:
    return x * mask / 0.5, mask


def two_layers(params: dict[str, Array], x: Array, y: Array) -> Array:
    hidden = np.maximum(x @ params["W1"] + params["b1"], 0)
    return softmax_loss(hidden @ params["W2"], y)[0] + 0.1 * (params["W2"] ** 2).sum()


def two_layers_gradient(params: dict[str, Array], x: Array, y: Array, factor: float = 2.0) -> Array:
    hidden = np.maximum(x @ params["W1"] + params["b1"], 0)
    d = softmax_loss(hidden @ params["W2"], y)[1]
    dh = d @ params["W2"].T * (hidden > 0)
    return {
        "W1": x.T @ dh,
        "b1": dh.sum(axis=0),
        "W2": hidden.T @ d + factor * 0.1 * params["W2"],
    }


def two_layers_half_penalty(params: dict[str, Array], x: Array, y: Array) -> Array:
    return two_layers_gradient(params, x, y, factor=1.0)


class LinearLayer:
    """Keeps its parameters and their gradients, which accumulate until `zero_grad`."""

    factor = 1.0

    def __init__(self) -> None:
        self.params = {"W": W.copy(), "b": B.copy()}
        self.grads = {"W": np.zeros_like(W), "b": np.zeros_like(B)}

    def zero_grad(self) -> None:
        for gradient in self.grads.values():
            gradient[...] = 0

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, output_grad: Array) -> Array:
        self.grads["W"] += self.factor * self.x.T @ output_grad
        self.grads["b"] += output_grad.sum(axis=0)
        return output_grad @ self.params["W"].T


class LinearLayerScaled(LinearLayer):
    factor = 0.25


class AttributeLayer:
    """Keeps its parameters and gradients as attributes."""

    def __init__(self, transpose: bool = False) -> None:
        self.W, self.transpose = RNG.normal(size=(3, 3)), transpose

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.W

    def backward(self, output_grad: Array) -> Array:
        self.dW = (output_grad.T @ self.x) if self.transpose else self.x.T @ output_grad
        return output_grad @ self.W.T


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * grad_output


class CubeWithoutThree(Cube):
    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (x,) = ctx.saved_tensors
        return x * x * grad_output


class CubeOfConstant(Cube):
    """Its backward cannot be differentiated again."""

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * (x * x).detach() * grad_output


def pair_of_outputs(x: Array) -> Array:
    return np.sin(x), x.sum(axis=0)


PARAMS = {"W1": W, "b1": B, "W2": RNG.normal(size=(2, 2))}
MASK = (RNG.random((4, 3)) < 0.5).astype(int)
QKV = (RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2)))
RECURRENT = (RNG.normal(size=(2, 3, 2)), *(RNG.normal(size=shape) for shape in ((2, 2), (2, 2), (2, 2))))

Row = tuple[str, Any, Any, tuple[Any, ...], Callable[..., Any] | Any, str]
# form, function, right gradient, arguments, wrong gradient (or a wrong function), name of the mistake
FORMS_WRITTEN: dict[str, Row] = {
    "f and f′": ("derivative", np.sin, np.cos, (X,), np.sin, "wrong-activation-derivative"),
    "f and f′ of a number": ("derivative", np.sin, np.cos, (0.5,), np.sin, "wrong-activation-derivative"),
    "a Jacobian": (
        "derivative",
        lambda w: X @ w,
        lambda w: X,
        (B[[0, 1, 0]],),
        lambda w: X.T,
        "gradient-shape",
    ),
    "loss and grad": (
        "derivative",
        lambda p, t: ((p - t) ** 2).mean(),
        lambda p, t: 2 * (p - t) / p.size,
        (T, T[::-1]),
        lambda p, t: 2 * (p - t),
        "batch-sum-for-mean",
    ),
    "numbers": ("numbers", lambda x: (x**2).sum(), 2 * X, (X,), -2 * X, "sign-flipped"),
    "loss and gradient together": (
        "value-and-gradient",
        softmax_loss,
        None,
        (T, LABELS),
        softmax_loss_sum,
        "constant-factor",
    ),
    "a dictionary of parameters": (
        "derivative",
        two_layers,
        two_layers_gradient,
        (PARAMS, X, LABELS),
        two_layers_half_penalty,
        "gradient-value",
    ),
    "affine layer": (
        "cache",
        affine_forward,
        affine_backward,
        (X, W, B),
        affine_backward_mean,
        "bias-mean-for-sum",
    ),
    "batch norm": (
        "cache",
        norm_forward,
        norm_backward,
        (X, B[[0, 1, 1]], B[[1, 0, 1]]),
        norm_backward_of_constants,
        "assigned-not-accumulated",
    ),
    "dropout": (
        "cache",
        dropout_forward,
        lambda d, m: d * m * 2,
        (X, MASK),
        lambda d, m: d * m,
        "constant-factor",
    ),
    "convolution": (
        "cache",
        conv_forward,
        conv_backward,
        (IMAGES, FILTERS),
        conv_backward_assigned,
        "gradient-value",
    ),
    "recurrent layer": (
        "cache",
        rnn_forward,
        rnn_backward,
        RECURRENT,
        rnn_backward_one_step,
        "gradient-value",
    ),
    "attention": (
        "cache",
        attention_forward,
        attention_backward,
        QKV,
        attention_backward_diagonal,
        "gradient-value",
    ),
    "residuals": (
        "residuals",
        lambda x: (np.sin(x), x),
        lambda residuals, grad: (grad * np.cos(residuals),),
        (X,),
        lambda residuals, grad: (np.cos(residuals),),
        "missing-upstream-gradient",
    ),
    "two outputs": (
        "vjp",
        pair_of_outputs,
        lambda d, x: d[0] * np.cos(x) + d[1],
        (X,),
        lambda d, x: d[0] * np.cos(x),
        "gradient-value",
    ),
    "a layer with dictionaries": ("layer", LinearLayer(), None, (X,), LinearLayerScaled(), "constant-factor"),
    "a layer with attributes": (
        "layer",
        AttributeLayer(),
        None,
        (X,),
        AttributeLayer(transpose=True),
        "transposed-gradient",
    ),
    "a Function of PyTorch": ("torch", Cube, None, (X,), CubeWithoutThree, "constant-factor"),
}
