"""Losses, one number each: outputs first, targets second, options as in a document's `loss`."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import LOSSES, Loss, Risk, Terms
from reference_impl.problem_graph import loss_node
from verifier.engine.arithmetic import FLOATS
from verifier.engine.functions.torch_twins import loss_in_torch
from verifier.problem.errors import ErrorCollector
from verifier.problem.graph import GraphOperation, InferredNode, Locality, MisfitError, Node, Options, Shape
from verifier.problem.loss import read_loss

_FIELDS = ("factor", "batch", "outputs", "on")
_DESCRIPTIONS = {
    "mse": "factor · Σ (f − y)², a half and the mean over examples unless said otherwise",
    "cross_entropy": "−Σ y log p; targets are class indices or rows, an input",
    "binary_cross_entropy": "−Σ y log p + (1 − y) log(1 − p); targets are an input",
}


def loss_rows() -> Iterator[GraphOperation]:
    """Yield an operation for the losses that graphs share with layers; others are compositions."""
    for name in _DESCRIPTIONS:
        loss = LOSSES[name]
        yield _difference_row(loss) if "values" in loss.on else _entropy_row(loss)


def _risk(loss: Loss, options: dict[str, Any]) -> Risk:
    errors = ErrorCollector()
    reading = read_loss({"name": loss.name, **options}, (), errors)
    if reading is None:
        first = errors.records[0]
        raise MisfitError(first.expected, first.actual, first.remedy, field=first.pointer.removeprefix("/"))
    return reading[0]


def _loss_options(loss: Loss, options: dict[str, Any], shape: Shape) -> Options:
    """Return the risk, the shape (N, outputs) of the outputs as rows, and the divisor of their sum."""
    risk = _risk(loss, options)
    rows = shape if len(shape) == 2 else (*shape, 1)
    divisor = (rows[0] if risk.batch == "mean" else 1) * (rows[1] if risk.outputs == "mean" else 1)
    return {"risk": risk, "rows": rows, "divisor": divisor}


def _check_outputs(shape: Shape) -> None:
    if len(shape) not in (1, 2) or 0 in shape:
        raise MisfitError("outputs of shape (N, outputs) or (N,)", f"shape {shape}", "reshape them")


def _rows(A: Any, node: Node, operand: Any) -> Any:
    old, new = node.operand_shapes[0], node.options["rows"]
    return A.move(lambda part: part.reshape(*part.shape[: part.ndim - len(old)], *new), operand)


def _scale(A: Any, node: Node, x: Any) -> Any:
    return A.scaled(x, node.options["risk"].factor, node.options["divisor"])


def _upstream_rows(A: Any, node: Node, upstream: Any) -> Any:
    return A.move(lambda part: np.broadcast_to(part, node.options["rows"]), _scale(A, node, upstream))


def _in_operand_shape(A: Any, node: Node, rows: Any) -> Any:
    return A.move(lambda part: part.reshape(node.operand_shapes[0]), rows)


def _difference_row(loss: Loss) -> GraphOperation:
    def fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
        _check_outputs(shapes[0])
        if shapes[0] != shapes[1]:
            raise MisfitError("outputs and targets of one shape", f"{shapes[0]} and {shapes[1]}")
        return InferredNode((), _loss_options(loss, options, shapes[0]))

    def differences(A: Any, node: Node, operands: Sequence[Any]) -> Any:
        return A.minus(_rows(A, node, operands[0]), _rows(A, node, operands[1]))

    def value(A: Any, node: Node, operands: Sequence[Any]) -> Any:
        difference = differences(A, node, operands)
        return _scale(A, node, A.total(A.times(difference, difference), (-2, -1)))

    def row_terms(node: Node, operands: Sequence[Array]) -> Array:
        squares = np.square(differences(FLOATS, node, operands))
        return np.asarray(_scale(FLOATS, node, squares.sum(axis=-1)))

    def vjp(
        A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
    ) -> tuple[Any, ...]:
        doubled = A.scaled(differences(A, node, operands), 2.0)
        gradient = _in_operand_shape(A, node, A.times(_upstream_rows(A, node, upstream), doubled))
        return gradient, A.negative(gradient)

    def in_torch(torch: Any, node: Node, operands: Sequence[Any]) -> Any:
        terms = torch.nn.functional.mse_loss(*operands, reduction="sum")
        return terms * node.options["risk"].factor / node.options["divisor"]

    return GraphOperation(
        name=loss.name,
        description=_DESCRIPTIONS[loss.name],
        operands=(2, 2),
        fit=fit,
        value=value,
        vjp=vjp,
        in_torch=in_torch,
        in_graph=lambda graph, node, operands: (
            graph.squared_error(*operands) * (node.options["risk"].factor / node.options["divisor"])
        ),
        options=("factor", "batch", "outputs"),
        locality=_sum_of_rows,
        row_terms=row_terms,
    )


def _entropy_row(loss: Loss) -> GraphOperation:
    def fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
        outputs, targets = shapes
        _check_outputs(outputs)
        if loss.class_targets and len(outputs) != 2:
            raise MisfitError("outputs of shape (N, classes)", f"shape {outputs}")
        fitting = [outputs, outputs[:1]] if loss.class_targets else [outputs]
        if targets not in fitting:
            rule = " or ".join(f"shape {shape}" for shape in fitting)
            raise MisfitError(f"targets of {rule}", f"shape {targets}")
        return InferredNode((), _loss_options(loss, options, outputs))

    def check(options: Options, shapes: tuple[Shape, ...], targets: Array) -> str:
        if targets.shape == shapes[0]:
            return ""
        classes = shapes[0][-1]
        wrong = (targets != np.rint(targets)) | (targets < 0) | (targets >= classes)
        return f"class indices from 0 to {classes - 1}" if wrong.any() else ""

    def terms(node: Node) -> Terms:
        risk: Risk = node.options["risk"]
        return loss.on[risk.on]

    def value(A: Any, node: Node, operands: Sequence[Any]) -> Any:
        rows = A.losses(terms(node), _rows(A, node, operands[0]), _targets(node))
        return _scale(A, node, A.total(rows, (-1,)))

    def row_terms(node: Node, operands: Sequence[Array]) -> Array:
        losses = FLOATS.losses(terms(node), _rows(FLOATS, node, operands[0]), _targets(node))
        return np.asarray(_scale(FLOATS, node, losses))

    def vjp(
        A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
    ) -> tuple[Any, ...]:
        gradient = A.loss_gradient(terms(node), _rows(A, node, operands[0]), _targets(node))
        return _in_operand_shape(A, node, A.times(_upstream_rows(A, node, upstream), gradient)), None

    def in_torch(torch: Any, node: Node, operands: Sequence[Any]) -> Any:
        f = operands[0].reshape(node.options["rows"])
        losses = loss_in_torch(terms(node), torch, f, torch.tensor(_targets(node).copy()))
        return losses.sum() * node.options["risk"].factor / node.options["divisor"]

    def in_graph(graph: Any, node: Node, operands: Sequence[Any]) -> Any:
        f = graph.Reshape(node.options["rows"])(operands[0])
        total = loss_node(terms(node), f, _targets(node))
        return total * (node.options["risk"].factor / node.options["divisor"])

    return GraphOperation(
        name=loss.name,
        description=_DESCRIPTIONS[loss.name],
        operands=(2, 2),
        fit=fit,
        value=value,
        vjp=vjp,
        in_torch=in_torch,
        in_graph=in_graph,
        options=tuple(field for field in _FIELDS if field != "outputs" or loss.reduces_outputs),
        data=(1,),
        check_data=check,
        locality=_sum_of_rows,
        row_terms=row_terms,
    )


def _sum_of_rows(node: Node, perturbed: Sequence[bool]) -> Locality:
    return Locality.TERM


def _targets(node: Node) -> Array:
    return target_rows(node, node.data[1])


def target_rows(node: Node, targets: Array) -> Array:
    """Return the targets of a loss as rows, (N, outputs); class indices become one-hot rows."""
    rows = node.options["rows"]
    if targets.shape == node.operand_shapes[0]:
        return targets.reshape(rows)
    one_hot = np.zeros(rows)
    one_hot[np.arange(rows[0]), targets.astype(np.intp)] = 1.0
    return one_hot
