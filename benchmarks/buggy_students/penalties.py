"""The penalties' part of the gradient wrong while the data's is right; all are said of the whole network."""

from collections.abc import Callable

import numpy as np

from benchmarks.buggy_students.backward import penalty_slope
from benchmarks.buggy_students.desk import Array, Desk
from benchmarks.buggy_students.mistake import Hints, Mistake, Parts, Student, Wish
from reference_impl import Penalty, Problem

# (desk, penalty, parameter, whether it is a bias) -> what a student adds for it
Added = Callable[[Desk, Penalty, Array, bool], Array]


def right(desk: Desk, own: Penalty, parameter: Array, bias: bool) -> Array:
    return penalty_slope(desk, own, parameter) if own.biases or not bias else np.zeros_like(parameter)


def _replaced(bug: str, text: str, problem: Problem, wrong: Added, chosen: tuple[Penalty, ...]) -> Mistake:
    """A mistake in what the chosen penalties add, everywhere."""

    def penalty(desk: Desk, layer: int) -> tuple[Array, Array]:
        own = desk.biases[layer]
        bias = np.zeros(desk.a[layer].shape[1], desk.dtype)
        weight = np.zeros_like(desk.weights[layer])
        for row in desk.problem.risk.penalties:
            added = wrong if row in chosen else right
            weight = weight + added(desk, row, desk.weights[layer], False)
            if own is not None:
                bias = bias + added(desk, row, own, True)
        return weight, bias

    layers = range(len(problem.network.layers))
    return Mistake(bug, text, None, "penalty", {("penalty", layer): penalty for layer in layers})


def _penalty(bug: str, rules: Callable[[Problem, Penalty, Hints], dict[str, Added]], wish: Wish) -> Student:
    """A row whose forms are made in one penalty, or in all of them alike."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        penalties = problem.risk.penalties
        if layer is not None:
            return []
        chosen = [(own,) for own in penalties] + ([penalties] if len(penalties) > 1 else [])
        return [
            _replaced(bug, f"{text} in {'+'.join(own.norm for own in group)}", problem, rule, group)
            for group in chosen
            for text, rule in rules(problem, group[0], hints).items()
        ]

    return Student(bug, forms, wish)


def _missing(problem: Problem, own: Penalty, hints: Hints) -> dict[str, Added]:
    return {"left out": lambda desk, own, parameter, bias: np.zeros_like(parameter)}


def _factor(problem: Problem, own: Penalty, hints: Hints) -> dict[str, Added]:
    count = problem.batch.size
    given = hints.get("factor")
    factors = (2.0, 0.5, float(count), 1.0 / count) if given is None else (float(given),)
    return {
        f"times {factor:g}": lambda desk, own, parameter, bias, factor=factor: (
            desk.number(factor) * right(desk, own, parameter, bias)
        )
        for factor in factors
    }


def _on_biases(problem: Problem, own: Penalty, hints: Hints) -> dict[str, Added]:
    if own.biases or not any(layer.bias for layer in problem.network.layers):
        return {}
    return {"biases too": lambda desk, own, parameter, bias: penalty_slope(desk, own, parameter)}


def _missing_on_biases(problem: Problem, own: Penalty, hints: Hints) -> dict[str, Added]:
    if not own.biases or not any(layer.bias for layer in problem.network.layers):
        return {}

    def weights_only(desk: Desk, own: Penalty, parameter: Array, bias: bool) -> Array:
        return np.zeros_like(parameter) if bias else penalty_slope(desk, own, parameter)

    return {"weights only": weights_only}


def _of_gradient(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """λ · G added where λ · w was meant, λ being what stands before w (l2) or sign w (l1)."""
    if layer is not None or len(problem.risk.penalties) != 1:
        return []
    own = problem.risk.penalties[0]
    before = own.coefficient(problem.batch.size) * (2.0 if own.norm == "l2" else 1.0)

    def finish(desk: Desk, parts: Parts) -> Parts:
        strength = desk.number(before)
        added = {
            name: strength * array if own.biases or name.endswith("weight") else np.zeros_like(array)
            for name, array in parts.data.items()
        }
        return Parts(parts.data, added)

    return [Mistake("penalty-of-gradient", f"{own.norm} met G", None, "penalty", finish=finish)]


PENALTIES = (
    _penalty("penalty-missing", _missing, Wish(penalty=True)),
    _penalty("penalty-factor", _factor, Wish(penalty=True)),
    _penalty("penalty-on-biases", _on_biases, Wish(penalty=True, penalty_on_biases=False, bias=True)),
    _penalty(
        "penalty-missing-on-biases",
        _missing_on_biases,
        Wish(penalty=True, penalty_on_biases=True, bias=True),
    ),
    Student("penalty-of-gradient", _of_gradient, Wish(penalty=True)),
)
