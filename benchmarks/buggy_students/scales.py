"""The right gradient times something: a mean too much or too few, a 2, a sign, a learning rate."""

from collections.abc import Callable

from benchmarks.buggy_students.desk import Array, Desk
from benchmarks.buggy_students.mistake import (
    AS_IT_COMES,
    Above,
    Hints,
    Mistake,
    Parts,
    Student,
    Wish,
    handed_in,
)
from reference_impl import Problem

CONSTANTS = (0.1, 0.01, 0.9, 0.37, 7.0)


def _times(factor: float, everything: bool, names: Callable[[str], bool]) -> Callable[[Desk, Parts], Parts]:
    def finish(desk: Desk, parts: Parts) -> Parts:
        chosen = desk.number(factor)
        data = {name: chosen * array if names(name) else array for name, array in parts.data.items()}
        if not everything:
            return Parts(data, parts.penalty)
        added = {name: chosen * array if names(name) else array for name, array in parts.penalty.items()}
        return handed_in({name: data[name] + added[name] for name in data})

    return finish


def whole(bug: str, factor: float, problem: Problem) -> list[Mistake]:
    """The factor met the loss alone, or the penalties too: one form where there are none."""
    forms = [
        Mistake(bug, f"data times {factor:g}", None, "loss", finish=_times(factor, False, lambda name: True))
    ]
    if problem.risk.penalties:
        every = _times(factor, True, lambda name: True)
        forms.append(Mistake(bug, f"everything times {factor:g}", None, "loss", finish=every))
    return forms


def _scale(bug: str, factors: Callable[[Problem], tuple[float, ...]], wish: Wish = AS_IT_COMES) -> Student:
    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is not None:
            return []
        return [form for factor in factors(problem) for form in whole(bug, factor, problem)]

    return Student(bug, forms, wish)


def _examples(problem: Problem) -> tuple[float, ...]:
    return (float(problem.batch.size),) if problem.risk.batch == "mean" else ()


def _one_over_examples(problem: Problem) -> tuple[float, ...]:
    return (1.0 / problem.batch.size,)


def _outputs(problem: Problem) -> tuple[float, ...]:
    count = problem.batch.targets.shape[1]
    return (float(count),) if problem.risk.outputs == "mean" else (1.0 / count,)


def _constant(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    given = hints.get("factor")
    constants = CONSTANTS if given is None else (float(given),)
    if layer is None:
        return [form for factor in constants for form in whole("constant-factor", factor, problem)]
    found = []
    for kind in ("weight", "bias") if problem.network.layers[layer].bias else ("weight",):
        name = f"layers.{layer}.{kind}"
        for factor in constants:
            finish = _times(factor, True, lambda other, own=name: other == own)
            text = f"{name} times {factor:g}"
            found.append(Mistake("constant-factor", text, layer, f"{kind}_gradient", finish=finish))
    return found


def _mean_again(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """δ_l over N below the output: once on entering the hidden layers, or once more at each of them."""
    last = len(problem.network.layers) - 1
    if last == 0 or layer != last - 1:
        return []

    def divided(desk: Desk, here: int, above: Above) -> Array:
        return desk.through(here, above.delta @ desk.weights[here + 1].T) / desk.number(desk.examples)

    once = {("hidden_delta", last - 1): divided}
    found = [Mistake(MEAN_AGAIN, "once", last - 1, "hidden_delta", once, spreads=True)]
    if last > 1:
        again = {("hidden_delta", here): divided for here in range(last)}
        found.append(Mistake(MEAN_AGAIN, "compounding", last - 1, "hidden_delta", again, spreads=True))
    return found


MEAN_AGAIN = "batch-mean-again-in-hidden-layers"

SCALES = (
    _scale("batch-sum-for-mean", _examples),
    _scale("batch-mean-for-sum", _one_over_examples),
    Student(MEAN_AGAIN, _mean_again),
    _scale("output-count-factor", _outputs, Wish(outputs_from=2)),
    _scale("factor-two", lambda problem: (2.0, 0.5)),
    _scale("sign-flipped", lambda problem: (-1.0,)),
    Student("constant-factor", _constant),
)
