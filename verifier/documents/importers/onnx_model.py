"""Import ONNX models of standard operators. External data files are not opened."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from verifier.documents.importers.common import (
    Gradients,
    LayerCollector,
    SourceArray,
    Unsupported,
    array_of,
    import_to_document,
    library,
    refused,
)
from verifier.documents.importers.state_dict import content_of
from verifier.problem.errors import UnreadableSubmission

Attributes = Mapping[str, Any]
Written = str | dict[str, Any]


def _softmax(attributes: Attributes) -> Written:
    if attributes.get("axis", -1) not in (-1, 1):
        raise Unsupported(f"a softmax over axis {attributes['axis']}", "take it over a row's units, axis -1")
    return "softmax"


def _gelu(attributes: Attributes) -> Written:
    return "gelu_tanh" if attributes.get("approximate", b"none") == b"tanh" else "gelu"


def _swish(attributes: Attributes) -> Written:
    if attributes.get("alpha", 1.0) != 1.0:
        raise Unsupported("a Swish with another alpha than 1")
    return "silu"


ACTIVATIONS: Mapping[str, Callable[[Attributes], Written]] = MappingProxyType(
    {
        "Relu": lambda attributes: "relu",
        "Tanh": lambda attributes: "tanh",
        "Sigmoid": lambda attributes: "sigmoid",
        "Softplus": lambda attributes: "softplus",
        "Softmax": _softmax,
        "LogSoftmax": lambda attributes: f"log_{_softmax(attributes)}",
        "Mish": lambda attributes: "mish",
        "HardSwish": lambda attributes: "hardswish",
        "Softsign": lambda attributes: "softsign",
        "Gelu": _gelu,
        "Swish": _swish,
        "LeakyRelu": lambda attributes: {"name": "leaky_relu", "slope": attributes.get("alpha", 0.01)},
        "Elu": lambda attributes: {"name": "elu", "alpha": attributes.get("alpha", 1.0)},
    }
)


_STANDARD = ("", "ai.onnx")
_CONSTANT_ATTRIBUTES = ("value", "value_float", "value_floats", "value_int", "value_ints")


@dataclass(frozen=True, slots=True)
class _Pending:
    """A MatMul whose bias may follow in an Add."""

    where: str
    weight: SourceArray


class OnnxTraversal:
    """A traversal of a graph that is one chain of values; all other nodes are refused by name."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.chain = LayerCollector()
        self._onnx, self._graph = onnx, graph
        self._arrays: dict[str, SourceArray] = {}
        self._pending: _Pending | None = None
        for tensor in graph.initializer:
            self._keep(tensor.name, onnx.numpy_helper.to_array(tensor), tensor.name)
        self._uses = Counter(name for node in graph.node for name in node.input)
        inputs = [value.name for value in graph.input if value.name not in self._arrays]
        if len(inputs) != 1 or len(graph.output) != 1:
            actual = f"{len(inputs)} and {len(graph.output)}"
            raise refused(graph.name, "one input and one output", actual)
        self._current = inputs[0]

    def through(self) -> LayerCollector:
        """Visit all nodes, and return the chain of layers."""
        for node in self._graph.node:
            where = node.name or (node.output[0] if node.output else node.op_type)
            try:
                self._step(where, node)
            except Unsupported as error:
                self.chain.refuse(where, error.actual, error.remedy)
                self._current = node.output[0]
        self._add_pending()
        if self._graph.output[0].name != self._current:
            self.chain.refuse(
                self._graph.output[0].name, "another value", expected="the last layer's as output"
            )
        return self.chain

    def _keep(self, name: str, array: Any, source: str) -> None:
        values = array_of(array)
        self._arrays[name] = SourceArray(source, values, "in_out" if values.ndim == 2 else None)

    def _step(self, where: str, node: Any) -> None:
        if node.domain not in _STANDARD:
            raise Unsupported(f"{node.op_type} of the domain {node.domain[:60]!r}", "use standard operators")
        attributes = {
            attribute.name: self._onnx.helper.get_attribute_value(attribute) for attribute in node.attribute
        }
        if node.op_type == "Constant" or all(name in self._arrays for name in node.input if name):
            self._fold(node, attributes)
            return
        if self._is_sigmoid_of_silu(node):
            return  # the Sigmoid of x · σ(x); the Mul adds the activation
        data = [name for name in node.input if name and name not in self._arrays]
        gated = self._is_silu_product(node, data)
        if data != [self._current] and not gated:
            actual = f"{node.op_type} of {', '.join(data)[:100]}"
            raise Unsupported(actual, "no value may be used twice, as in a residual sum")
        if node.op_type != "Add":
            self._add_pending()
        self._apply(where, node, attributes, gated)
        self._current = node.output[0]

    def _apply(self, where: str, node: Any, attributes: dict[str, Any], gated: bool) -> None:
        if gated:
            self.chain.activation(where, "silu")
        elif node.op_type == "Gemm":
            self._gemm(where, node, attributes)
        elif node.op_type == "MatMul":
            if node.input[0] != self._current:
                raise Unsupported("MatMul of a weight and examples as columns", "put examples in rows")
            self._pending = _Pending(where, self._arrays[node.input[1]])
        elif node.op_type == "Add":
            self._add(where, node)
        elif node.op_type in ACTIVATIONS:
            self.chain.activation(where, ACTIVATIONS[node.op_type](attributes))
        elif self._to_rows(node, attributes):
            self.chain.flatten()
        elif node.op_type == "Dropout":
            self._dropout(node)
        elif node.op_type != "Identity":
            raise Unsupported(node.op_type)

    def _gemm(self, where: str, node: Any, attributes: dict[str, Any]) -> None:
        if node.input[0] != self._current or node.input[1] not in self._arrays:
            raise Unsupported("Gemm of a weight and examples as columns", "put examples in rows")
        if attributes.get("transA", 0):
            raise Unsupported("Gemm with transA=1, examples as columns", "put examples in rows")
        weight = self._arrays[node.input[1]]
        if attributes.get("transB", 0):
            weight = _transposed(weight)
        weight = replace(weight, factor=attributes.get("alpha", 1.0))
        bias, beta = None, attributes.get("beta", 1.0)
        if len(node.input) > 2 and node.input[2] and beta != 0:
            bias = replace(self._arrays[node.input[2]], factor=beta, layout=None)
        if weight.factor == 0:
            raise Unsupported("Gemm with alpha=0", "its weight has no influence")
        self.chain.linear(where, weight, bias)

    def _add(self, where: str, node: Any) -> None:
        bias = next(self._arrays[name] for name in node.input if name in self._arrays)
        if self._pending is None:
            raise Unsupported("an Add without a MatMul before it", "bring the bias into the layer")
        pending, self._pending = self._pending, None
        self.chain.linear(pending.where, pending.weight, replace(bias, layout=None))

    def _add_pending(self) -> None:
        """Add the pending product as a layer without bias."""
        if self._pending is not None:
            self.chain.linear(self._pending.where, self._pending.weight, None)
            self._pending = None

    def _fold(self, node: Any, attributes: dict[str, Any]) -> None:
        """Evaluate a node of constants (Constant, Identity, Transpose), which exporters use for weights."""
        name = node.output[0]
        if node.op_type == "Constant":
            attribute = next((key for key in _CONSTANT_ATTRIBUTES if key in attributes), None)
            if attribute is None:
                raise Unsupported("a Constant that holds no numbers")
            value = attributes[attribute]
            self._keep(name, self._onnx.numpy_helper.to_array(value) if attribute == "value" else value, name)
        elif node.op_type == "Identity":
            self._arrays[name] = self._arrays[node.input[0]]
        elif node.op_type == "Transpose" and attributes.get("perm", [1, 0]) == [1, 0]:
            self._arrays[name] = _transposed(self._arrays[node.input[0]])
        else:
            raise Unsupported(f"{node.op_type} of weights", "fold constants before exporting")

    def _is_sigmoid_of_silu(self, node: Any) -> bool:
        if node.op_type != "Sigmoid" or self._uses.get(self._current) != 2 or self._uses[node.output[0]] != 1:
            return False
        users = (user for user in self._graph.node if node.output[0] in user.input)
        return any(self._is_silu_product(user, list(user.input)) for user in users)

    def _is_silu_product(self, node: Any, data: list[str]) -> bool:
        """True if a node is x · σ(x) of the current value x."""
        if node.op_type != "Mul" or len(data) != 2 or self._current not in data:
            return False
        other = data[1 - data.index(self._current)]
        producers = (producer for producer in self._graph.node if other in producer.output)
        return any(
            producer.op_type == "Sigmoid" and list(producer.input) == [self._current]
            for producer in producers
        )

    def _to_rows(self, node: Any, attributes: dict[str, Any]) -> bool:
        if node.op_type != "Reshape":
            return bool(node.op_type == "Flatten" and attributes.get("axis", 1) == 1)
        shape = self._arrays[node.input[1]].values.ravel().tolist() if len(node.input) > 1 else []
        return len(shape) == 2 and (shape[0] in (0, -1) or shape[1] == -1)

    def _dropout(self, node: Any) -> None:
        training = self._arrays[node.input[2]].values if len(node.input) > 2 and node.input[2] else np.False_
        if np.any(training) or any(self._uses.get(name) for name in node.output[1:]):
            raise Unsupported("Dropout in training mode", "export the model in evaluation mode")


