"""Convert loss modules of PyTorch to the document's `loss`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.documents.importers.common import Unsupported, array_of, refused

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


LOSSES: Mapping[str, Callable[[str], dict[str, Any]]] = MappingProxyType(
    {
        "MSELoss": lambda reduction: {"name": "mse", "factor": 1.0, "batch": reduction, "outputs": reduction},
        "CrossEntropyLoss": lambda reduction: {"name": "cross_entropy", "on": "logits", "batch": reduction},
        "BCEWithLogitsLoss": lambda reduction: {
            "name": "binary_cross_entropy",
            "on": "logits",
            "batch": reduction,
            "outputs": reduction,
        },
        "BCELoss": lambda reduction: {
            "name": "binary_cross_entropy",
            "on": "probabilities",
            "batch": reduction,
            "outputs": reduction,
        },
    }
)
_USUAL = {"weight": None, "pos_weight": None, "label_smoothing": 0.0}
_REMEDIES = {"NLLLoss": "use CrossEntropyLoss on the logits, which is the same of LogSoftmax"}


def loss_of_module(loss: Any, targets: Any) -> dict[str, Any]:
    """Return the fields of the document's `loss`.

    Raises: ImportRefused for other losses, and for class weights, label smoothing or no reduction.
    """
    name = type(loss).__name__
    if name not in LOSSES or not type(loss).__module__.startswith("torch.nn."):
        raise refused("/loss", f"one of {', '.join(LOSSES)}", name[:60], _REMEDIES.get(name, ""))
    for option, usual in _USUAL.items():
        if getattr(loss, option, usual) != usual:
            raise refused("/loss", f"{name} without {option}", f"{option} set", f"leave {option} out")
    if loss.reduction not in ("mean", "sum"):
        rule = "the reduction 'mean' or 'sum'"
        raise refused("/loss", rule, repr(loss.reduction), "a gradient is one number's")
    ignored_index = getattr(loss, "ignore_index", None)
    if (
        ignored_index is not None
        and (array_of(targets) == ignored_index).any()
        and array_of(targets).ndim == 1
    ):
        remedy = "leave those examples out of the batch"
        raise refused("/targets", "no target that ignore_index leaves out", f"{ignored_index}", remedy)
    return LOSSES[name](loss.reduction)
