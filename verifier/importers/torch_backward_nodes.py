"""The table of PyTorch's backward nodes, with the operation that each one differentiates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from verifier.importers.refusal import Unsupported

Built = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Saved:
    """The values that a backward node saved of its operation. shape: of the operation's result."""

    node: Any
    shape: tuple[int, ...]

    def __getitem__(self, name: str) -> Any:
        return getattr(self.node, f"_saved_{name}")

    def axis(self, name: str) -> int:
        """Return a saved axis, which PyTorch stores as an unsigned number."""
        return signed(self[name])


@dataclass(frozen=True, slots=True)
class BackwardNode:
    """One row of the table.

    operands: the names of the operands among the saved values, in the order of the node's edges.
    build: returns the name of the operation and its options. Raises: Unsupported.
    """

    operands: tuple[str, ...]
    build: Callable[[Saved], Built]


def signed(number: int) -> int:
    """Return the signed value of a 64-bit number that PyTorch stores as unsigned."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _operation(op: str, *operands: str) -> BackwardNode:
    return BackwardNode(operands or ("self",), lambda saved: (op, {}))


def _reduction(op: str) -> BackwardNode:
    def build(saved: Saved) -> Built:
        axes = [signed(axis) for axis in saved["dim"]]
        return op, {"axis": axes or None, "keepdims": bool(saved["keepdim"])}

    return BackwardNode(("self",), build)


def _with_alpha(op: str) -> BackwardNode:
    """Return the row of x + alpha y, which is supported for alpha = 1 only."""

    def build(saved: Saved) -> Built:
        if saved["alpha"] != 1:
            raise Unsupported(f"{op} with alpha = {saved['alpha']}", "multiply the second operand yourself")
        return op, {}

    return BackwardNode(("self", "other"), build)


def _with_usual_option(op: str, option: str, usual: Any, **options: str) -> BackwardNode:
    """Return the row of a function with an option that must have its usual value.

    options: the names of further options, each with the name of PyTorch's saved value.
    """

    def build(saved: Saved) -> Built:
        if saved[option] != usual:
            raise Unsupported(f"{op} with {option} = {saved[option]}", f"use {option} = {usual!r}")
        return op, {name: saved[saved_name] for name, saved_name in options.items()}

    return BackwardNode(("self",), build)


def _last_axis(op: str) -> BackwardNode:
    def build(saved: Saved) -> Built:
        if saved.axis("dim") not in (-1, len(saved.shape) - 1):
            raise Unsupported(f"{op} over dimension {saved.axis('dim')}", "take it over the last, dim=-1")
        return op, {}

    return BackwardNode(("self",), build)


def _transposed(saved: Saved) -> Built:
    axes = list(range(len(saved.shape)))
    first, second = saved.axis("dim0"), saved.axis("dim1")
    axes[first], axes[second] = axes[second], axes[first]
    return "transpose", {"axes": axes}


def _sliced(saved: Saved) -> Built:
    axis = saved.axis("dim") % len(saved.shape)
    size = saved["self_sym_sizes"][axis]
    bounds = [max(0, signed(saved["start"])), min(signed(saved["end"]), size), saved["step"]]
    return "slice", {"index": [*[None] * axis, bounds]}


def _selected(saved: Saved) -> Built:
    axis = saved.axis("dim") % (len(saved.shape) + 1)
    return "slice", {"index": [*[None] * axis, signed(saved["index"])]}


def _elu(saved: Saved) -> Built:
    if saved["scale"] != 1 or saved["input_scale"] != 1:
        raise Unsupported("selu or celu", "use elu")
    return "elu", {"alpha": float(saved["alpha"])}


def _softplus(saved: Saved) -> Built:
    if saved["beta"] != 1 or saved["threshold"] < 20:
        raise Unsupported("softplus with another beta or a lower threshold", "use beta=1, threshold=20")
    return "softplus", {}


def _exponent(saved: Saved) -> Built:
    return "power", {"exponent": float(saved["exponent"])}


def _embedding(saved: Saved) -> Built:
    if saved["scale_grad_by_freq"] or saved.axis("padding_idx") >= 0:
        raise Unsupported("embedding with padding_idx or scale_grad_by_freq", "leave them out")
    return "embedding", {}


_REDUCTIONS = ("none", "mean", "sum")
_RESHAPES = (
    "ViewBackward0",
    "UnsafeViewBackward0",
    "UnsqueezeBackward0",
    "SqueezeBackward0",
    "SqueezeBackward1",
    "SqueezeBackward2",
    "SqueezeBackward4",
)
_RESHAPE = BackwardNode(("self",), lambda saved: ("reshape", {"shape": list(saved.shape)}))


def _loss(op: str, **options: Any) -> BackwardNode:
    """Return the row of a loss that is reduced over all entries: examples and outputs."""

    def build(saved: Saved) -> Built:
        reduction = _REDUCTIONS[saved["reduction"]]
        if reduction == "none":
            raise Unsupported(f"{op} without a reduction", "use reduction='mean' or 'sum'")
        for weight in ("weight", "pos_weight"):
            if getattr(saved.node, f"_saved_{weight}", None) is not None:
                raise Unsupported(f"{op} with {weight}", f"leave {weight} out")
        return op, {"batch": reduction, "outputs": reduction, **options}

    return BackwardNode(("self", "target"), build)


BACKWARD_NODES: Mapping[str, BackwardNode] = MappingProxyType(
    {
        "AddBackward0": _with_alpha("add"),
        "SubBackward0": _with_alpha("subtract"),
        "MulBackward0": _operation("multiply", "self", "other"),
        "DivBackward0": _operation("divide", "self", "other"),
        "DivBackward1": _operation("divide", "self", "other"),
        "NegBackward0": _operation("negate"),
        "PowBackward0": BackwardNode(("self",), _exponent),
        "ReciprocalBackward0": BackwardNode(("self",), lambda saved: ("power", {"exponent": -1})),
        "MmBackward0": _operation("matmul", "self", "mat2"),
        "BmmBackward0": _operation("matmul", "self", "mat2"),
        "MvBackward0": _operation("matmul", "self", "vec"),
        "DotBackward0": _operation("matmul", "self", "tensor"),
        "TBackward0": _operation("transpose"),
        "TransposeBackward0": BackwardNode(("self",), _transposed),
        "PermuteBackward0": BackwardNode(
            ("self",), lambda saved: ("transpose", {"axes": [signed(axis) for axis in saved["dims"]]})
        ),
        **dict.fromkeys(_RESHAPES, _RESHAPE),
        "CloneBackward0": _operation("identity"),
        "AliasBackward0": _operation("identity"),
        "SliceBackward0": BackwardNode(("self",), _sliced),
        "SelectBackward0": BackwardNode(("self",), _selected),
        "SumBackward0": _operation("sum"),
        "SumBackward1": _reduction("sum"),
        "MeanBackward0": _operation("mean"),
        "MeanBackward1": _reduction("mean"),
        "AmaxBackward0": _reduction("max"),
        "MaxBackward1": _operation("max"),
        "ExpBackward0": _operation("exp"),
        "LogBackward0": _operation("log"),
        "SqrtBackward0": _operation("sqrt"),
        "AbsBackward0": _operation("absolute"),
        "SigmoidBackward0": _operation("sigmoid"),
        "TanhBackward0": _operation("tanh"),
        "ReluBackward0": _operation("relu"),
        "SiluBackward0": _operation("silu"),
        "GeluBackward0": _with_usual_option("gelu", "approximate", "none"),
        "SoftplusBackward0": BackwardNode(("self",), _softplus),
        "EluBackward0": BackwardNode(("self",), _elu),
        "LeakyReluBackward0": BackwardNode(
            ("self",), lambda saved: ("leaky_relu", {"slope": float(saved["negative_slope"])})
        ),
        "SoftmaxBackward0": _last_axis("softmax"),
        "LogSoftmaxBackward0": _last_axis("log_softmax"),
        "EmbeddingBackward0": BackwardNode(("weight", "indices"), _embedding),
        "MseLossBackward0": _loss("mse", factor=1.0),
        "BinaryCrossEntropyWithLogitsBackward0": _loss("binary_cross_entropy", on="logits"),
        "BinaryCrossEntropyBackward0": _loss("binary_cross_entropy", on="probabilities"),
    }
)
