"""Correct gradients whose numbers are changed: zeroed, clipped, truncated, rounded or overflowed."""

from collections.abc import Callable

import numpy as np

from benchmarks.support.buggy_students.differences import numerical_gradient
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.mistake import (
    NO_REQUIREMENTS,
    GradientParts,
    Gradients,
    Hints,
    Mistake,
    Requirements,
    Student,
    as_gradient_parts,
)
from benchmarks.support.buggy_students.overflow import OVERFLOW
from reference_impl import Problem

ROUND_NUMBERS = (100.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.001)  # usual clipping thresholds

Change = Callable[[Gradients], Gradients]


def _whole(
    bug: str,
    changes: Callable[[Problem, Hints], dict[str, Change]],
    requirements: Requirements = NO_REQUIREMENTS,
) -> Student:
    """Return a bug whose forms change all gradients before they are submitted."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is not None:
            return []
        return [
            Mistake(
                bug, text, None, "numbers", finish=lambda cache, parts, change=change: _changed(parts, change)
            )
            for text, change in changes(problem, hints).items()
        ]

    return Student(bug, forms, requirements)


def _changed(parts: GradientParts, change: Change) -> GradientParts:
    return as_gradient_parts(change(parts.total))


def _elementwise(change: Callable[[Array], Array]) -> Change:
    return lambda total: {name: change(array).astype(array.dtype) for name, array in total.items()}


def _zero(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Set all gradients, or the gradient of one weight, to zero."""

    def finish(cache: ForwardCache, parts: GradientParts) -> GradientParts:
        changed_name = None if layer is None else f"layers.{layer}.weight"
        total = parts.total
        return as_gradient_parts(
            {k: np.zeros_like(v) if changed_name in (None, k) else v for k, v in total.items()}
        )

    if layer is None:
        return [Mistake("zero-gradient", "everything", None, "numbers", finish=finish)]
    return [Mistake("zero-gradient", "one weight", layer, "numbers", finish=finish)]


def threshold(size: float, hints: Hints) -> float:
    """Return the estimated threshold, or else the largest round number below this size."""
    estimate = hints.get("threshold")
    if estimate is not None:
        return float(estimate)
    return next((number for number in ROUND_NUMBERS if number < size), size / 2)


def _norm(arrays: list[Array]) -> float:
    return float(np.sqrt(sum(np.square(array.astype(np.float64)).sum() for array in arrays)))


def _scaled_to_norm(array: Array, norm: float, hints: Hints) -> Array:
    most = threshold(norm, hints)
    return array * array.dtype.type(most / norm) if norm > most else array


def _clipped(problem: Problem, hints: Hints) -> dict[str, Change]:
    def by_norm(total: Gradients) -> Gradients:
        norm = _norm(list(total.values()))
        return {name: _scaled_to_norm(array, norm, hints) for name, array in total.items()}

    def by_parameter_norm(total: Gradients) -> Gradients:
        least = hints.get("threshold") or threshold(max(_norm([array]) for array in total.values()), {})
        return {
            name: _scaled_to_norm(array, _norm([array]), {"threshold": least})
            for name, array in total.items()
        }

    def by_element(total: Gradients) -> Gradients:
        most = threshold(max(float(np.abs(array).max()) for array in total.values()), hints)
        return _elementwise(lambda array: np.clip(array, -most, most))(total)

    return {"by norm": by_norm, "by each parameter's norm": by_parameter_norm, "by element": by_element}


def _truncated(problem: Problem, hints: Hints) -> dict[str, Change]:
    return {"towards 0": _elementwise(np.trunc)}


def significant(array: Array, digits: int) -> Array:
    return np.array([float(f"{value:.{digits - 1}e}") for value in array.ravel()]).reshape(array.shape)


def _rounded(problem: Problem, hints: Hints) -> dict[str, Change]:
    estimate = hints.get("digits")
    digits = (2, 3, 4, 5) if estimate is None else (int(estimate),)
    changes = {
        f"{count} significant digits": _elementwise(lambda array, count=count: significant(array, count))
        for count in digits
    }
    return changes | {
        f"{count} decimals": _elementwise(lambda array, count=count: np.round(array, count))
        for count in digits
    }


def _numerical(problem: Problem, hints: Hints) -> dict[str, Change]:
    steps = {"forward, 1e-5": (1e-5, False), "central, 1e-4": (1e-4, True), "central, 1e-5": (1e-5, True)}
    return {
        text: lambda total, step=step, central=central: numerical_gradient(problem, step, central)
        for text, (step, central) in steps.items()
    }


def _narrower(problem: Problem, hints: Hints) -> dict[str, Change]:
    from benchmarks.support.buggy_students.backward import student_gradients

    def in_format(dtype: type) -> Change:
        def change(total: Gradients) -> Gradients:
            return {
                name: array.astype(np.float64)
                for name, array in student_gradients(problem, dtype=dtype).items()
            }

        return change

    return {"float32": in_format(np.float32), "float16": in_format(np.float16)}


NUMBERS = (
    Student("zero-gradient", _zero),
    OVERFLOW,
    _whole("clipped", _clipped),
    _whole("integer-truncation", _truncated, Requirements(factor=40.0)),
    _whole("rounded", _rounded),
    _whole("numerical-gradient", _numerical),
    _whole("lower-precision-than-declared", _narrower),
)
