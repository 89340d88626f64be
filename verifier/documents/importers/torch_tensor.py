"""Import the graph of a live scalar tensor of PyTorch by its `grad_fn`, with the gradients in `.grad`.

PyTorch keeps the operations of a graph and no intermediate tensors, so the caller passes those with submitted
gradients by name. It keeps an operand without gradient only if a derivative needs it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from verifier.documents.importers.common import Unsupported, array_of, library, refused
from verifier.documents.importers.graph_parts import GraphParts
from verifier.documents.importers.torch_graph import BACKWARD_NODES, Saved, signed
from verifier.problem.errors import suggest_name

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
    torch = library("torch", "gradjury[torch]")
    if not torch.is_tensor(output) or output.numel() != 1:
        raise refused("output", "a live tensor of one number", _describe(torch, output))
    if output.grad_fn is None:
        raise refused("output", "a tensor that operations led to", "one without grad_fn", "leave no_grad off")
    walk = _Walk(torch, names or {}, module)
    order = _topological_order(output.grad_fn)
    for node in order:
        walk.visit(node)
    leaves = [node.variable for node in order if node.name() == _LEAF]
    if all(leaf.grad is None for leaf in leaves):
        raise refused("gradients", "gradients in .grad", "none", "call backward(retain_graph=True) first")
    return walk.parts.finished(walk.node_names[output.grad_fn], fields)


class _Walk:
    """A traversal of a graph from its leaves; unsupported operations are refused by name."""

    def __init__(self, torch: Any, names: Mapping[str, Any], module: Any) -> None:
        self.parts = GraphParts()
        self.node_names: dict[Any, str] = {}
        self._torch = torch
        self._parameter_names: dict[int, str] | None = None
        if module is not None:
            self._parameter_names = {id(tensor): name for name, tensor in module.named_parameters()}
        self._leaves = {id(tensor): name for name, tensor in names.items()} | {
            **(self._parameter_names or {})
        }
        self._inner = {
            tensor.grad_fn: (name, tensor) for name, tensor in names.items() if tensor.grad_fn is not None
        }
        self._data = [(name, tensor) for name, tensor in names.items() if tensor.grad_fn is None]

    def visit(self, node: Any) -> None:
        if node.name() == _LEAF:
            leaf = node.variable
            parameter = self._parameter_names is None or id(leaf) in self._parameter_names
            name = self._leaves.get(id(leaf), "leaf")
            self.node_names[node] = self.parts.leaf(name, leaf, leaf.grad, parameter=parameter)
            return
        operation_name = node.name().removeprefix("torch::autograd::")
        node_name, tensor = self._inner.get(node, (operation_name.partition("Backward")[0].lower(), None))
        gradient = tensor.grad if tensor is not None and tensor.retains_grad else None
        outcome = {"gradient": gradient, "value": None if tensor is None else tensor}
        try:
            self.node_names[node] = self._add_node(node, operation_name, node_name, outcome)
        except Unsupported as error:
            self.parts.refuse(node_name, error.actual, error.remedy)
            self.node_names[node] = node_name

    def _add_node(self, node: Any, operation_name: str, node_name: str, outcome: dict[str, Any]) -> str:
        saved = Saved(node, tuple(node._input_metadata[0].shape))
        special_case = {
            "AddmmBackward0": self._add_addmm,
            "NllLossBackward0": self._add_nll_loss,
            "CatBackward0": self._add_concatenation,
            "StackBackward0": self._add_stack,
            "RsubBackward1": self._refuse_rsub,
            "ExpandBackward0": self._add_expansion,
        }.get(operation_name)
        if special_case is not None:
            return special_case(saved, node_name, outcome)
        row = BACKWARD_NODES.get(operation_name)
        if row is None:
            remedy = suggest_name(operation_name, BACKWARD_NODES)
            remedy = (
                remedy
                if remedy.startswith("did")
                else "write it with operations of the table, or give .grad up to it"
            )
            raise Unsupported(f"{operation_name} of PyTorch", remedy)
        op, options = row.build(saved)
        operands = self._operands(saved, row.operands)
        return self.parts.node(node_name, op, operands, options, **outcome)

    def _operands(self, saved: Saved, names: Sequence[str]) -> list[str]:
        edges = [edge for edge, _ in saved.node.next_functions]
        edges += [None] * (len(names) - len(edges))
        return [
            self.node_names[edge] if edge is not None else self._add_constant(saved, name)
            for edge, name in zip(edges, names, strict=True)
        ]

    def _add_constant(self, saved: Saved, name: str) -> str:
        """Add an operand without gradient, whose values another operand's derivative saved."""
        try:
            values = saved[name]
        except AttributeError:
            values = None
        except RuntimeError:  # PyTorch raises it for freed buffers
            raise Unsupported(f"an operand {name!r} that was freed", _FREED) from None
        if values is None:
            raise Unsupported(f"an operand {name!r} without a gradient, which PyTorch does not keep", _KEEP)
        tensor = values if self._torch.is_tensor(values) else self._torch.tensor(values)
        for index, (tensor_name, named_tensor) in enumerate(self._data):
            if named_tensor.shape == tensor.shape and named_tensor.data_ptr() == tensor.data_ptr():
                key = ("data", index)
                if key not in self.node_names:
                    self.node_names[key] = self.parts.leaf(tensor_name, named_tensor, parameter=False)
                return self.node_names[key]
        return self.parts.leaf("constant" if tensor.ndim == 0 else name, tensor, parameter=False)

    def _add_addmm(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        if saved["alpha"] != 1 or saved["beta"] != 1:
            raise Unsupported("addmm with alpha or beta", "multiply yourself")
        bias, *operands = self._operands(saved, ("self", "mat1", "mat2"))
        product = self.parts.node(f"{node_name}.product", "matmul", operands)
        return self.parts.node(node_name, "add", (product, bias), **outcome)

    def _add_nll_loss(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        """Add nll_loss as elementary operations: −1/N times the sum of the right classes' logarithms."""
        if saved["weight"] is not None or saved["reduction"] == 0:
            raise Unsupported("nll_loss with weights or without a reduction", "use reduction='mean' or 'sum'")
        try:
            targets = array_of(saved["target"])
            width = saved["self"].shape[-1]
        except RuntimeError:
            raise Unsupported("targets that were freed", _FREED) from None
        if (targets == signed(saved["ignore_index"])).any():
            raise Unsupported("nll_loss that ignores targets", "leave those examples out of the batch")
        chosen = self.parts.leaf(f"{node_name}.targets", np.eye(width)[targets], parameter=False)
        (logarithms,) = self._operands(saved, ("self",))
        terms = self.parts.node(f"{node_name}.terms", "multiply", (logarithms, chosen))
        total = self.parts.node(f"{node_name}.total", "sum", (terms,))
        share = -1.0 / (targets.size if saved["reduction"] == 1 else 1)
        return self.parts.node(node_name, "multiply", (total, share), **outcome)

    def _add_concatenation(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        parts = self._all_operands(saved)
        return self.parts.node(node_name, "concatenate", parts, {"axis": saved.axis("dim")}, **outcome)

    def _add_stack(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        axis = saved.axis("dim") % len(saved.shape)
        shape = [1 if place == axis else size for place, size in enumerate(saved.shape)]
        parts = [
            self.parts.node(f"{node_name}.part", "reshape", (part,), {"shape": shape})
            for part in self._all_operands(saved)
        ]
        return self.parts.node(node_name, "concatenate", parts, {"axis": axis}, **outcome)

    def _all_operands(self, saved: Saved) -> list[str]:
        if any(edge is None for edge, _ in saved.node.next_functions):
            raise Unsupported("an operand without a gradient, which PyTorch does not keep", _KEEP)
        return [self.node_names[edge] for edge, _ in saved.node.next_functions]

    def _refuse_rsub(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        """Refuse a number minus a tensor, because PyTorch does not keep the number."""
        raise Unsupported("a number minus a tensor, which PyTorch does not keep", _KEEP)

    def _add_expansion(self, saved: Saved, node_name: str, outcome: dict[str, Any]) -> str:
        """Add expand as the sum with zeros of the larger shape."""
        zeros = self.parts.leaf(f"{node_name}.copies", np.zeros(saved.shape), parameter=False)
        return self.parts.node(node_name, "add", (*self._operands(saved, ("self",)), zeros), **outcome)


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