def _transposed(array: SourceArray) -> SourceArray:
    """Return the transposed array: the same stored numbers in the other layout."""
    if array.layout is None:
        raise Unsupported(f"a transposed {array.name[:60]!r}, which is no matrix")
    return replace(array, layout="in_out" if array.layout == "out_in" else "out_in")


def from_onnx(
    model: Any,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of an ONNX model of Gemm, or MatMul and Add, and activations.

    Parameters
    ----------
    model : onnx.ModelProto, str, Path or bytes
        A model, or the path or bytes of its file.
    loss : str or dict
        The document's `loss`.
    inputs, targets : array_like
        Examples as rows, and their targets.
    gradients : mapping or sequence, optional
        With respect to the initializers, by their names and in their layouts; `alpha` and `beta` of Gemm are
        not applied to them.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If operators are unsupported; it names all of them.
    MalformedSubmission
        If the file or the resulting document is invalid.
    MissingLibrary
        If onnx is not installed.

    Examples
    --------
    >>> report = verify(from_onnx("model.onnx", "torch.mse", inputs, targets, gradients=gradients))
    """
    onnx = library("onnx", "gradjury[onnx]")
    if isinstance(model, str | Path | bytes):
        model = _parsed(onnx, content_of(model))
    _check(onnx, model)
    return import_to_document(
        OnnxTraversal(onnx, model.graph).through().finished(),
        inputs=inputs,
        targets=targets,
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _parsed(onnx: Any, content: bytes) -> Any:
    if content[:1] == b"\x80":
        raise UnreadableSubmission("an ONNX model", "a pickle", "export it with torch.onnx.export")
    message = library("google.protobuf.message", "gradjury[onnx]")
    try:
        return onnx.load_model_from_string(content)
    except (message.DecodeError, ValueError, RuntimeError) as error:
        raise UnreadableSubmission("an ONNX model", f"none or a damaged one: {str(error)[:100]}") from None


def _check(onnx: Any, model: Any) -> None:
    for tensor in _tensors(onnx, model.graph):
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            rule = "weights in the model's own file"
            raise refused(tensor.name, rule, "external data", "save it with save_as_external_data=False")
    for node in model.graph.node:  # before the checker, whose error message is about a missing schema
        if node.domain not in ("", "ai.onnx"):
            actual = f"{node.op_type} of the domain {node.domain[:60]!r}"
            raise refused(node.name or node.op_type, "standard operators", actual, "use those of ONNX itself")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise UnreadableSubmission("a valid ONNX model", str(error).strip().split("\n")[0][:200]) from None


def _tensors(onnx: Any, graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
