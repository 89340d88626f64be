"""Import the graph of a live scalar tensor of PyTorch by its `grad_fn`, with the gradients in `.grad`.

PyTorch keeps the operations of a graph and no intermediate tensors, so the caller passes those with submitted
gradients by name. It keeps an operand without gradient only if a derivative needs it; others are computed
from what it keeps (`constants.py`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from verifier.documents.importers.common import Unsupported, array_of, library, refused
from verifier.documents.importers.constants import KnownValue, UnknownConstant
from verifier.documents.importers.graph_parts import GraphParts
from verifier.documents.importers.torch_operations import BACKWARD_NODES
from verifier.documents.importers.torch_operations.calls import (
    Argument,
    Built,
    Call,
    Operand,
    Saved,
    calls_within,
    operands_of,
    signed,
)
from verifier.problem.errors import MalformedSubmission

_LEAF = "torch::autograd::AccumulateGrad"
_KEEP = "let it require a gradient: x.requires_grad_(), or torch.tensor(2.0, requires_grad=True) for a number"
_FREED = "call backward(retain_graph=True) on the tensor, so that PyTorch keeps its operands"


def from_torch_tensor(
    output: Any, *, module: Any = None, names: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return the document of the graph of a PyTorch tensor.

    Parameters
    ----------
    output : torch.Tensor
        A tensor with one number, after `output.backward(retain_graph=True)`.
    module : torch.nn.Module, optional
        Its parameters are the parameters of the graph. Without it, every leaf is a parameter.
    names : mapping of str to torch.Tensor, optional
        Leaves and intermediate tensors by name. The gradient of an intermediate tensor is submitted if
        `retain_grad()` was called on it.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If operations are unsupported; it names all of them.
    MalformedSubmission
        If the resulting document is invalid.

    Examples
    --------
    >>> loss.backward(retain_graph=True)
    >>> report = verify(from_torch_tensor(loss, names={"w": w, "b": b}))
    """
    try:
        return _document_of(output, module, names or {}, fields)
    except MalformedSubmission as error:
        raise error.with_traceback(None) from None  # the message says all that a caller can use


