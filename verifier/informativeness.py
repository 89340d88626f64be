"""Why entries of the true gradient are zero here, so that wrong code could pass."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.caution import Caution


def uninformative_parts(problem: Problem, trace: Trace) -> Iterator[Caution]:
    """Name units that no example reaches, units that send nothing on, and batches of one example."""
    for index, delta in enumerate(deltas(problem, trace)):
        a = trace.a[index]
        activation = problem.network.layers[index].activation
        dead = _indices((a <= 0).all(axis=0) & (delta == 0).all(axis=0)) if activation.kinks else ()
        flat = tuple(i for i in _indices((delta == 0).all(axis=0)) if i not in dead)
        if dead:
            yield Caution(
                "dead-unit",
                f"{named_indices(dead)} of layer {index} {_are(dead)} inactive in every example: "
                f"the gradients of {_their(dead)} weights are zero whatever the code does; "
                "use other inputs or parameters",
                layer=index,
                units=dead,
            )
        if flat:
            yield Caution(
                "saturated-unit",
                f"{named_indices(flat)} of layer {index} {_are(flat)} without influence on the loss in every "
                f"example (saturated, masked, or leading on to nothing): the gradients of {_their(flat)} "
                "weights are zero whatever the code does; use smaller parameters",
                layer=index,
                units=flat,
            )
        if silent := _indices((trace.z[index] == 0).all(axis=0)):
            yield Caution(
                "zero-input",
                f"{named_indices(silent, 'input', 'inputs')} of layer {index} {_are(silent)} 0 "
                "in every example: "
                f"the gradients of {_their(silent)} outgoing weights are zero whatever the code does",
                layer=index,
                units=silent,
            )
    if problem.batch.size == 1:
        yield Caution(
            "one-example",
            "the batch has one example: a mean and a sum over examples are the same here; use several",
        )


def _indices(found: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(found))


def named_indices(which: tuple[int, ...], singular: str = "unit", plural: str = "units") -> str:
    """Give `unit 3`, or `units 3, 5 and 7 more`."""
    shown = ", ".join(map(str, which[:10])) + (f" and {len(which) - 10} more" if len(which) > 10 else "")
    return f"{singular if len(which) == 1 else plural} {shown}"


def _are(which: tuple[int, ...]) -> str:
    return "is" if len(which) == 1 else "are"


def _their(which: tuple[int, ...]) -> str:
    return "its" if len(which) == 1 else "their"
