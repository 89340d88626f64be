"""Wrong δ of the last layer: missing or extra g′, wrong Jacobian of softmax, wrong loss, ignored targets."""

from collections.abc import Callable

import numpy as np

from benchmarks.support.buggy_students import losses
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache, sigmoid, softmax
from benchmarks.support.buggy_students.mistake import NO_REQUIREMENTS, Hints, Mistake, Requirements, Student
from benchmarks.support.students import FORMULAS
from reference_impl import LOSSES, Problem

Deltas = Callable[[Problem], dict[str, Callable[[ForwardCache], Array]]]


def _at_output(
    bug: str, deltas: Deltas, requirements: Requirements = NO_REQUIREMENTS, *, whole: bool = False
) -> Student:
    """Return a bug with one form per wrong δ_L. whole: True if the bug concerns the whole network."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        last = len(problem.network.layers) - 1
        if layer != (None if whole else last):
            return []
        equation = "loss" if whole else "output_delta"
        return [
            Mistake(bug, text, layer, equation, {("output_delta", last): delta})
            for text, delta in deltas(problem).items()
        ]

    return Student(bug, forms, requirements)


def _output(problem: Problem) -> str:
    return problem.network.layers[-1].activation.name


def _missing(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    if _output(problem) in ("identity", "softmax"):
        return {}
    return {"∂R/∂z": losses.error}


def _extra(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    """Multiply δ = p − y by p(1 − p)."""
    risk = problem.risk
    if risk.loss.name == "mse":
        return {}
    squash = softmax if risk.loss.name == "cross_entropy" else sigmoid
    if risk.on == "logits" and _output(problem) != "identity":
        return {}

    def delta(cache: ForwardCache) -> Array:
        p = cache.z[-1] if risk.on == "probabilities" else squash(cache.z[-1])
        return losses.delta(cache) * p * (cache.number(1.0) - p)

    return {"p(1 - p) again": delta}


def _hidden_slope(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    """Multiply δ of an identity or softmax layer by σ′(a), and by g′ of the layer below."""
    if _output(problem) not in ("identity", "softmax"):
        return {}
    below = problem.network.layers[-2:][0].activation.name
    slopes: dict[str, Callable[[ForwardCache], Array]] = {}
    for name in dict.fromkeys(("sigmoid", below)):
        if name not in ("identity", "softmax"):
            slopes[f"times g' of {name}"] = lambda cache, row=FORMULAS[name]: (
                losses.delta(cache) * row.slope(cache.a[-1], row.value(cache.a[-1]))
            )
    return slopes


def _sum_of_targets_ignored(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    sums = problem.batch.targets.sum(axis=1)
    if problem.risk.loss.name != "cross_entropy" or not _probabilities_of_softmax(problem):
        return {}
    if np.allclose(sums, 1.0):
        return {}
    return {"p - y": lambda cache: (softmax(cache.a[-1]) - cache.y) * losses.scale(cache)}


def _probabilities_of_softmax(problem: Problem) -> bool:
    """True if the last activation or the loss contains a softmax."""
    risk = problem.risk
    in_loss = risk.loss.name == "cross_entropy" and risk.on == "logits" and _output(problem) == "identity"
    return in_loss or _output(problem) == "softmax"


def _by_probability(cache: ForwardCache) -> tuple[Array, Array]:
    """Return p and u = ∂R/∂p."""
    if cache.activation(cache.last) == "softmax":
        return cache.z[-1], losses.error(cache)
    p = softmax(cache.z[-1])
    return p, -cache.y / p * losses.scale(cache)


def _softmax(rule: Callable[[ForwardCache, Array, Array], Array]) -> Deltas:
    def deltas(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
        return (
            {"of ∂R/∂p": lambda cache: rule(cache, *_by_probability(cache))}
            if _probabilities_of_softmax(problem)
            else {}
        )

    return deltas


def _over_batch(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    if problem.risk.loss.name != "cross_entropy" or not _probabilities_of_softmax(problem):
        return {}

    def delta(cache: ForwardCache) -> Array:
        e = np.exp(cache.a[-1] - cache.a[-1].max())
        return (e / e.sum() - cache.y) * losses.scale(cache)

    return {"p over all examples": delta}


def _twice(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    if problem.risk.loss.name != "cross_entropy" or not _probabilities_of_softmax(problem):
        return {}
    return {"softmax(p) - y": lambda cache: (softmax(softmax(cache.a[-1])) - cache.y) * losses.scale(cache)}


def _another_loss(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    """Return δ of every other loss that is possible with these outputs, with its default factor."""
    risk, output = problem.risk, _output(problem)
    deltas = {}
    for name in ("mse", "cross_entropy", "binary_cross_entropy"):
        row = LOSSES[name]
        for on in row.on:
            if name == risk.loss.name or (on == "probabilities" and output not in ("sigmoid", "softmax")):
                continue
            if on == "logits" and output in ("sigmoid", "softmax"):
                continue  # the activation is applied twice, which is another bug
            if row.class_targets and risk.loss.name == "mse" and _signed_targets(problem):
                continue
            deltas[f"{name} on {on}"] = lambda cache, name=name, on=on, factor=row.default_factor: (
                losses.delta(cache, name, on, factor)
            )
    return deltas


def _signed_targets(problem: Problem) -> bool:
    return bool((problem.batch.targets < 0).any())


def _no_target(problem: Problem) -> dict[str, Callable[[ForwardCache], Array]]:
    """Return δ_L = f with the scale of the loss; for a squared error also f∘g′, which is y = 0."""
    risk = problem.risk

    def plain(cache: ForwardCache) -> Array:
        f = cache.z[-1]
        if risk.on == "logits":
            f = softmax(f) if risk.loss.name == "cross_entropy" else sigmoid(f)
        two = 2.0 if risk.loss.name == "mse" else 1.0
        return f * cache.number(two) * losses.scale(cache)

    if risk.on == "logits" and _output(problem) != "identity":
        return {}
    deltas = {"f": plain}
    if risk.loss.name == "mse" and _output(problem) != "identity":
        deltas["f through g'"] = lambda cache: cache.activation_vjp(cache.last, plain(cache))
    return deltas


OUTPUT_DELTAS = (
    _at_output("right-gradient-of-another-loss", _another_loss, whole=True),
    _at_output("target-ignored", _no_target),
    _at_output("missing-output-derivative", _missing),
    _at_output("extra-output-derivative", _extra),
    _at_output(
        "softmax-jacobian-diagonal",
        _softmax(lambda cache, p, u: u * p * (cache.number(1.0) - p)),
        Requirements(output="softmax", outputs_from=2),
    ),
    _at_output(
        "softmax-jacobian-missing",
        _softmax(lambda cache, p, u: u),
        Requirements(output="softmax", outputs_from=2),
    ),
    _at_output(
        "softmax-one-minus-p",
        _softmax(lambda cache, p, u: u * (cache.number(1.0) - p)),
        Requirements(output="softmax", outputs_from=2),
    ),
    _at_output("softmax-over-batch", _over_batch, Requirements(output="softmax", outputs_from=2)),
    _at_output("softmax-twice", _twice, Requirements(output="softmax", outputs_from=2)),
    _at_output("hidden-derivative-at-output", _hidden_slope, Requirements(output="identity")),
    _at_output(
        "target-sum-ignored",
        _sum_of_targets_ignored,
        Requirements(output="softmax", outputs_from=2, any_target_sum=True),
    ),
)
