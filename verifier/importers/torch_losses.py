"""Convert loss modules of PyTorch to the document's `loss`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.importers.numbers import array_of
from verifier.importers.refusal import refused

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
