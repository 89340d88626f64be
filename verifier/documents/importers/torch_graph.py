"""Read the layers of a traced module, from its input to its output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from verifier.documents.importers.common import LayerCollector, SourceArray, Unsupported, array_of
from verifier.documents.importers.torch_layers import of_call, of_module

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


_SHAPE_CALLS = ("size", "dim", "getattr", "getitem", "numel")
_IDENTITIES = ("contiguous", "clone", "identity", "float", "double")
_DROPOUTS = ("Dropout", "AlphaDropout", "dropout", "alpha_dropout")
_TURN_OFF = "call module.eval() first, or leave dropout out and give its mask as masks"
_MODULE_REMEDY = "import the part of it that is one"


class TorchTraversal:
    """A traversal of a graph that is one chain of values; all other nodes are refused by name.

    names: the names of the parameters by id.
    """

    def __init__(self, torch: Any, module: Any, names: Mapping[int, str]) -> None:
        self.chain = LayerCollector()
        self._torch, self._module, self._names = torch, module, names
        self._current: Any = None
        self._not_values: set[Any] = (
            set()
        )  # nodes of shapes and parameters, which are not values of the chain

    def through(self, graph: Any) -> LayerCollector:
        """Visit all nodes, and return the chain of layers."""
        for node in graph.nodes:
            if node.op == "placeholder":
                self._take_input(node)
            elif node.op == "get_attr" or self._is_shape_call(node):
                self._not_values.add(node)
            elif node.op == "output":
                if node.args[0] is not self._current:
                    self.chain.refuse(
                        "output", "several values", expected="the last layer's values as output"
                    )
            else:
                self._step(node)
                self._current = node
        return self.chain

    def _take_input(self, node: Any) -> None:
        if self._current is not None:
            self.chain.refuse(str(node.target), "a second input", expected="one input")
        self._current = node

    def _is_shape_call(self, node: Any) -> bool:
        name = _called_name(node)
        if name not in _SHAPE_CALLS or node.op == "call_module":
            return False
        return (
            name in ("size", "dim", "numel") or node.args[0] in self._not_values or "shape" in node.args[1:]
        )

    def _step(self, node: Any) -> None:
        where = str(node.target) if node.op == "call_module" else str(node.name)
        data = [operand for operand in node.all_input_nodes if operand not in self._not_values]
        if data != [self._current]:
            actual = f"{_called_name(node)} of {', '.join(map(str, data)) or 'nothing'}"
            self.chain.refuse(where, actual, "no value may be used twice, as in a residual sum")
            return
        try:
            is_supported = (
                self._module_step(where, node) if node.op == "call_module" else self._call_step(where, node)
            )
        except Unsupported as error:
            self.chain.refuse(where, error.actual, error.remedy)
            return
        if not is_supported:
            actual = type(self._leaf(node)).__name__ if node.op == "call_module" else _called_name(node)
            self.chain.refuse(where, actual, _MODULE_REMEDY)

    def _leaf(self, node: Any) -> Any:
        return self._module.get_submodule(node.target)

    def _module_step(self, where: str, node: Any) -> bool:
        leaf = self._leaf(node)
        name = type(leaf).__name__
        if type(leaf) is not getattr(self._torch.nn, name, None):
            return False
        if name == "Linear" and "weight" in leaf._parameters:
            self._linear(where, leaf.weight, leaf.bias)
        elif name in _DROPOUTS:
            self._dropout(leaf.p, leaf.training)
        elif name == "Flatten":
            self._flatten(leaf.start_dim, leaf.end_dim)
        elif name != "Identity":
            activation = of_module(leaf)
            if activation is None:
                return False
            self.chain.activation(where, activation)
        return True

    def _call_step(self, where: str, node: Any) -> bool:
        name, rest = (
            _called_name(node),
            tuple(argument for argument in node.args if argument is not self._current),
        )
        options = {key: value for key, value in node.kwargs.items() if value is not self._current}
        if name == "linear":
            weight, bias = (*rest, options.get("weight"), options.get("bias"))[:2]
            self._linear(where, self._parameter(weight), self._parameter(options.get("bias", bias)))
        elif name in _DROPOUTS:
            arguments = dict(zip(("p", "training"), rest, strict=False)) | options
            self._dropout(arguments.get("p", 0.5), arguments.get("training", True))
        elif name == "flatten":
            arguments = dict(zip(("start_dim", "end_dim"), rest, strict=False)) | options
            self._flatten(arguments.get("start_dim", 0), arguments.get("end_dim", -1))
        elif name in ("view", "reshape"):
            self._reshape(rest)
        elif name not in _IDENTITIES:
            activation = of_call(name, rest, options)
            if activation is None:
                return False
            self.chain.activation(where, activation)
        return True

    def _linear(self, where: str, weight: Any, bias: Any) -> None:
        weight_name = self._names.get(id(weight))
        bias_name = self._names.get(id(bias))
        if weight_name is None or (bias is not None and bias_name is None):
            raise Unsupported("a weight or bias that is no parameter", "make it a torch.nn.Parameter")
        source_bias = None if bias is None else SourceArray(str(bias_name), array_of(bias))
        self.chain.linear(where, SourceArray(weight_name, array_of(weight), "out_in"), source_bias)

    def _parameter(self, node: Any) -> Any:
        if node is None:
            return None
        value: Any = self._module
        for step in str(getattr(node, "target", "")).split("."):
            value = getattr(value, step, None)
        return value

    def _dropout(self, probability: float, training: bool) -> None:
        if training and probability != 0:
            raise Unsupported("dropout in training mode", _TURN_OFF)

    def _flatten(self, start: int, end: int) -> None:
        if (start, end) != (1, -1):
            raise Unsupported("flatten across examples or of some dimensions", "use Flatten(1, -1)")
        self.chain.flatten()

    def _reshape(self, shape: tuple[Any, ...]) -> None:
        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            shape = tuple(shape[0])
        if len(shape) != 2 or -1 not in shape:
            raise Unsupported("a change of shape", "flatten every example to a row, as x.flatten(1) does")
        self.chain.flatten()


def _called_name(node: Any) -> str:
    """Return the name of the method or function that a node calls, without its module."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
