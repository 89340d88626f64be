"""Wrong δ of a hidden layer because of a wrong g′."""

from collections.abc import Callable

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.hidden import SQUARE, Rule, Rules, down, elementwise, hidden, name_of
from benchmarks.support.buggy_students.mistake import NextLayer, Requirements
from benchmarks.support.students import FORMULAS
from reference_impl import Problem

Slope = Callable[[ForwardCache, int], Array]  # (cache, layer) -> replacement of g′(a)


def _with_slope(slope: Slope) -> Rule:
    return lambda cache, layer, above: down(cache, layer, above) * slope(cache, layer)


def _sloped(slopes: Callable[[Problem, int], dict[str, Slope]]) -> Rules:
    return lambda problem, layer: {text: _with_slope(slope) for text, slope in slopes(problem, layer).items()}


def _missing(problem: Problem, layer: int) -> dict[str, Rule]:
    return {"no g'": down} if elementwise(problem, layer) else {}


def _at_activation(problem: Problem, layer: int) -> dict[str, Slope]:
    if not elementwise(problem, layer):
        return {}

    def slope(cache: ForwardCache, layer: int) -> Array:
        function, z = FORMULAS[cache.activation(layer)], cache.unmasked[layer]
        return function.slope(z, function.value(z))

    return {"g'(z)": slope}


OUTPUT_FORMS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda v: v * (1 - v),
    "tanh": lambda v: 1 - v * v,
}
SLIPS: dict[str, Callable[[Array], Array]] = {
    "1 + z²": lambda z: 1 + z * z,
    "z²": lambda z: z * z,
    "-z²": lambda z: -z * z,
}


def _at_preactivation(problem: Problem, layer: int) -> dict[str, Slope]:
    form = OUTPUT_FORMS.get(name_of(problem, layer))
    return {} if form is None else {"output form of a": lambda cache, layer: form(cache.a[layer])}


def _wrong(problem: Problem, layer: int) -> dict[str, Slope]:
    """Return g′ of another activation, wrong formulas for tanh, and the formula in z of sigmoid or tanh."""
    activation = name_of(problem, layer)
    slopes: dict[str, Slope] = {}
    for name, row in FORMULAS.items():
        if name not in (activation, "identity"):
            slopes[f"g' of {name}"] = lambda cache, layer, row=row: row.slope(
                cache.a[layer], row.value(cache.a[layer])
            )
    if activation == "tanh":
        for text, slip in SLIPS.items():
            slopes[text] = lambda cache, layer, slip=slip: slip(cache.unmasked[layer])
    if activation in OUTPUT_FORMS:
        other = "tanh" if activation == "sigmoid" else "sigmoid"
        slopes[f"{other}'s formula in z"] = lambda cache, layer: OUTPUT_FORMS[other](cache.unmasked[layer])
    return slopes


def _at_dropped(problem: Problem, layer: int) -> dict[str, Slope]:
    form = OUTPUT_FORMS.get(name_of(problem, layer))
    if form is None or layer not in problem.batch.masks:
        return {}
    return {"output form of z ∘ mask": lambda cache, layer: form(cache.z[layer + 1])}


def _broadcast(problem: Problem, layer: int) -> dict[str, Slope]:
    """Return g′ of one unit for all units, and of one example for all examples."""
    if not elementwise(problem, layer):
        return {}
    slopes: dict[str, Slope] = {}
    if problem.network.layers[layer].outputs > 1:
        slopes["g' of the first unit"] = lambda cache, layer: cache.slope(layer)[:, :1]
    if problem.batch.size > 1:
        slopes["g' of the first example"] = lambda cache, layer: cache.slope(layer)[:1]
    return slopes


def _relu_on_upstream(problem: Problem, layer: int) -> dict[str, Rule]:
    if name_of(problem, layer) != "relu":
        return {}
    return {"max(0, upstream)": lambda cache, layer, above: np.maximum(down(cache, layer, above), 0)}


def _wrong_mask(problem: Problem, layer: int) -> dict[str, Rule]:
    if name_of(problem, layer) != "relu":
        return {}
    rules: dict[str, Rule] = {}
    width = problem.network.layers[layer].outputs
    for other, other_layer in enumerate(problem.network.layers):
        if other != layer and other_layer.outputs == width:
            rules[f"mask of layer {other}"] = _with_slope(
                lambda cache, layer, other=other: (cache.a[other] > 0).astype(cache.dtype)
            )

    def of_upstream(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
        upstream = down(cache, layer, above)
        return upstream * (upstream > 0)

    rules["mask of the upstream"] = of_upstream
    return rules


SLOPES = {
    "derivative-at-activation": _at_activation,
    "output-form-at-preactivation": _at_preactivation,
    "wrong-activation-derivative": _wrong,
}
HIDDEN_SLOPES = (
    hidden("missing-activation-derivative", _missing),
    *(hidden(bug, _sloped(slopes)) for bug, slopes in SLOPES.items()),
    hidden("derivative-at-dropped-activation", _sloped(_at_dropped), Requirements(masks=True)),
    hidden("derivative-broadcast", _sloped(_broadcast)),
    hidden("relu-on-upstream", _relu_on_upstream),
    hidden("mask-from-wrong-tensor", _wrong_mask, SQUARE),
)
