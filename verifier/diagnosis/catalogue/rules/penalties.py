"""Wrong penalties that programs use in place of the declared ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import Penalty
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue.bug import LayerContext, PenaltyVariant, Replacement, Rule
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.diagnosis.catalogue.rules.products import product_of
from verifier.diagnosis.costs import MAX_STRENGTH, NEARLY_RIGHT

_STRENGTH = (0.1,)  # of the penalty in mutants


def _changed_penalties(problem: Problem, changed: list[Penalty | None]) -> Iterator[tuple[Penalty, ...]]:
    """Yield the penalties with all of them changed, then with one at a time; None removes a penalty."""
    penalties = problem.risk.penalties
    if penalties:
        yield tuple(other for other in changed if other)
    for index, other in enumerate(changed):
        if len(penalties) > 1:
            yield (*penalties[:index], *((other,) if other else ()), *penalties[index + 1 :])


def penalty_missing(problem: Problem) -> Iterator[PenaltyVariant]:
    for penalties in _changed_penalties(problem, [None for _ in problem.risk.penalties]):
        yield PenaltyVariant(penalties)


def penalty_scaled(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield the penalties doubled, halved, times N, over N, and times a factor to be estimated."""
    examples = float(problem.batch.size)
    for factor in dict.fromkeys((2.0, 0.5, examples, 1.0 / examples)):
        if factor != 1.0:
            changed: list[Penalty | None] = [
                replace(penalty, factor=penalty.factor * factor) for penalty in problem.risk.penalties
            ]
            for penalties in _changed_penalties(problem, changed):
                yield PenaltyVariant(penalties, {"factor": factor})
    if problem.risk.penalties:
        yield PenaltyVariant((), scaled=problem.risk.penalties, unknown="factor", usual=(3.0,))


def penalty_on_biases(problem: Problem) -> Iterator[PenaltyVariant]:
    yield from _of_biases(problem, True)


def missing_on_biases(problem: Problem) -> Iterator[PenaltyVariant]:
    yield from _of_biases(problem, False)


def _of_biases(problem: Problem, included: bool) -> Iterator[PenaltyVariant]:
    if any(layer.bias for layer in problem.network.layers):
        changed: list[Penalty | None] = [replace(p, biases=included) for p in problem.risk.penalties]
        for penalties in _changed_penalties(problem, changed):
            if penalties != problem.risk.penalties:
                yield PenaltyVariant(penalties)


