"""Compositions of parts of networks: attention, and the cells of recurrent networks."""

from math import sqrt
from typing import Any

import numpy as np

from verifier.engine.operations.steps import Step, apply, composed, rearranged, stack, transpose, where
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError

_MASKED = -2000.0  # an exponent whose power is 0


def attention(
    query: Step, key: Step, value: Step, *mask: Step, causal: Any = False, scale: Any = None
) -> Step:
    """Return softmax(q kᵀ · scale + mask) v over the last two axes. scale: 1 / √(length of q) by default."""
    if min(query.rank, key.rank, value.rank) < 2 or query.shape[-1] != key.shape[-1]:
        raise MisfitError("queries and keys of one length", f"shapes {query.shape} and {key.shape}")
    if not isinstance(causal, bool):
        raise MisfitError("true or false", describe(causal), field="causal")
    factor = 1.0 / sqrt(query.shape[-1]) if scale is None else float(scale)
    axes = [*range(key.rank - 2), key.rank - 1, key.rank - 2]
    scores = (query @ transpose(key, axes)) * factor
    for part in mask:
        scores = scores + part
    if causal:
        scores = where(np.tri(*scores.shape[-2:], dtype=bool), scores, _MASKED, scores.steps)
    return apply("softmax", scores) @ value


def _gates(x: Step, hidden: Step, parameters: tuple[Step, ...], count: int) -> tuple[list[Step], list[Step]]:
    """Return the gates' parts that come from x and from the hidden state."""
    of_input, of_hidden, *biases = parameters
    size = hidden.shape[-1]
    if of_input.shape != (count * size, x.shape[-1]) or of_hidden.shape != (count * size, size):
        rule = f"weights ({count * size}, {x.shape[-1]}) and ({count * size}, {size})"
        raise MisfitError(rule, f"{of_input.shape} and {of_hidden.shape}")
    sums = [x @ transpose(of_input, (1, 0)), hidden @ transpose(of_hidden, (1, 0))]
    if biases:
        sums = [part + bias for part, bias in zip(sums, biases, strict=True)]
    left, right = ([_part(part, place, size) for place in range(count)] for part in sums)
    return left, right


def _part(x: Step, place: int, size: int) -> Step:
    return rearranged(x, lambda index: index[..., place * size : (place + 1) * size])


def lstm_cell(x: Step, hidden: Step, cell: Step, *parameters: Step) -> Step:
    """Return the new hidden state and the new cell state, stacked."""
    left, right = _gates(x, hidden, parameters, 4)
    enter, forget, new, output = (a + b for a, b in zip(left, right, strict=True))
    kept = apply("sigmoid", forget) * cell + apply("sigmoid", enter) * apply("tanh", new)
    return stack([apply("sigmoid", output) * apply("tanh", kept), kept], 0)


def gru_cell(x: Step, hidden: Step, *parameters: Step) -> Step:
    """Return the new hidden state."""
    (reset, update, new), (reset_h, update_h, new_h) = _gates(x, hidden, parameters, 3)
    kept = apply("sigmoid", update + update_h)
    fresh = apply("tanh", new + apply("sigmoid", reset + reset_h) * new_h)
    return fresh + kept * (hidden - fresh)


ROWS: tuple[GraphOperation, ...] = (
    composed(
        "attention",
        "softmax(q kᵀ / √length + mask) v of queries, keys, values and a mask or none; `causal`, `scale`",
        attention,
        (3, 4),
        options=("causal", "scale"),
    ),
    composed(
        "lstm_cell",
        "the new h and c, stacked, from x, h, c, both weights (gates i, f, g, o) and both biases or none",
        lstm_cell,
        (5, 7),
    ),
    composed(
        "gru_cell",
        "the new h from x, h, both weights (gates r, z, n) and both biases or none",
        gru_cell,
        (4, 6),
    ),
)