def _document_of(
    output: Any, module: Any, names: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    torch = library("torch", "gradjury[torch]")
    if not torch.is_tensor(output) or output.numel() != 1:
        raise refused("output", "a live tensor of one number", _describe(torch, output))
    if output.grad_fn is None:
        raise refused("output", "a tensor that operations led to", "one without grad_fn", "leave no_grad off")
    walk = _Walk(torch, output, names, module)
    for node in walk.order:
        walk.visit(node)
    leaves = [node.variable for node in walk.order if node.name() == _LEAF]
    if all(leaf.grad is None for leaf in leaves):
        raise refused("gradients", "gradients in .grad", "none", "call backward(retain_graph=True) first")
    name = walk.names[output.grad_fn, output.output_nr]
    try:
        walk.parts.solve(name, walk.known_values(output), walk.data())
    except UnknownConstant as error:
        raise refused(error.name, "a constant that follows from what PyTorch keeps", "none", _KEEP) from None
    return walk.parts.finished(name, fields)


Output = tuple[Any, int]
"""A backward node and the number of one of its results."""


class _Walk:
    """A traversal of a graph from its leaves; unsupported operations are refused by name."""

    def __init__(self, torch: Any, output: Any, names: Mapping[str, Any], module: Any) -> None:
        self.parts = GraphParts()
        self.names: dict[Output, str] = {}
        self.order = _topological_order(output.grad_fn)
        self._torch = torch
        self._uses: dict[Output, list[tuple[Any, int]]] = {}
        for node in self.order:
            for place, (edge, number) in enumerate(node.next_functions):
                if edge is not None:
                    self._uses.setdefault((edge, number), []).append((node, place))
        self._parameter_names: dict[int, str] | None = None
        if module is not None:
            self._parameter_names = {id(tensor): name for name, tensor in module.named_parameters()}
        self._leaves = {id(tensor): name for name, tensor in names.items()} | {
            **(self._parameter_names or {})
        }
        self._inner = {
            (tensor.grad_fn, tensor.output_nr): (name, tensor)
            for name, tensor in names.items()
            if tensor.grad_fn is not None
        }
        self._output = output
        self._data = [(name, tensor) for name, tensor in names.items() if tensor.grad_fn is None]
        self._data_names: dict[int, str] = {}
        self._added: dict[Call, str] = {}

    def visit(self, node: Any) -> None:
        """Add a leaf, or all results of an operation that are used."""
        if node.name() == _LEAF:
            leaf = node.variable
            parameter = self._parameter_names is None or id(leaf) in self._parameter_names
            name = self._leaves.get(id(leaf), "leaf")
            self.names[node, 0] = self.parts.leaf(name, leaf, _materialised(leaf.grad), parameter=parameter)
            return
        for result in node._input_metadata:
            self.parts.computed_in(result.dtype)
        operation = _operation_name(node)
        short = operation.partition("Backward")[0].lower()
        try:
            built = _built(node)
            results = built if isinstance(built, Mapping) else {0: built}
            for number, result in results.items():
                output = (node, number)
                if output in self._uses or output in self._inner or len(results) == 1:
                    self._add_result(output, result, short if len(results) == 1 else f"{short}.{number}")
        except Unsupported as error:
            name, _ = self._inner.get((node, 0), (short, None))
            self.parts.refuse(name, error.actual, error.remedy)
            for number in range(len(node._input_metadata)):
                self.names[node, number] = name

    def known_values(self, output: Any) -> dict[str, KnownValue]:
        """Return the values of nodes that PyTorch kept for a derivative, and that of the output."""
        known = {}
        for result, uses in self._uses.items():
            if result[0].name() == _LEAF or result not in self.names:
                continue
            for user, place in uses:
                value = _kept_value(self._torch, user, place)
                if value is not None:
                    known[self.names[result]] = value
                    break
        known[self.names[output.grad_fn, output.output_nr]] = _known(self._torch, output)
        return known

    def data(self) -> dict[str, Any]:
        """Return the caller's tensors without gradient that have no place in the graph yet."""
        return {
            name: array_of(tensor)
            for index, (name, tensor) in enumerate(self._data)
            if index not in self._data_names
        }

    def _add_result(self, output: Output, result: Call | Operand, short: str) -> None:
        name, tensor = self._inner.get(output, (short, None))
        gradient = tensor.grad if tensor is not None and tensor.retains_grad else None
        call = result if isinstance(result, Call) else Call("identity", (result,))
        is_output = output == (self._output.grad_fn, self._output.output_nr)
        value = self._output.detach() if tensor is None and is_output else tensor
        self.names[output] = self._add(output[0], call, name, {"gradient": gradient, "value": value})

    def _add(self, node: Any, call: Call, name: str, outcome: Mapping[str, Any]) -> str:
        """Add the nodes of a call, operands first; the last one has the name and the outcome."""
        for part in calls_within(call):
            if part not in self._added:
                arguments = [self._argument(node, argument, name) for argument in part.args]
                last = {"wanted": name, **outcome} if part is call else {"wanted": f"{name}.{part.op}"}
                self._added[part] = self.parts.node(
                    last.pop("wanted"), part.op, arguments, part.options, **last
                )
        return self._added[call]

    def _argument(self, node: Any, argument: Argument, name: str) -> str | float:
        if isinstance(argument, Call):
            return self._added[argument]
        if isinstance(argument, Operand):
            return self._operand(node, argument)
        if isinstance(argument, float):
            return argument
        return self.parts.leaf(f"{name}.constant", argument, parameter=False)

    def _operand(self, node: Any, operand: Operand) -> str:
        edges = node.next_functions
        edge = edges[operand.place] if operand.place < len(edges) else (None, 0)
        if edge[0] is not None:
            return self.names[edge]
        values = _saved_tensor(node, operand.saved)
        if values is None:
            return self.parts.unknown("constant", tuple(node._input_metadata[0].shape))
        tensor = (
            values if self._torch.is_tensor(values) else self._torch.tensor(values, dtype=self._torch.float64)
        )
        for index, (tensor_name, named_tensor) in enumerate(self._data):
            if named_tensor.shape == tensor.shape and named_tensor.data_ptr() == tensor.data_ptr():
                if index not in self._data_names:
                    self._data_names[index] = self.parts.leaf(tensor_name, named_tensor, parameter=False)
                return self._data_names[index]
        name = "constant" if tensor.ndim == 0 else operand.saved
        return self.parts.leaf(name, tensor, parameter=False)


def _materialised(gradient: Any) -> Any:
    """Return a gradient with memory of its own; PyTorch has zeros without any."""
    return gradient.clone() if gradient is not None and gradient._is_zerotensor() else gradient


def _operation_name(node: Any) -> str:
    return str(node.name()).removeprefix("torch::autograd::")


def _built(node: Any) -> Built:
    """Return a backward node in operations of graphs. Raises: Unsupported."""
    name = _operation_name(node)
    row = BACKWARD_NODES.get(name)
    if row is None:
        remedy = "write it with operations of the table, or give .grad up to it"
        if not name[-1].isdigit():
            function = name.removesuffix("Backward")
            remedy = f"check a torch.autograd.Function by itself: check_gradient({function}, None, *tensors)"
        raise Unsupported(f"{name} of PyTorch", remedy)
    if any(result.dtype.is_complex for result in node._input_metadata):
        remedy = "write it with real numbers, such as the real and the imaginary part"
        raise Unsupported(f"complex numbers in {name} of PyTorch", remedy)
    shapes = tuple(tuple(result.shape) for result in node._input_metadata)
    try:
        return row(Saved(node, shapes, tuple(_shape_of(edge) for edge in node.next_functions)))
    except RuntimeError:  # PyTorch raises it for freed buffers
        raise Unsupported(f"values of {name} that were freed", _FREED) from None


def _shape_of(edge: tuple[Any, int]) -> tuple[int, ...] | None:
    node, number = edge
    if node is None:
        return None
    return tuple(node.variable.shape if node.name() == _LEAF else node._input_metadata[number].shape)


def _saved_tensor(node: Any, name: str) -> Any:
    """Return a saved operand; None if PyTorch does not keep it. Raises: Unsupported."""
    try:
        return getattr(node, f"_saved_{name}", None) if name else None
    except RuntimeError:
        raise Unsupported(f"an operand {name!r} that was freed", _FREED) from None


def _known(torch: Any, tensor: Any, axis: int | None = None) -> KnownValue:
    values = array_of(tensor).astype(np.float64)
    return KnownValue(values, _roundoff(torch, tensor), np.zeros(values.shape), axis)


def _roundoff(torch: Any, tensor: Any) -> float:
    return float(torch.finfo(tensor.dtype).eps) if tensor.dtype.is_floating_point else 2.0**-52


def _inverted(torch: Any, inverse: Callable[[Any], Any], result: Any) -> KnownValue:
    """Return the operand that has a result, with what the rounding of the result changes in it."""
    roundoff = _roundoff(torch, result)
    exact = result.detach().double()
    values, above = (array_of(inverse(exact * factor)) for factor in (1.0, 1.0 + roundoff))
    below = array_of(inverse(exact * (1.0 - roundoff)))
    with np.errstate(all="ignore"):
        errors = np.fmax(np.abs(above - values), np.abs(below - values))
    unknown = ~np.isfinite(errors)
    return KnownValue(np.where(unknown, np.nan, values), roundoff, np.where(unknown, 0.0, errors))


_INVERSES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "ExpBackward0": lambda result: result.log(),
        "Expm1Backward0": lambda result: result.log1p(),
        "SqrtBackward0": lambda result: result.square(),
        "RsqrtBackward0": lambda result: result**-2,
        "ReciprocalBackward0": lambda result: 1 / result,
        "TanhBackward0": lambda result: result.atanh(),
        "SigmoidBackward0": lambda result: result.logit(),
        "ReluBackward0": lambda result: result.masked_fill(result <= 0, float("nan")),
    }
)
"""By backward node, the operand for the result that it keeps."""


