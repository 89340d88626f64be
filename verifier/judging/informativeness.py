"""Warn where a problem cannot show a mistake: its true gradients are zero, or it has one example."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.problem.errors import ReportWarning


def uninformative_warnings(problem: Problem, trace: Trace) -> Iterator[ReportWarning]:
    """Yield warnings about dead and saturated units, zero inputs, and batches of one example."""
    for index, delta in enumerate(deltas(problem, trace)):
        a = trace.a[index]
        activation = problem.network.layers[index].activation
        dead = _indices((a <= 0).all(axis=0) & (delta == 0).all(axis=0)) if activation.kinks else ()
        saturated = tuple(i for i in _indices((delta == 0).all(axis=0)) if i not in dead)
        if dead:
            yield ReportWarning(
                "dead-unit",
                f"{format_indices(dead)} of layer {index} {_are(dead)} inactive in every example: "
                f"the gradients of {_their(dead)} weights are zero whatever the code does; "
                "use other inputs or parameters",
                layer=index,
                units=dead,
            )
        if saturated:
            yield ReportWarning(
                "saturated-unit",
                f"{format_indices(saturated)} of layer {index} {_are(saturated)} without influence on the "
                "loss in every example (saturated, masked, or leading on to nothing): "
                f"the gradients of {_their(saturated)} weights are zero whatever the code does; "
                "use smaller parameters",
                layer=index,
                units=saturated,
            )
        if zero_inputs := _indices((trace.z[index] == 0).all(axis=0)):
            yield ReportWarning(
                "zero-input",
                f"{format_indices(zero_inputs, 'input', 'inputs')} of layer {index} {_are(zero_inputs)} 0 "
                "in every example: "
                f"the gradients of {_their(zero_inputs)} outgoing weights are zero whatever the code does",
                layer=index,
                units=zero_inputs,
            )
    if problem.batch.size == 1:
        yield ReportWarning(
            "one-example",
            "the batch has one example: a mean and a sum over examples are the same here; use several",
        )


def _indices(condition: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(condition))


def format_indices(which: tuple[int, ...], singular: str = "unit", plural: str = "units") -> str:
    """Return `unit 3`, or `units 3, 5 and 7 more`."""
    shown = ", ".join(map(str, which[:10])) + (f" and {len(which) - 10} more" if len(which) > 10 else "")
    return f"{singular if len(which) == 1 else plural} {shown}"


def _are(which: tuple[int, ...]) -> str:
    return "is" if len(which) == 1 else "are"


def _their(which: tuple[int, ...]) -> str:
    return "its" if len(which) == 1 else "their"
