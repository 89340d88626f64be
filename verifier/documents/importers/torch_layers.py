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
    return "gelu_tanh" if options.get("approximate", "none") == "tanh" else "gelu"


def _softplus(options: Options) -> Written:
    if options.get("beta", 1) != 1 or options.get("threshold", 20) < 20:
        raise Unsupported("softplus with another beta or a lower threshold", "use beta=1, threshold=20")
    return "softplus"


def _log_softmax(options: Options) -> Written:
    _softmax(options)
    return "log_softmax"


def _hardtanh(options: Options) -> Written:
    if (options.get("min_val", -1), options.get("max_val", 1)) != (-1, 1):
        raise Unsupported("hardtanh with other bounds", "use min_val=-1, max_val=1")
    return "hardtanh"


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
        "selu": (("inplace",), lambda options: "selu"),
        "mish": (("inplace",), lambda options: "mish"),
        "hardtanh": (("min_val", "max_val", "inplace"), _hardtanh),
        "hardswish": (("inplace",), lambda options: "hardswish"),
        "softsign": ((), lambda options: "softsign"),
        "logsigmoid": ((), lambda options: "log_sigmoid"),
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
        "SELU": "selu",
        "Mish": "mish",
        "Hardtanh": "hardtanh",
        "Hardswish": "hardswish",
        "Softsign": "softsign",
        "LogSigmoid": "logsigmoid",
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


def _outputs_too(name: str, **fields: Any) -> Callable[[str], dict[str, Any]]:
    """Return the fields of a loss that PyTorch reduces over examples and outputs alike."""
    return lambda reduction: {"name": name, **fields, "batch": reduction, "outputs": reduction}


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
        "L1Loss": _outputs_too("mae"),
        "HuberLoss": _outputs_too("huber"),
        "MultiMarginLoss": _outputs_too("hinge"),
        "NLLLoss": lambda reduction: {"name": "nll", "batch": reduction},
    }
)
_USUAL = {"pos_weight": None, "p": 1, "margin": 1.0}
_OF_CLASSES = ("CrossEntropyLoss", "NLLLoss")


def loss_of_module(loss: Any, targets: Any) -> dict[str, Any]:
    """Return the fields of the document's `loss`.

    Raises: ImportRefused for other losses, other options, and for no reduction.
    """
    name = type(loss).__name__
    if name not in LOSSES or not type(loss).__module__.startswith("torch.nn."):
        raise refused("/loss", f"one of {', '.join(LOSSES)}", name[:60])
    usual_options = _USUAL if name in _OF_CLASSES else {**_USUAL, "weight": None}
    for option, usual in usual_options.items():
        if getattr(loss, option, usual) != usual:
            raise refused("/loss", f"{name} without {option}", f"{option} set", f"leave {option} out")
    if loss.reduction not in ("mean", "sum"):
        rule = "the reduction 'mean' or 'sum'"
        raise refused("/loss", rule, repr(loss.reduction), "a gradient is one number's")
    fields = LOSSES[name](loss.reduction)
    if name in _OF_CLASSES:
        fields |= _of_classes(loss, targets)
    if name == "HuberLoss":
        fields["delta"] = float(loss.delta)
    return fields


def _of_classes(loss: Any, targets: Any) -> dict[str, Any]:
    """Return the fields of class weights, smoothed labels and ignored examples, where they are used."""
    fields: dict[str, Any] = {}
    if loss.weight is not None:
        fields["class_weights"] = array_of(loss.weight).tolist()
    if getattr(loss, "label_smoothing", 0.0):
        fields["label_smoothing"] = float(loss.label_smoothing)
    classes = array_of(targets)
    if classes.ndim == 1 and (classes == loss.ignore_index).any():
        fields["ignore_index"] = int(loss.ignore_index)
    return fields
