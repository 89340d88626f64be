"""Wrong δ of a hidden layer because of wrong weights, a wrong error, or a missing dropout mask."""

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.hidden import SQUARE, Rule, elementwise, hidden, square
from benchmarks.support.buggy_students.mistake import Hints, Mistake, NextLayer, Requirements, Student
from reference_impl import Problem

LEARNING_RATES = (0.5, 0.1, 0.01)


def _upstream_error(problem: Problem, layer: int) -> dict[str, Rule]:
    if not elementwise(problem, layer + 1) or layer + 1 in problem.batch.masks:
        return {}

    def rule(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
        return cache.activation_vjp(layer, above.error @ cache.weights[layer + 1].T)

    return {"∂R/∂z sent down": rule}


def _wrong_axis(problem: Problem, layer: int) -> dict[str, Rule]:
    masked = {layer, layer + 1} & set(problem.batch.masks)
    if masked or not square(problem, layer + 1) or not elementwise(problem, layer + 1):
        return {}

    def rule(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
        return cache.slope(layer + 1) * (above.error @ cache.weights[layer + 1].T)

    return {"g'(a) of the layer above, after W": rule}


def _untransposed(problem: Problem, layer: int) -> dict[str, Rule]:
    if not square(problem, layer + 1):
        return {}
    return {
        "δW": lambda cache, layer, above: cache.activation_vjp(layer, above.delta @ cache.weights[layer + 1])
    }


def _other_weights(problem: Problem, layer: int) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    shape = problem.parameters[layer + 1].weight.shape
    for other, parameters in enumerate(problem.parameters):
        if other != layer + 1 and parameters.weight.shape == shape:
            rules[f"W of layer {other}"] = lambda cache, layer, above, other=other: cache.activation_vjp(
                layer, above.delta @ cache.weights[other].T
            )
    return rules


def _updated(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Update each layer before the error is propagated through it, from the topmost hidden layer on."""
    last = len(problem.network.layers) - 1
    if last == 0 or layer != last - 1:
        return []
    estimate = hints.get("learning_rate")
    mistakes = []
    for rate in LEARNING_RATES if estimate is None else (float(estimate),):

        def rule(cache: ForwardCache, here: int, above: NextLayer, rate: float = rate) -> Array:
            weight = cache.weights[here + 1] - cache.number(rate) * above.gradient
            return cache.activation_vjp(here, above.delta @ weight.T)

        replaced = {("hidden_delta", here): rule for here in range(last)}
        mistakes.append(
            Mistake("updated-weights", f"rate {rate:g}", layer, "hidden_delta", replaced, spreads=True)
        )
    return mistakes


def _unmasked(problem: Problem, layer: int) -> dict[str, Rule]:
    if layer not in problem.batch.masks:
        return {}
    return {
        "no mask": lambda cache, layer, above: above.delta @ cache.weights[layer + 1].T * cache.slope(layer)
    }


def _unscaled(problem: Problem, layer: int) -> dict[str, Rule]:
    if layer not in problem.batch.masks:
        return {}

    def rule(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
        kept = (cache.masks[layer] != 0).astype(cache.dtype)
        return above.delta @ cache.weights[layer + 1].T * kept * cache.slope(layer)

    return {"mask of ones": rule}


def _last_path(problem: Problem, layer: int) -> dict[str, Rule]:
    """Assign δ_l instead of accumulating it over the units above."""
    if problem.network.layers[layer + 1].outputs < 2:
        return {}

    def rule(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
        return cache.activation_vjp(layer, above.delta[:, -1:] @ cache.weights[layer + 1][:, -1:].T)

    return {"only the last unit above": rule}


HIDDEN_PATHS = (
    hidden("upstream-error-for-delta", _upstream_error),
    hidden("derivative-along-wrong-axis", _wrong_axis, SQUARE),
    hidden("untransposed-weights", _untransposed, SQUARE),
    Student("updated-weights", _updated),
    hidden("wrong-layer-weights", _other_weights, SQUARE),
    hidden("dropout-mask-missing", _unmasked, Requirements(masks=True)),
    hidden("dropout-scale-missing", _unscaled, Requirements(masks=True)),
)
LAST_PATH = hidden("assigned-not-accumulated", _last_path)