def _kept_value(torch: Any, user: Any, place: int) -> KnownValue | None:
    """Return an operand's value, as far as the operation that uses it keeps it."""
    name = _operation_name(user)
    try:
        built = _built(user)
    except Unsupported:
        return None
    try:
        saved = {
            operand: _saved_tensor(user, operand.saved) if operand.place == place else None
            for operand in operands_of(built)
        }
        result = _saved_tensor(user, "result")
    except Unsupported:  # freed, so its value is not known
        return None
    for values in saved.values():
        if (
            values is not None
            and torch.is_tensor(values)
            and not values.is_complex()
            and tuple(values.shape) == _shape_of(user.next_functions[place])
        ):
            return _known(torch, values.detach())
    if result is None:
        return None
    if name in _INVERSES:
        return _inverted(torch, _INVERSES[name], result)
    if name in ("SoftmaxBackward0", "SafeSoftmaxBackward0", "LogSoftmaxBackward0"):
        logarithm = result.detach() if name.startswith("Log") else result.detach().log()
        return _known(torch, logarithm, signed(user._saved_dim))
    return None


def _topological_order(last: Any) -> list[Any]:
    """Return all backward nodes in topological order, operands first, without recursion."""
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[tuple[Any, bool]] = [(last, False)]
    while stack:
        node, operands_done = stack.pop()
        if operands_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(edge, False) for edge, _ in reversed(node.next_functions) if edge is not None]
    return order


def _describe(torch: Any, output: Any) -> str:
    return f"shape {tuple(output.shape)}" if torch.is_tensor(output) else type(output).__name__
