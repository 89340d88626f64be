"""The activations, elementary functions and losses of the reference as PyTorch computes them.

PyTorch is an argument of every function, so that this module can be imported without it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from reference_impl.activations import Activation
from reference_impl.losses import Terms

FUNCTIONS_IN_TORCH: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "identity": lambda torch, a: a,
        "sigmoid": lambda torch, a: torch.sigmoid(a),
        "tanh": lambda torch, a: torch.tanh(a),
        "relu": lambda torch, a: torch.relu(a),
        "leaky_relu": lambda torch, a, slope: torch.nn.functional.leaky_relu(a, negative_slope=slope),
        "elu": lambda torch, a, alpha: torch.nn.functional.elu(a, alpha=alpha),
        # the default threshold of 20 would cost 2e-9
        "softplus": lambda torch, a: torch.nn.functional.softplus(a, threshold=40.0),
        "gelu": lambda torch, a: torch.nn.functional.gelu(a),
        "silu": lambda torch, a: torch.nn.functional.silu(a),
        "selu": lambda torch, a: torch.nn.functional.selu(a),
        "gelu_tanh": lambda torch, a: torch.nn.functional.gelu(a, approximate="tanh"),
        "mish": lambda torch, a: torch.nn.functional.mish(a),
        "hardtanh": lambda torch, a: torch.nn.functional.hardtanh(a),
        "hardswish": lambda torch, a: torch.nn.functional.hardswish(a),
        "softsign": lambda torch, a: torch.nn.functional.softsign(a),
        "log_sigmoid": lambda torch, a: torch.nn.functional.logsigmoid(a),
        "log_softmax": lambda torch, a: torch.log_softmax(a, dim=-1),
        "softmax": lambda torch, a: torch.softmax(a, dim=-1),
        "exp": lambda torch, a: torch.exp(a),
        "log": lambda torch, a: torch.log(a),
        "sqrt": lambda torch, a: torch.sqrt(a),
        "absolute": lambda torch, a: torch.abs(a),
        "power": lambda torch, a, exponent: torch.pow(a, exponent),
        "expm1": lambda torch, a: torch.expm1(a),
        "log1p": lambda torch, a: torch.log1p(a),
        "sin": lambda torch, a: torch.sin(a),
        "cos": lambda torch, a: torch.cos(a),
        "arctan": lambda torch, a: torch.atan(a),
        "erf": lambda torch, a: torch.erf(a),
        "sign": lambda torch, a: torch.sign(a),
        "clip": lambda torch, a, min, max: torch.clamp(a, min=min, max=max),
    }
)
"""(torch, tensor, **options) -> tensor, by the name of the activation or elementary function."""

LOSSES_IN_TORCH: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "squared_error": lambda torch, f, y: torch.nn.functional.mse_loss(f, y, reduction="none"),
        "cross_entropy_on_logits": lambda torch, f, y: torch.nn.functional.cross_entropy(
            f, y, reduction="none"
        ),
        "cross_entropy_on_probabilities": lambda torch, f, y: -torch.xlogy(y, f),
        "cross_entropy_on_sigmoid_logits": lambda torch, a, y: -y * torch.nn.functional.logsigmoid(a),
        "binary_cross_entropy_on_logits": lambda torch, f, y: (
            torch.nn.functional.binary_cross_entropy_with_logits(f, y, reduction="none")
        ),
        "binary_cross_entropy_on_probabilities": lambda torch, f, y: (
            -torch.xlogy(y, f) - torch.special.xlog1py(1 - y, -f)
        ),
        "absolute_error": lambda torch, f, y: torch.nn.functional.l1_loss(f, y, reduction="none"),
        "huber": lambda torch, f, y, delta: torch.nn.functional.huber_loss(
            f, y, reduction="none", delta=delta
        ),
        "multiclass_hinge": lambda torch, f, y: (
            (1 - y) * torch.relu(1 + f - (y * f).sum(dim=-1, keepdim=True))
        ),
        "cross_entropy_on_log_probabilities": lambda torch, f, y: -y * f,
        "kl_divergence_on_logits": lambda torch, f, y: torch.nn.functional.kl_div(
            torch.log_softmax(f, dim=-1), y, reduction="none"
        ),
        "kl_divergence_on_probabilities": lambda torch, f, y: torch.xlogy(y, y) - torch.xlogy(y, f),
        "kl_divergence_on_log_probabilities": lambda torch, f, y: torch.nn.functional.kl_div(
            f, y, reduction="none"
        ),
    }
)
"""(torch, outputs, targets) -> tensor, by the name of the loss's terms."""


def function_in_torch(function: Activation, torch: Any, a: Any) -> Any:
    """Return an activation or elementary function of a tensor."""
    return FUNCTIONS_IN_TORCH[function.name](torch, a, **function.options)


def loss_in_torch(terms: Terms, torch: Any, f: Any, y: Any) -> Any:
    """Return the terms of a loss, (N, outputs), or their sums by row, (N,), if PyTorch has no other form."""
    return LOSSES_IN_TORCH[terms.name](torch, f, y, **terms.options)
