"""Operations of PyTorch that people use every day, each of two leaves of shape (3, 4)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Tensor = Any
CLASSES = torch.tensor([0, 3, 2])
PLACES = torch.tensor([[0], [1], [3]])
LABELS = torch.tensor([[1.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 0.5], [1.0, 1.0, 0.0, 0.25]]).double()
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 0.25]).double()


def image(x: Tensor) -> Tensor:
    """Return one image of one channel, (1, 1, 3, 4)."""
    return x[None, None]


def signal(x: Tensor) -> Tensor:
    """Return one example of three channels, (1, 3, 4)."""
    return x[None]


def volume(x: Tensor) -> Tensor:
    """Return one example of one channel, (1, 1, 1, 3, 4)."""
    return x[None, None, None]


def of_cell(cell: type[nn.Module], x: Tensor) -> Tensor:
    torch.manual_seed(0)
    state = cell(4, 5).double()(x)
    return state[0] * state[1] if isinstance(state, tuple) else state


def of_layer(layer: type[nn.Module], x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return layer(4, 5, num_layers=2, batch_first=True).double()(x[None])[0]


EVERYDAY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    # constants
    "plus a number": lambda a, b: a + 1,
    "a number minus": lambda a, b: 1 - a,
    "minus a number": lambda a, b: (a - 0.5).exp(),
    "a tensor plus": lambda a, b: (torch.linspace(0, 1, 4).double() + a).tanh(),
    "divided by a number": lambda a, b: a / 3,
    "divided without rounding": lambda a, b: torch.div(a, b.exp(), rounding_mode=None),
    "times a number": lambda a, b: 3 * a,
    "plus, then minus a number": lambda a, b: (a + 1 - 2) * b,
    "plus alpha times": lambda a, b: torch.add(a, b, alpha=2) * torch.sub(a, b, alpha=3),
    "rsub": lambda a, b: torch.rsub(a, b, alpha=2),
    # elementwise
    "where": lambda a, b: torch.where(a > 0, a, b),
    "where, a number": lambda a, b: torch.where(b > 0, a, 0.5) * b,
    "masked_fill": lambda a, b: a.masked_fill(b > 0, 2.0),
    "masked_fill by a tensor": lambda a, b: a.masked_fill(a > 0, b[0, 0]),
    "masked scores": lambda a, b: a.masked_fill(b > 1, float("-inf")).softmax(1),
    "an additive mask": lambda a, b: (a + torch.full((3, 4), float("-inf")).double().triu(2)).softmax(1),
    "clamp": lambda a, b: a.clamp(-1, 1),
    "clamp_min": lambda a, b: a.clamp_min(0.1) * a.clamp_max(0.5),
    "clamp by tensors": lambda a, b: a.clamp(b - 0.5, b + 0.5),
    "maximum": lambda a, b: torch.maximum(a, b),
    "minimum": lambda a, b: torch.minimum(a, b[0]),
    "sin": lambda a, b: a.sin(),
    "cos": lambda a, b: a.cos(),
    "tan": lambda a, b: a.tan(),
    "sinh": lambda a, b: a.sinh() * b.cosh(),
    "atan": lambda a, b: a.atan(),
    "erf": lambda a, b: a.erf() * b.erfc(),
    "rsqrt": lambda a, b: a.exp().rsqrt(),
    "rsqrt of a variance": lambda a, b: (
        (a - a.mean(1, keepdim=True)) * (a.var(1, keepdim=True) + 1e-5).rsqrt()
    ),
    "square": lambda a, b: a.square(),
    "a tensor's power": lambda a, b: a.exp() ** b,
    "a number's power": lambda a, b: 2.0**a * b,
    "log1p": lambda a, b: a.exp().log1p(),
    "expm1": lambda a, b: a.expm1(),
    "exp2": lambda a, b: a.exp2(),
    "log2": lambda a, b: a.exp().log2() * a.exp().log10(),
    "sign": lambda a, b: a.sign() * b,
    "sgn": lambda a, b: a.sgn() * b,
    "hypot": lambda a, b: torch.hypot(a, b),
    "logaddexp": lambda a, b: torch.logaddexp(a, b),
    "lerp": lambda a, b: torch.lerp(a, b, 0.3),
    "lerp by a tensor": lambda a, b: torch.lerp(a, b, a.sigmoid()),
    "addcmul": lambda a, b: torch.addcmul(a, a, b, value=0.5),
    "addcdiv": lambda a, b: torch.addcdiv(a, a, b.exp()),
    # places
    "chunk": lambda a, b: a.chunk(2, dim=1)[0] * b[:, :2],
    "split": lambda a, b: a.split(3, dim=1)[1],
    "split with sizes": lambda a, b: a.split([1, 3], dim=1)[1] * a.split([1, 3], dim=1)[0],
    "unbind": lambda a, b: a.unbind(0)[1] * a.unbind(0)[2],
    "flatten": lambda a, b: a.flatten(),
    "index": lambda a, b: a[[0, 0, 1]],
    "index of pairs": lambda a, b: a[[0, 1, 0], [3, 1, 3]],
    "index by a mask": lambda a, b: a[b > 0],
    "masked_select": lambda a, b: a.masked_select(b > 0),
    "gather": lambda a, b: a.gather(1, PLACES),
    "take_along_dim": lambda a, b: torch.take_along_dim(a, PLACES, 1),
    "take": lambda a, b: torch.take(a, torch.tensor([[0, -1], [5, 5]])),
    "index_select": lambda a, b: a.index_select(0, torch.tensor([0, 0])),
    "embedding with padding": lambda a, b: functional.embedding(
        torch.tensor([0, 1, 0]), torch.cat([a[:1], torch.zeros(1, 4).double() * b]), padding_idx=1
    ),
    "roll": lambda a, b: a.roll(1, 1),
    "roll over all": lambda a, b: a.roll(2),
    "flip": lambda a, b: a.flip(1),
    "repeat": lambda a, b: a.repeat(2, 1),
    "tril": lambda a, b: a.tril(1),
    "triu": lambda a, b: a.triu(-1),
    "diagonal": lambda a, b: a[:, :3].diagonal() * a.diagonal(1),
    "pad": lambda a, b: functional.pad(a, (1, 1)),
    "pad by reflection": lambda a, b: functional.pad(signal(a), (2, 1), mode="reflect"),
    "pad by edges": lambda a, b: functional.pad(image(a), (1, 1, 2, 0), mode="replicate"),
    "pad planes by reflection": lambda a, b: functional.pad(image(a), (2, 1, 1, 0), mode="reflect"),
    "pad volumes": lambda a, b: (
        functional.pad(volume(a), (1, 0, 1, 1, 0, 0), mode="reflect")
        * functional.pad(volume(b), (1, 0, 1, 1, 0, 0), mode="replicate")
    ),
    "pad signals by edges": lambda a, b: functional.pad(signal(a), (2, 1), mode="replicate"),
    "unfold": lambda a, b: a.unfold(1, 2, 1),
    "sort": lambda a, b: a.sort(1).values,
    "stable sort": lambda a, b: a.sort(dim=1, stable=True, descending=True).values,
    "topk": lambda a, b: a.topk(2, 1).values,
    "median": lambda a, b: a.median(1).values,
    "kthvalue": lambda a, b: a.kthvalue(2, 1).values,
    "swapaxes": lambda a, b: a.swapaxes(0, 1).contiguous().view(-1),
    # reductions
    "max over an axis": lambda a, b: a.max(dim=1).values,
    "min over an axis": lambda a, b: a.min(dim=1, keepdim=True).values,
    "min": lambda a, b: a.min(),
    "amin": lambda a, b: a.amin(0),
    "prod": lambda a, b: a.prod(1),
    "prod of all": lambda a, b: a.prod(),
    "cumsum": lambda a, b: a.cumsum(1),
    "var": lambda a, b: a.var(1),
    "std": lambda a, b: a.std(0, unbiased=False),
    "var_mean": lambda a, b: torch.var_mean(a, 1)[0] * torch.var_mean(a, 1)[1],
    "std_mean": lambda a, b: torch.std_mean(a, 1)[0] * torch.std_mean(a, 1)[1],
    "norm": lambda a, b: a.norm(dim=1),
    "norm of all": lambda a, b: a.norm(),
    "norm of order 1": lambda a, b: torch.linalg.vector_norm(a, 1, dim=1),
    "largest norm": lambda a, b: torch.linalg.vector_norm(a, float("inf"), dim=1),
    "logsumexp": lambda a, b: a.logsumexp(1),
    # products
    "einsum": lambda a, b: torch.einsum("ij,kj->ik", a, b),
    "batched product": lambda a, b: a[None] @ b.T[None],
    "linear": lambda a, b: functional.linear(a, b),
    "addmm": lambda a, b: torch.addmm(b @ b.T, a, b.T, beta=0.5, alpha=2),
    "addmv": lambda a, b: torch.addmv(b[:, 0], a, b[0]),
    "baddbmm": lambda a, b: torch.baddbmm((b @ b.T)[None], a[None], b.T[None]),
    "outer": lambda a, b: torch.outer(a[0], b[1]),
    "cosine similarity": lambda a, b: functional.cosine_similarity(a, b),
    "cdist": lambda a, b: torch.cdist(a, b),
    "normalize": lambda a, b: functional.normalize(a),
    # activations
    "selu": lambda a, b: functional.selu(a),
    "celu": lambda a, b: functional.celu(a, 0.5),
    "gelu by tanh": lambda a, b: functional.gelu(a, approximate="tanh"),
    "mish": lambda a, b: functional.mish(a),
    "softplus, beta": lambda a, b: functional.softplus(a, beta=2),
    "hardtanh": lambda a, b: functional.hardtanh(a),
    "relu6": lambda a, b: functional.relu6(a),
    "hardsigmoid": lambda a, b: functional.hardsigmoid(a),
    "hardswish": lambda a, b: functional.hardswish(a),
    "softsign": lambda a, b: functional.softsign(a),
    "tanhshrink": lambda a, b: functional.tanhshrink(a),
    "softshrink": lambda a, b: functional.softshrink(a),
    "logsigmoid": lambda a, b: functional.logsigmoid(a),
    "prelu": lambda a, b: functional.prelu(a, b[0, :1]),
    "glu": lambda a, b: functional.glu(a),
    "threshold": lambda a, b: functional.threshold(a, 0.0, 0.0),
    "softmax over the first axis": lambda a, b: a.softmax(0),
    "log_softmax over the first axis": lambda a, b: a.log_softmax(0),
    # layers
    "layer_norm": lambda a, b: functional.layer_norm(a, (4,), b[0]),
    "layer_norm, all": lambda a, b: functional.layer_norm(a, (4,), b[0], b[1], eps=1e-3),
    "rms_norm": lambda a, b: functional.rms_norm(a, (4,), b[0]),
    "batch_norm": lambda a, b: functional.batch_norm(a, None, None, b[0], b[1], training=True),
    "batch_norm, known": lambda a, b: functional.batch_norm(a, WEIGHTS, WEIGHTS.abs(), b[0], b[1]),
    "group_norm": lambda a, b: functional.group_norm(a, 2, b[0], b[1]),
    "conv1d": lambda a, b: functional.conv1d(signal(a), b[:2, None, :3].repeat(1, 3, 1), b[:2, 3]),
    "conv1d, a constant bias": lambda a, b: functional.conv1d(
        signal(a), b[:2, None, :3].repeat(1, 3, 1), WEIGHTS[:2]
    ).tanh(),
    "conv2d": lambda a, b: functional.conv2d(image(a), b[None, None, :2, :2], stride=2, padding=1),
    "conv_transpose2d": lambda a, b: functional.conv_transpose2d(image(a), b[None, None, :2, :2], stride=2),
    "max_pool1d": lambda a, b: functional.max_pool1d(signal(a), 2),
    "max_pool2d": lambda a, b: functional.max_pool2d(image(a), 2, 1, 1),
    "max_pool3d": lambda a, b: functional.max_pool3d(volume(a), (1, 2, 2)),
    "avg_pool1d": lambda a, b: functional.avg_pool1d(signal(a), 2),
    "avg_pool2d": lambda a, b: functional.avg_pool2d(image(a), 2, 1, 1, count_include_pad=False),
    "avg_pool3d": lambda a, b: functional.avg_pool3d(volume(a), (1, 2, 2)),
    "adaptive_avg_pool2d": lambda a, b: functional.adaptive_avg_pool2d(image(a), (2, 3)),
    "adaptive_avg_pool3d": lambda a, b: functional.adaptive_avg_pool3d(volume(a), (1, 2, 3)),
    "adaptive_max_pool2d": lambda a, b: functional.adaptive_max_pool2d(image(a), (2, 3)),
    "interpolate": lambda a, b: functional.interpolate(image(a), scale_factor=2),
    "interpolate signals": lambda a, b: functional.interpolate(signal(a), scale_factor=2),
    "interpolate volumes": lambda a, b: functional.interpolate(volume(a), scale_factor=2),
    "attention": lambda a, b: functional.scaled_dot_product_attention(a[None], b[None], b[None]),
    "attention in heads": lambda a, b: functional.scaled_dot_product_attention(
        image(a),
        image(b),
        image(b),
        attn_mask=torch.zeros(3, 3).double().masked_fill(torch.ones(3, 3).triu(1) > 0, float("-inf")),
    ),
    "causal attention": lambda a, b: functional.scaled_dot_product_attention(
        image(a), image(b), image(b), is_causal=True
    ),
    "dropout": lambda a, b: functional.dropout(a, 0.5),
    "native dropout": lambda a, b: torch.native_dropout(a, 0.5, True)[0],
    "an LSTM's cell": lambda a, b: of_cell(nn.LSTMCell, a),
    "a GRU's cell": lambda a, b: of_cell(nn.GRUCell, a),
    "an LSTM": lambda a, b: of_layer(nn.LSTM, a),
    "a GRU": lambda a, b: of_layer(nn.GRU, a),
    "an RNN": lambda a, b: of_layer(nn.RNN, a),
    # losses
    "l1_loss": lambda a, b: functional.l1_loss(a, b),
    "mse_loss, entries": lambda a, b: functional.mse_loss(a, b, reduction="none"),
    "mse_loss of stacks": lambda a, b: functional.mse_loss(image(a), image(b)),
    "smooth_l1_loss": lambda a, b: functional.smooth_l1_loss(a, b, beta=0.5),
    "huber_loss": lambda a, b: functional.huber_loss(a, b, delta=0.5),
    "nll_loss": lambda a, b: functional.nll_loss(a.log_softmax(1), CLASSES),
    "nll_loss of images": lambda a, b: functional.nll_loss(
        signal(a).log_softmax(1), CLASSES[None, [0, 2, 2, 0]] % 3
    ),
    "label smoothing": lambda a, b: functional.cross_entropy(a, CLASSES, label_smoothing=0.1),
    "weights of classes": lambda a, b: functional.cross_entropy(a, CLASSES, weight=WEIGHTS),
    "ignored classes": lambda a, b: functional.cross_entropy(a, torch.tensor([0, -100, 2])),
    "losses of examples": lambda a, b: functional.cross_entropy(a, CLASSES, reduction="none"),
    "targets with a gradient": lambda a, b: functional.cross_entropy(a, b.softmax(1)),
    "bce with logits": lambda a, b: functional.binary_cross_entropy_with_logits(
        a, LABELS, weight=WEIGHTS, pos_weight=WEIGHTS + 1
    ),
    "bce, entries": lambda a, b: functional.binary_cross_entropy(a.sigmoid(), LABELS, reduction="none"),
    "kl_div": lambda a, b: functional.kl_div(a.log_softmax(1), LABELS + 0.5, reduction="batchmean"),
    "multi_margin_loss": lambda a, b: functional.multi_margin_loss(a, CLASSES, weight=WEIGHTS),
    "soft_margin_loss": lambda a, b: functional.soft_margin_loss(a, LABELS.sign()),
    "margin_ranking_loss": lambda a, b: functional.margin_ranking_loss(
        a, b, torch.ones(3, 4).double(), margin=0.2
    ),
    "hinge_embedding_loss": lambda a, b: functional.hinge_embedding_loss(a, LABELS.round() * 2 - 1),
    "triplet_margin_loss": lambda a, b: functional.triplet_margin_loss(a, b, a * b),
    "poisson_nll_loss": lambda a, b: functional.poisson_nll_loss(a, LABELS),
    "gaussian_nll_loss": lambda a, b: functional.gaussian_nll_loss(a, LABELS, b.exp()),
    "cosine_embedding_loss": lambda a, b: functional.cosine_embedding_loss(a, b, torch.tensor([1, -1, 1])),
}