def gradient_scaled(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield (1 + λ)·G for every form of the coefficient λ."""
    for factor in _gradient_factors(problem):
        for of_biases in (False, True):
            yield PenaltyVariant((), {"factor": factor}, data_factor=factor, of_biases=of_biases)


def _gradient_factors(problem: Problem, rare: bool = False) -> list[float]:
    """Return 1 + λ for the likely forms of the coefficient λ, or for the rare ones too."""
    forms, examples = [], problem.batch.size
    for penalty in problem.risk.penalties:
        coefficient, strength = penalty.coefficient(examples), penalty.strength
        slope = 2.0 * coefficient if penalty.norm == "l2" else coefficient
        forms += [slope, coefficient, strength]
        forms += [2.0 * strength, strength / examples] if rare else []
    return list(dict.fromkeys(1.0 + form for form in forms))


def penalty_undeclared(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield a weight decay that is not declared, with a strength to be estimated."""
    if any(penalty.norm == "l2" for penalty in problem.risk.penalties):
        return
    for biases in (False, True) if any(layer.bias for layer in problem.network.layers) else (False,):
        added = Penalty("l2", 1.0, 0.5, biases=biases)
        of = "weights and biases" if biases else "weights"
        estimates = {"alternative": f"the declared loss with an l2 penalty on the {of}"}
        yield PenaltyVariant(
            problem.risk.penalties, estimates, scaled=(added,), unknown="strength", usual=_STRENGTH
        )


# wrong forms of a penalty's gradient, as functions of the weights W (inputs, units); one coefficient for all
_FORMS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "the sum of all weights": lambda w: np.full_like(w, w.sum()),
        "the sum over the inputs of each unit": lambda w: np.broadcast_to(w.sum(axis=0), w.shape),
        "the sum over the units of each input": lambda w: np.broadcast_to(w.sum(axis=1)[:, None], w.shape),
        "the sign of each weight": np.sign,
        "each weight itself": lambda w: w,
        "the square of each weight": np.square,
        "the magnitude of each weight": np.abs,
        "the sum of the squares": lambda w: np.full_like(w, np.square(w).sum()),
        "the sum of the magnitudes": lambda w: np.full_like(w, np.abs(w).sum()),
        "the norm of the weights": lambda w: np.full_like(w, np.linalg.norm(w)),
        "the weights over their norm": lambda w: w / np.linalg.norm(w),
        "1": np.ones_like,
        "the weights with the order of the inputs reversed": lambda w: w[::-1],
        "the weights with the order of the units reversed": lambda w: w[:, ::-1],
        "the weights of the input before": lambda w: np.roll(w, 1, axis=0),
        "the weights of the input after": lambda w: np.roll(w, -1, axis=0),
        "the weights of the unit before": lambda w: np.roll(w, 1, axis=1),
        "the weights of the unit after": lambda w: np.roll(w, -1, axis=1),
        "the transposed weights": lambda w: w.T,
    }
)
_NEAR = 0.01  # relative: a ratio this close to a plausible one is tried


def _parts(place: LayerContext, kind: str) -> Iterator[tuple[Penalty, Array, Array]]:
    """Yield each penalty with its part of a parameter's gradient and with the rest of the right gradient.

    The last one is all penalties together, if there are several.
    """
    product = product_of(place, kind)
    penalties = place.problem.risk.penalties
    alone = [np.asarray(getattr(one, kind)) for one in place.declared_penalties]
    total = sum(alone, np.zeros_like(product))
    for penalty, part in zip(penalties, alone, strict=True):
        yield penalty, part, product + (total - part) if len(alone) > 1 else product
    if len(alone) > 1:
        yield penalties[0], total, product


def _submitted(place: LayerContext, kind: str) -> Array | None:
    """Return the submitted gradient with the penalties; None where a mutant is made."""
    return None if place.submitted is None else place.submitted + getattr(place.penalty, kind)


def _in_layer(rule: Callable[[LayerContext, str], Iterator[Replacement]], kind: str) -> Rule:
    """Return a rule for the gradient of one parameter of a layer, for problems with penalties."""

    def of_parameter(place: LayerContext) -> Iterator[Replacement]:
        if place.declared and place.problem.risk.penalties and getattr(place.penalty, kind) is not None:
            yield from rule(place, kind)

    return of_parameter


def missing_in_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    for _, part, rest in _parts(place, kind):
        if part.any():
            yield Replacement(rest, whole=True)
            yield from _in_places(place, kind, part, rest, 0.0)


def scaled_in_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    """Yield the part negated, doubled, halved, times N, over N, in some places alone, times any factor."""
    examples, submitted = float(place.problem.batch.size), _submitted(place, kind)
    factors = [f for f in dict.fromkeys((-1.0, 2.0, 0.5, examples, 1.0 / examples)) if f != 1.0]
    for _, part, rest in _parts(place, kind):
        if not part.any():
            continue
        for factor in factors:
            yield Replacement(rest + factor * part, {"factor": factor}, whole=True)
        if submitted is None:
            continue
        for factor in factors:
            yield from _in_places(place, kind, part, rest, factor)
        ratio = _ratio(submitted - rest, part)
        tried = (0.0, 1.0, *factors)
        if ratio is not None and part.size > 1 and all(abs(ratio - one) > NEARLY_RIGHT for one in tried):
            yield Replacement(rest + ratio * part, {"factor": ratio}, whole=True, unknowns=1)


