"""A live scalar tensor of PyTorch: the graph behind it, walked by `grad_fn`, with the gradients in `.grad`.

PyTorch keeps operations, not the tensors between them: those whose gradients are handed in are given by name.
What needs no gradient it keeps only where a derivative asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from verifier.documents.mistakes import nearest
from verifier.importers.graph_parts import GraphParts
from verifier.importers.numbers import array_of
from verifier.importers.refusal import Unsupported, library, refused
from verifier.importers.torch_backward_nodes import BACKWARD_NODES, Saved, signed

_LEAF = "torch::autograd::AccumulateGrad"
_KEPT = "an operand that PyTorch kept"
_KEEP = "let it require a gradient: x.requires_grad_(), or torch.tensor(2.0, requires_grad=True) for a number"
_FREED = "call backward(retain_graph=True) on the tensor, so that PyTorch keeps its operands"


def from_torch_tensor(
    output: Any, *, module: Any = None, names: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Give the document of the graph that ends in a tensor of one number, after backward(retain_graph=True).

    names: leaves and inner tensors by name; an inner one's gradient is read where `retain_grad()` was called.
    module: whose parameters are the graph's, under their own names; without it every leaf is one.
    Raises: ImportRefused naming every operation that is none of the table; MalformedSubmission.
    """
    torch = library("torch", "torch")
    if not torch.is_tensor(output) or output.numel() != 1:
        raise refused("output", "a live tensor of one number", _described(torch, output))
    if output.grad_fn is None:
        raise refused("output", "a tensor that operations led to", "one without grad_fn", "leave no_grad off")
    walk = _Walk(torch, names or {}, module)
    order = _ordered(output.grad_fn)
    for node in order:
        walk.visit(node)
    leaves = [node.variable for node in order if node.name() == _LEAF]
    if all(leaf.grad is None for leaf in leaves):
        raise refused("gradients", "gradients in .grad", "none", "call backward(retain_graph=True) first")
    return walk.parts.finished(walk.found[output.grad_fn], fields)


