"""Wrong gradients of penalties in one layer or in all, with correct gradients of the data term."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from benchmarks.support.buggy_students.backward import penalty_slope
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.mistake import GradientParts, Hints, Mistake, Requirements, Student
from reference_impl import Penalty, Problem

# (cache, penalty, parameter, whether it is a bias) -> gradient of the penalty
Added = Callable[[ForwardCache, Penalty, Array, bool], Array]


def right(cache: ForwardCache, penalty: Penalty, parameter: Array, bias: bool) -> Array:
    if penalty.biases or not bias:
        return penalty_slope(cache, penalty, parameter)
    return np.zeros_like(parameter)


def _replaced(
    bug: str,
    text: str,
    problem: Problem,
    only_layer: int | None,
    wrong: Added,
    chosen: tuple[Penalty, ...],
) -> Mistake:
    """Return a mistake that replaces the gradient of the chosen penalties in one layer, or in all."""

    def penalty(cache: ForwardCache, layer: int) -> tuple[Array, Array]:
        biases = cache.biases[layer]
        bias = np.zeros(cache.a[layer].shape[1], cache.dtype)
        weight = np.zeros_like(cache.weights[layer])
        for row in cache.problem.risk.penalties:
            gradient = wrong if row in chosen else right
            weight = weight + gradient(cache, row, cache.weights[layer], False)
            if biases is not None:
                bias = bias + gradient(cache, row, biases, True)
        return weight, bias

    layers = range(len(problem.network.layers)) if only_layer is None else (only_layer,)
    return Mistake(bug, text, only_layer, "penalty", {("penalty", layer): penalty for layer in layers})


def _penalty(
    bug: str, rules: Callable[[Problem, Penalty, Hints], dict[str, Added]], requirements: Requirements
) -> Student:
    """Return a bug whose forms change one penalty or all penalties."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        penalties = problem.risk.penalties
        if layer is not None and len(problem.network.layers) == 1:
            return []
        groups = [(penalty,) for penalty in penalties] + ([penalties] if len(penalties) > 1 else [])
        return [
            _replaced(
                bug, f"{text} in {'+'.join(penalty.norm for penalty in group)}", problem, layer, rule, group
            )
            for group in groups
            for text, rule in rules(problem, group[0], hints).items()
        ]

    return Student(bug, forms, requirements)


def _missing(problem: Problem, penalty: Penalty, hints: Hints) -> dict[str, Added]:
    return {"left out": lambda cache, penalty, parameter, bias: np.zeros_like(parameter)}


def _factor(problem: Problem, penalty: Penalty, hints: Hints) -> dict[str, Added]:
    count = problem.batch.size
    estimate = hints.get("factor")
    factors = (2.0, 0.5, float(count), 1.0 / count) if estimate is None else (float(estimate),)
    return {
        f"times {factor:g}": lambda cache, penalty, parameter, bias, factor=factor: (
            cache.number(factor) * right(cache, penalty, parameter, bias)
        )
        for factor in factors
    }


def _on_biases(problem: Problem, penalty: Penalty, hints: Hints) -> dict[str, Added]:
    if penalty.biases or not any(layer.bias for layer in problem.network.layers):
        return {}
    return {"biases too": lambda cache, penalty, parameter, bias: penalty_slope(cache, penalty, parameter)}


def _missing_on_biases(problem: Problem, penalty: Penalty, hints: Hints) -> dict[str, Added]:
    if not penalty.biases or not any(layer.bias for layer in problem.network.layers):
        return {}

    def weights_only(cache: ForwardCache, penalty: Penalty, parameter: Array, bias: bool) -> Array:
        return np.zeros_like(parameter) if bias else penalty_slope(cache, penalty, parameter)

    return {"weights only": weights_only}


# functions of the weights (inputs, units) that stand for the derivative of a penalty
_OTHER_FORMS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "Σ w": lambda w: np.full_like(w, w.sum()),
        "Σ w of each unit": lambda w: np.broadcast_to(w.sum(axis=0, keepdims=True), w.shape),
        "Σ w of each input": lambda w: np.broadcast_to(w.sum(axis=1, keepdims=True), w.shape),
        "|w|": np.abs,
        "sign w": np.sign,
        "w": lambda w: w,
    }
)


def _other_form(problem: Problem, penalty: Penalty, hints: Hints) -> dict[str, Added]:
    if len(problem.risk.penalties) > 1:
        return {}
    right_form = "w" if penalty.norm == "l2" else "sign w"

    def rule(form: Callable[[Array], Array]) -> Added:
        def gradient(cache: ForwardCache, penalty: Penalty, parameter: Array, bias: bool) -> Array:
            if bias:
                return right(cache, penalty, parameter, bias)
            size = cache.examples if penalty.batch == "mean" else 1
            power = 2.0 if penalty.norm == "l2" else 1.0
            return cache.number(power * penalty.factor * penalty.strength / size) * form(parameter)

        return gradient

    return {text: rule(form) for text, form in _OTHER_FORMS.items() if text != right_form}


def _of_gradient(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Add λ · G instead of λ · w (l2) or λ · sign w (l1)."""
    if layer is not None or len(problem.risk.penalties) != 1:
        return []
    penalty = problem.risk.penalties[0]
    coefficient = penalty.coefficient(problem.batch.size) * (2.0 if penalty.norm == "l2" else 1.0)

    def finish(cache: ForwardCache, parts: GradientParts) -> GradientParts:
        strength = cache.number(coefficient)
        penalties = {
            name: strength * array if penalty.biases or name.endswith("weight") else np.zeros_like(array)
            for name, array in parts.data.items()
        }
        return GradientParts(parts.data, penalties)

    return [Mistake("penalty-of-gradient", f"{penalty.norm} met G", None, "penalty", finish=finish)]


PENALTIES = (
    _penalty("penalty-missing", _missing, Requirements(penalty=True)),
    _penalty("penalty-factor", _factor, Requirements(penalty=True)),
    _penalty("penalty-on-biases", _on_biases, Requirements(penalty=True, penalty_on_biases=False, bias=True)),
    _penalty(
        "penalty-missing-on-biases",
        _missing_on_biases,
        Requirements(penalty=True, penalty_on_biases=True, bias=True),
    ),
    Student("penalty-of-gradient", _of_gradient, Requirements(penalty=True)),
    _penalty("penalty-of-another-form", _other_form, Requirements(penalty=True)),
)
