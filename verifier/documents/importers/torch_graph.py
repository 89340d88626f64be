"""Read the layers of a traced module, from its input to its output."""

from collections.abc import Mapping
from typing import Any

from verifier.documents.importers.common import LayerCollector, SourceArray, Unsupported, array_of
from verifier.documents.importers.torch_layers import of_call, of_module

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
