"""Correct gradients times a factor, such as an extra or missing mean, 2, -1 or a learning rate."""

from collections.abc import Callable

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.mistake import (
    NO_REQUIREMENTS,
    GradientParts,
    Hints,
    Mistake,
    NextLayer,
    Requirements,
    Student,
    as_gradient_parts,
)
from reference_impl import Problem

CONSTANTS = (0.1, 0.01, 0.9, 0.37, 7.0)


def _times(
    factor: float, with_penalties: bool, selects: Callable[[str], bool]
) -> Callable[[ForwardCache, GradientParts], GradientParts]:
    def finish(cache: ForwardCache, parts: GradientParts) -> GradientParts:
        number = cache.number(factor)
        data = {name: number * array if selects(name) else array for name, array in parts.data.items()}
        if not with_penalties:
            return GradientParts(data, parts.penalty)
        penalty = {name: number * array if selects(name) else array for name, array in parts.penalty.items()}
        return as_gradient_parts({name: data[name] + penalty[name] for name in data})

    return finish


def whole(bug: str, factor: float, problem: Problem) -> list[Mistake]:
    """Return mistakes that scale the data term or, if there are penalties, the whole gradient."""
    forms = [
        Mistake(bug, f"data times {factor:g}", None, "loss", finish=_times(factor, False, lambda name: True))
    ]
    if problem.risk.penalties:
        every = _times(factor, True, lambda name: True)
        forms.append(Mistake(bug, f"everything times {factor:g}", None, "loss", finish=every))
    return forms


def _scale(
    bug: str, factors: Callable[[Problem], tuple[float, ...]], requirements: Requirements = NO_REQUIREMENTS
) -> Student:
    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is not None:
            return []
        return [form for factor in factors(problem) for form in whole(bug, factor, problem)]

    return Student(bug, forms, requirements)


def _examples(problem: Problem) -> tuple[float, ...]:
    return (float(problem.batch.size),) if problem.risk.batch == "mean" else ()


def _one_over_examples(problem: Problem) -> tuple[float, ...]:
    return (1.0 / problem.batch.size,)


def _outputs(problem: Problem) -> tuple[float, ...]:
    count = problem.batch.targets.shape[1]
    return (float(count),) if problem.risk.outputs == "mean" else (1.0 / count,)


def _constant(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    estimate = hints.get("factor")
    constants = CONSTANTS if estimate is None else (float(estimate),)
    if layer is None:
        return [form for factor in constants for form in whole("constant-factor", factor, problem)]
    mistakes = []
    for kind in ("weight", "bias") if problem.network.layers[layer].bias else ("weight",):
        name = f"layers.{layer}.{kind}"
        for factor in constants:
            finish = _times(factor, True, lambda other, changed=name: other == changed)
            text = f"{name} times {factor:g}"
            mistakes.append(Mistake("constant-factor", text, layer, f"{kind}_gradient", finish=finish))
    return mistakes


def _mean_again(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Divide δ_l by N, at the topmost hidden layer only or at every hidden layer."""
    last = len(problem.network.layers) - 1
    if last == 0 or layer != last - 1:
        return []

    def divided(cache: ForwardCache, index: int, above: NextLayer) -> Array:
        return cache.activation_vjp(index, above.delta @ cache.weights[index + 1].T) / cache.number(
            cache.examples
        )

    once = {("hidden_delta", last - 1): divided}
    mistakes = [Mistake(MEAN_AGAIN, "once", last - 1, "hidden_delta", once, spreads=True)]
    if last > 1:
        again = {("hidden_delta", index): divided for index in range(last)}
        mistakes.append(Mistake(MEAN_AGAIN, "compounding", last - 1, "hidden_delta", again, spreads=True))
    return mistakes


MEAN_AGAIN = "batch-mean-again-in-hidden-layers"

SCALES = (
    _scale("batch-sum-for-mean", _examples),
    _scale("batch-mean-for-sum", _one_over_examples),
    Student(MEAN_AGAIN, _mean_again),
    _scale("output-count-factor", _outputs, Requirements(outputs_from=2)),
    _scale("factor-two", lambda problem: (2.0, 0.5)),
    _scale("sign-flipped", lambda problem: (-1.0,)),
    Student("constant-factor", _constant),
)