class _Walk:
    """Follows a graph from its leaves; everything that is no operation of the table is refused by name."""

    def __init__(self, torch: Any, names: Mapping[str, Any], module: Any) -> None:
        self.parts = GraphParts()
        self.found: dict[Any, str] = {}
        self._torch = torch
        self._learnt: dict[int, str] | None = None
        if module is not None:
            self._learnt = {id(own): name for name, own in module.named_parameters()}
        self._leaves = {id(own): name for name, own in names.items()} | {**(self._learnt or {})}
        self._inner = {own.grad_fn: (name, own) for name, own in names.items() if own.grad_fn is not None}
        self._data = [(name, own) for name, own in names.items() if own.grad_fn is None]

    def visit(self, node: Any) -> None:
        if node.name() == _LEAF:
            leaf = node.variable
            parameter = self._learnt is None or id(leaf) in self._learnt
            name = self._leaves.get(id(leaf), "leaf")
            self.found[node] = self.parts.leaf(name, leaf, leaf.grad, parameter=parameter)
            return
        called = node.name().removeprefix("torch::autograd::")
        wanted, tensor = self._inner.get(node, (called.partition("Backward")[0].lower(), None))
        gradient = tensor.grad if tensor is not None and tensor.retains_grad else None
        kept = {"gradient": gradient, "value": None if tensor is None else tensor}
        try:
            self.found[node] = self._built(node, called, wanted, kept)
        except Unsupported as unsupported:
            self.parts.refuse(wanted, unsupported.found, unsupported.remedy)
            self.found[node] = wanted

    def _built(self, node: Any, called: str, wanted: str, kept: dict[str, Any]) -> str:
        saved = Saved(node, tuple(node._input_metadata[0].shape))
        own_way = {
            "AddmmBackward0": self._linear,
            "NllLossBackward0": self._picked,
            "CatBackward0": self._joined,
            "StackBackward0": self._stacked,
            "RsubBackward1": self._from_number,
            "ExpandBackward0": self._copied,
        }.get(called)
        if own_way is not None:
            return own_way(saved, wanted, kept)
        row = BACKWARD_NODES.get(called)
        if row is None:
            remedy = nearest(called, BACKWARD_NODES)
            remedy = (
                remedy
                if remedy.startswith("did")
                else "write it with operations of the table, or give .grad up to it"
            )
            raise Unsupported(f"{called} of PyTorch", remedy)
        op, options = row.build(saved)
        operands = self._operands(saved, row.operands)
        return self.parts.node(wanted, op, operands, options, **kept)

    def _operands(self, saved: Saved, names: Sequence[str]) -> list[str]:
        edges = [edge for edge, _ in saved.node.next_functions]
        edges += [None] * (len(names) - len(edges))
        return [
            self.found[edge] if edge is not None else self._constant(saved, name)
            for edge, name in zip(edges, names, strict=True)
        ]

    def _constant(self, saved: Saved, name: str) -> str:
        """Take an operand that needs no gradient from what the derivative of another asked for."""
        try:
            values = saved[name]
        except AttributeError:
            values = None
        except RuntimeError:  # PyTorch's own, for buffers that a backward pass has freed
            raise Unsupported(f"an operand {name!r} that was freed", _FREED) from None
        if values is None:
            raise Unsupported(f"an operand {name!r} without a gradient, which PyTorch does not keep", _KEEP)
        tensor = values if self._torch.is_tensor(values) else self._torch.tensor(values)
        for place, (wanted, own) in enumerate(self._data):
            if own.shape == tensor.shape and own.data_ptr() == tensor.data_ptr():
                known = ("data", place)
                if known not in self.found:
                    self.found[known] = self.parts.leaf(wanted, own, parameter=False)
                return self.found[known]
        return self.parts.leaf("constant" if tensor.ndim == 0 else name, tensor, parameter=False)

    def _linear(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        if saved["alpha"] != 1 or saved["beta"] != 1:
            raise Unsupported("addmm with alpha or beta", "multiply yourself")
        bias, *operands = self._operands(saved, ("self", "mat1", "mat2"))
        product = self.parts.node(f"{wanted}.product", "matmul", operands)
        return self.parts.node(wanted, "add", (product, bias), **kept)

    def _picked(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        """Write nll_loss out: the logarithms of the right classes, their sum, minus it over N."""
        if saved["weight"] is not None or saved["reduction"] == 0:
            raise Unsupported("nll_loss with weights or without a reduction", "use reduction='mean' or 'sum'")
        try:
            targets = array_of(saved["target"])
            width = saved["self"].shape[-1]
        except RuntimeError:
            raise Unsupported("targets that were freed", _FREED) from None
        if (targets == signed(saved["ignore_index"])).any():
            raise Unsupported("nll_loss that ignores targets", "leave those examples out of the batch")
        chosen = self.parts.leaf(f"{wanted}.targets", np.eye(width)[targets], parameter=False)
        (logarithms,) = self._operands(saved, ("self",))
        terms = self.parts.node(f"{wanted}.terms", "multiply", (logarithms, chosen))
        total = self.parts.node(f"{wanted}.total", "sum", (terms,))
        share = -1.0 / (targets.size if saved["reduction"] == 1 else 1)
        return self.parts.node(wanted, "multiply", (total, share), **kept)

    def _joined(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        parts = self._all_operands(saved)
        return self.parts.node(wanted, "concatenate", parts, {"axis": saved.axis("dim")}, **kept)

    def _stacked(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        axis = saved.axis("dim") % len(saved.shape)
        shape = [1 if place == axis else size for place, size in enumerate(saved.shape)]
        parts = [
            self.parts.node(f"{wanted}.part", "reshape", (part,), {"shape": shape})
            for part in self._all_operands(saved)
        ]
        return self.parts.node(wanted, "concatenate", parts, {"axis": axis}, **kept)

    def _all_operands(self, saved: Saved) -> list[str]:
        if any(edge is None for edge, _ in saved.node.next_functions):
            raise Unsupported("an operand without a gradient, which PyTorch does not keep", _KEEP)
        return [self.found[edge] for edge, _ in saved.node.next_functions]

    def _from_number(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        """Refuse 1 − x, whose number PyTorch does not keep."""
        raise Unsupported("a number minus a tensor, which PyTorch does not keep", _KEEP)

    def _copied(self, saved: Saved, wanted: str, kept: dict[str, Any]) -> str:
        """Write expand as broadcasting against zeros."""
        zeros = self.parts.leaf(f"{wanted}.copies", np.zeros(saved.shape), parameter=False)
        return self.parts.node(wanted, "add", (*self._operands(saved, ("self",)), zeros), **kept)


def _ordered(last: Any) -> list[Any]:
    """Give every backward node behind all that it leads to, without recursion."""
    order: list[Any] = []
    seen: set[Any] = set()
    waiting: list[tuple[Any, bool]] = [(last, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [(edge, False) for edge, _ in reversed(node.next_functions) if edge is not None]
    return order


def _described(torch: Any, output: Any) -> str:
    return f"shape {tuple(output.shape)}" if torch.is_tensor(output) else type(output).__name__
