"""Convert activations of PyTorch, modules and functions, to those of the document."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.importers.refusal import Unsupported

Options = Mapping[str, Any]
Written = str | dict[str, Any]


def _softmax(options: Options) -> Written:
    if options.get("dim") not in (None, 1, -1):
        raise Unsupported(f"softmax over dimension {options['dim']}", "take it over a row's units, dim=-1")
    return "softmax"


def _gelu(options: Options) -> Written:
    if options.get("approximate", "none") != "none":
        raise Unsupported("gelu's approximation by tanh", "use approximate='none'")
    return "gelu"


def _softplus(options: Options) -> Written:
    if options.get("beta", 1) != 1 or options.get("threshold", 20) < 20:
        raise Unsupported("softplus with another beta or a lower threshold", "use beta=1, threshold=20")
    return "softplus"


def _log_softmax(options: Options) -> Written:
    raise Unsupported("log_softmax", "leave it out and use CrossEntropyLoss, which holds it")


# by the name of the function: the names of its options in order, and the conversion
ACTIVATIONS: Mapping[str, tuple[tuple[str, ...], Callable[[Options], Written]]] = MappingProxyType(
    {
        "relu": (("inplace",), lambda options: "relu"),
        "tanh": ((), lambda options: "tanh"),
        "sigmoid": ((), lambda options: "sigmoid"),
        "silu": (("inplace",), lambda options: "silu"),
        "softmax": (("dim",), _softmax),
        "log_softmax": (("dim",), _log_softmax),
        "leaky_relu": (
            ("negative_slope", "inplace"),
            lambda options: {"name": "leaky_relu", "slope": options.get("negative_slope", 0.01)},
        ),
        "elu": (
            ("alpha", "inplace"),
            lambda options: {"name": "elu", "alpha": options.get("alpha", 1.0)},
        ),
        "gelu": (("approximate",), _gelu),
        "softplus": (("beta", "threshold"), _softplus),
    }
)

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "ReLU": "relu",
        "Tanh": "tanh",
        "Sigmoid": "sigmoid",
        "SiLU": "silu",
        "Softmax": "softmax",
        "LogSoftmax": "log_softmax",
        "LeakyReLU": "leaky_relu",
        "ELU": "elu",
        "GELU": "gelu",
        "Softplus": "softplus",
    }
)


def of_module(module: Any) -> Written | None:
    """Return the activation of a torch.nn module; None if it is not an activation. Raises: Unsupported."""
    name = MODULES.get(type(module).__name__)
    if name is None:
        return None
    options, write = ACTIVATIONS[name]
    return write({option: getattr(module, option, None) for option in options})


def of_call(name: str, arguments: tuple[Any, ...], options: Options) -> Written | None:
    """Return the activation of a call; None if it is not an activation. Raises: Unsupported.

    arguments: the positional arguments after the tensor.
    """
    if name not in ACTIVATIONS:
        return None
    order, write = ACTIVATIONS[name]
    return write({**dict(zip(order, arguments, strict=False)), **options})
