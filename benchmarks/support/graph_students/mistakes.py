"""Wrong local rules, those of the catalogue and others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.support.graph_students.rules import RULES, Array, scale_of
from benchmarks.support.graph_students.student import OperandUse, sum_to_shape

Wrong = Callable[[OperandUse], Array | None]


@dataclass(frozen=True)
class GraphMistake:
    """Wrong local rule.

    made: function of (uses, index of a use) that returns the wrong gradient; None if it is impossible.
    catalogued: True if the name is an id in the table of wrong local rules.
    """

    name: str
    made: Callable[[Sequence[OperandUse], int], Array | None]
    catalogued: bool = False


def _of_share(wrong: Wrong) -> Callable[[Sequence[OperandUse], int], Array | None]:
    def make_mistake(uses: Sequence[OperandUse], which: int) -> Array | None:
        with np.errstate(all="ignore"):
            share = wrong(uses[which])
            if share is None or np.shape(share) != uses[which].share.shape:
                return None
            return share + sum(use.share for place, use in enumerate(uses) if place != which)

    return make_mistake


def _upstream(use: OperandUse) -> Array | None:
    try:
        copied = np.broadcast_to(use.upstream, np.broadcast_shapes(use.upstream.shape, use.share.shape))
    except ValueError:
        return None
    return sum_to_shape(copied, use.share.shape)


def _one_copy(use: OperandUse) -> Array | None:
    shape = use.share.shape
    if use.raw.shape == shape:
        return None
    first_copy = use.raw[(0,) * (use.raw.ndim - len(shape))]
    return first_copy[tuple(slice(1) if size == 1 else slice(None) for size in shape)]


def _mean_of_copies(use: OperandUse) -> Array | None:
    if use.raw.shape == use.share.shape:
        return None
    return use.share * (use.share.size / use.raw.size)


def _not_transposed(use: OperandUse) -> Array | None:
    """Return xᵀ ū or ū yᵀ with a factor not transposed, or with exchanged factors."""
    if use.node["op"] != "matmul" or any(operand.ndim != 2 for operand in use.operands):
        return None
    other = use.operands[1 - use.place]
    for x, y in ((use.upstream, other), (other, use.upstream), (other.T, use.upstream)):
        if (
            x.shape[1] == y.shape[0]
            and (x @ y).shape == use.share.shape
            and not np.allclose(x @ y, use.share)
        ):
            return x @ y
    return None


def _at_value(use: OperandUse) -> Array | None:
    rule = RULES[use.node["op"]]
    if len(use.operands) != 1 or use.operands[0].shape != use.value.shape or use.node["op"] in _NO_FUNCTION:
        return None
    moved = np.asarray(rule.forward([use.value], use.node))
    return rule.back(use.upstream, [use.value], moved, use.node)[0]


_LOSSES = ("mse", "cross_entropy", "binary_cross_entropy")


def _count(use: OperandUse) -> float | None:
    """Return the number that a mean or a loss divides by."""
    op = use.node["op"]
    if op == "mean":
        return use.operands[0].size / max(use.value.size, 1)
    return 1.0 / scale_of(use.operands, {**use.node, "factor": 1.0}, 1.0) if op in _LOSSES else None


def _count_forgotten(use: OperandUse) -> Array | None:
    count = _count(use)
    return None if count is None else use.share * count


def _count_twice(use: OperandUse) -> Array | None:
    count = _count(use)
    return None if count is None else use.share / count


def _twice(use: OperandUse) -> Array | None:
    return 2.0 * use.share if use.node["op"] in _LOSSES else None


def _dropped_factor(use: OperandUse) -> Array | None:
    if use.node["op"] != "multiply":
        return None
    return sum_to_shape(use.upstream * use.operands[use.place], use.share.shape)


def _rows_assigned(use: OperandUse) -> Array | None:
    """Return the result of `gradient[indices] = upstream`, which keeps the last of repeated rows."""
    if use.node["op"] != "embedding":
        return None
    gradient = np.zeros_like(use.share)
    rows = use.upstream.reshape(-1, gradient.shape[1])
    for row, place in zip(rows, use.operands[1].astype(int).ravel(), strict=True):
        gradient[place] = row
    return gradient


def _diagonal_of_softmax(use: OperandUse) -> Array | None:
    return use.upstream * use.value * (1.0 - use.value) if use.node["op"] == "softmax" else None


def _axis_left_out(use: OperandUse) -> Array | None:
    """Return the gradient of a sum over one axis, copied as numpy aligns it."""
    if use.node["op"] != "sum" or use.node.get("keepdims") or use.upstream.ndim == 0:
        return None
    try:
        return np.broadcast_to(use.upstream, use.share.shape)
    except ValueError:
        return None


def _handed_on_early(use: OperandUse) -> Array | None:
    """Return the share for the part of the gradient that arrives first."""
    if len(use.arrived) < 2:
        return None
    first = next(iter(use.arrived.values()))
    raw = RULES[use.node["op"]].back(first, use.operands, use.value, use.node)[use.place]
    return sum_to_shape(raw, use.share.shape)


def _nothing_sent(uses: Sequence[OperandUse], which: int) -> Array | None:
    return np.zeros_like(uses[0].share) if len(uses) == 1 else None


def _without(uses: Sequence[OperandUse], which: int) -> Array | None:
    if len(uses) < 2:
        return None
    return sum(use.share for place, use in enumerate(uses) if place != which)


def _single_path(uses: Sequence[OperandUse], which: int) -> Array | None:
    return uses[which].share if len(uses) > 1 else None


def _paths_multiplied(uses: Sequence[OperandUse], which: int) -> Array | None:
    return uses[0].share * uses[1].share if len(uses) == 2 else None


def _noise(array: Array) -> Array:
    """Return factors with 10 % noise, which depend only on the size."""
    return 1.0 + np.random.default_rng([7, array.size]).normal(scale=0.1, size=array.shape)


def _small_entry_doubled(use: OperandUse) -> Array | None:
    sizes = np.where(use.share == 0, np.inf, np.abs(use.share))
    if use.share.size < 2 or not np.isfinite(sizes.min()):
        return None
    gradient = use.share.copy()
    gradient.flat[int(sizes.argmin())] *= 2.0
    return gradient


def _one_entry_zero(use: OperandUse) -> Array:
    gradient = use.share.copy()
    gradient.flat[int(np.abs(gradient).argmax())] = 0.0
    return gradient


_NO_FUNCTION = ("negate", "transpose", "reshape", "concatenate", "slice", "sum", "mean", "max", "log_softmax")

CATALOGUED = (
    GraphMistake("missing-activation-derivative", _of_share(_upstream), True),
    GraphMistake("missing-path", _without, True),
    GraphMistake("assigned-not-accumulated", _single_path, True),
    GraphMistake("bias-not-summed", _of_share(_one_copy), True),
    GraphMistake("bias-mean-for-sum", _of_share(_mean_of_copies), True),
    GraphMistake("untransposed-weights", _of_share(_not_transposed), True),
    GraphMistake("multiply-operands-exchanged", _of_share(_dropped_factor), True),
    GraphMistake("repeated-rows-assigned", _of_share(_rows_assigned), True),
    GraphMistake("sign-flipped", _of_share(lambda use: -use.share), True),
    GraphMistake("derivative-at-activation", _of_share(_at_value), True),
    GraphMistake("batch-sum-for-mean", _of_share(_count_forgotten), True),
    GraphMistake("batch-mean-for-sum", _of_share(_count_twice), True),
    GraphMistake("factor-two", _of_share(_twice), True),
    GraphMistake("paths-multiplied", _paths_multiplied, True),
    GraphMistake("softmax-jacobian-diagonal", _of_share(_diagonal_of_softmax), True),
    GraphMistake("axis-not-restored", _of_share(_axis_left_out), True),
    GraphMistake("zero-gradient", _nothing_sent, True),
    GraphMistake("no-topological-order", _of_share(_handed_on_early), True),
)
UNCATALOGUED = (
    GraphMistake("a factor of 0.7", _of_share(lambda use: 0.7 * use.share)),
    GraphMistake("a factor of 1.01", _of_share(lambda use: 1.01 * use.share)),
    GraphMistake("squared", _of_share(lambda use: use.share**2)),
    GraphMistake("its square root", _of_share(lambda use: np.sqrt(np.abs(use.share)))),
    GraphMistake("its absolute value", _of_share(lambda use: np.abs(use.share))),
    GraphMistake("a constant added", _of_share(lambda use: use.share + 0.1)),
    GraphMistake("noise", _of_share(lambda use: use.share * _noise(use.share))),
    GraphMistake("rolled by an entry", _of_share(lambda use: np.roll(use.share, 1))),
    GraphMistake("the largest entry lost", _of_share(_one_entry_zero)),
    GraphMistake("the smallest entry doubled", _of_share(_small_entry_doubled)),
    GraphMistake("times the operand", _of_share(lambda use: use.share * use.operands[use.place])),
    GraphMistake(
        "half of a small part", _of_share(lambda use: np.where(np.abs(use.share) < 0.1, 0.5, 1.0) * use.share)
    ),
)
MISTAKES: Mapping[str, GraphMistake] = {mistake.name: mistake for mistake in (*CATALOGUED, *UNCATALOGUED)}