def _in_places(
    place: LayerContext, kind: str, part: Array, rest: Array, factor: float
) -> Iterator[Replacement]:
    """Yield a gradient whose penalty has the factor for some inputs, or some units, alone."""
    submitted = _submitted(place, kind)
    estimates = {"factor": factor} if factor else {}
    for axis, name in enumerate(("inputs", "units")) if kind == "weight" else ((0, "units"),):
        count = part.shape[axis]
        if count < 2:
            continue
        if submitted is None:
            chosen = np.arange(count) == 0
        else:
            others = tuple(other for other in range(part.ndim) if other != axis)
            difference = submitted - rest
            with_factor = np.square(difference - factor * part).sum(axis=others)
            chosen = with_factor < np.square(difference - part).sum(axis=others)
        if chosen.any() and not chosen.all():
            at = chosen[:, None] if axis == 0 and part.ndim > 1 else chosen
            where = {name: np.flatnonzero(chosen).tolist()}
            yield Replacement(
                rest + np.where(at, factor, 1.0) * part, estimates | where, whole=True, unknowns=1
            )


def other_form_in_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    submitted, weight = _submitted(place, kind), place.parameters.weight
    examples = float(place.problem.batch.size)
    for penalty, _, rest in _parts(place, kind):
        coefficient = penalty.coefficient(place.problem.batch.size)
        plausible = [coefficient * f for f in dict.fromkeys((2.0, 1.0, 0.5, 2 * examples, 2 / examples))]
        for name, form in _FORMS.items():
            values = form(weight)
            if values.shape != weight.shape:
                continue
            if submitted is None:
                yield Replacement(rest + plausible[0] * values, {"used": name}, whole=True)
                continue
            ratio = _ratio(submitted - rest, values)
            if ratio is None:
                continue
            nearest = min(plausible, key=lambda one, ratio=ratio: abs(one - ratio))  # type: ignore[misc]
            if abs(nearest - ratio) <= _NEAR * abs(nearest):
                yield Replacement(rest + nearest * values, {"used": name}, whole=True)


def gradient_scaled_in_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    """Yield (1 + λ)·G, and λ·G added to a gradient that has its penalty."""
    product, total = product_of(place, kind), getattr(place.penalty, kind)
    for factor in _gradient_factors(place.problem, rare=True):
        yield Replacement(factor * product, {"factor": factor}, whole=True)
        if total.any():
            yield Replacement(total + factor * product, {"factor": factor}, whole=True)


def on_biases_of_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    """Yield the gradient with all penalties on the biases, then with one more at a time."""
    product, penalties = product_of(place, kind), place.problem.risk.penalties
    for group in (penalties, *((one,) for one in penalties if len(penalties) > 1)):
        changed = tuple(replace(one, biases=one.biases or one in group) for one in penalties)
        yield Replacement(product + getattr(place.gradient_of_penalties(changed), kind), whole=True)


def missing_on_biases_of_layer(place: LayerContext, kind: str) -> Iterator[Replacement]:
    for _, part, rest in _parts(place, kind):
        if part.any():
            yield Replacement(rest, whole=True)


def _ratio(difference: Array, part: Array) -> float | None:
    """Return t in difference ≈ t · part; None if there is no such factor, or no likely one."""
    ratio = least_squares_factor(difference, part)
    return ratio if 0 < abs(ratio) < MAX_STRENGTH else None


def in_each_parameter(
    of_weight: Callable[[LayerContext, str], Iterator[Replacement]] | None,
    of_bias: Callable[[LayerContext, str], Iterator[Replacement]] | None,
) -> Mapping[str, Rule]:
    """Return the rules of one layer's gradients, by the equation that they replace."""
    rules = {}
    if of_weight is not None:
        rules["weight_gradient"] = _in_layer(of_weight, "weight")
    if of_bias is not None:
        rules["bias_gradient"] = _in_layer(of_bias, "bias")
    return rules
