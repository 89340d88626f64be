"""What a diagnosis goes by: the submission parameter by parameter, and what rounding may have done to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters, Parameters, Trace
from reference_impl.problem import Problem

SLACK = 3.0  # a wrong formula rounds otherwise than the right one, whose rounding is known
WORST_RESIDUAL = 64.0  # in units of the unit roundoff
MOST_ROWS = 32  # inputs of a layer at which a candidate is tried before all of it is computed
_LEAST = 2.0**-50  # relative rounding where nothing tells it
_LEAST_SAMPLED = 2048  # entries from which that is worth it


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One parameter's gradient as handed in.

    submitted: None where it is missing, not finite, or not to be judged.
    right: it has no incorrect entry. allowance: what rounding may do to the right gradient.
    relative: that over its scale, entry by entry.
    rows: a sample of the layer's inputs (all of them where there are few).
    """

    name: str
    layer: int
    kind: str
    submitted: Array | None
    right: bool
    allowance: Array
    relative: Array
    rows: Array | None = None

    @property
    def given(self) -> bool:
        return self.submitted is not None


@dataclass(frozen=True, eq=False)
class Evidence:
    """parts: by layer, weight and bias. reference: the right gradients.

    quantum: by how much printing to few decimals may have moved an entry. unit: the unit roundoff.
    """

    problem: Problem
    trace: Trace
    parts: tuple[Mapping[str, Part], ...]
    reference: Parameters
    quantum: float = 0.0
    unit: float = 2.0**-53

    @property
    def worst_residual(self) -> float:
        """What an explanation may leave of a gradient, relative, by norm; printing leaves what it does."""
        return np.inf if self.quantum else WORST_RESIDUAL * self.unit

    @cached_property
    def blur(self) -> float:
        """The relative rounding of a typical entry."""
        return float(np.median([np.median(part.relative) for row in self.parts for part in row.values()]))

    @cached_property
    def submitted(self) -> Parameters:
        """What was handed in; the right gradients where nothing was."""
        found = []
        for own, parts in zip(self.reference, self.parts, strict=True):
            weight, bias = parts["weight"].submitted, own.bias
            if own.bias is not None and parts["bias"].submitted is not None:
                bias = parts["bias"].submitted
            found.append(LayerParameters(own.weight if weight is None else weight, bias))
        return tuple(found)

    def given(self, layer: int) -> tuple[Part, ...]:
        return tuple(part for part in self.parts[layer].values() if part.given)


def gather(
    problem: Problem,
    trace: Trace,
    submitted: Mapping[str, Array],
    wrong: Mapping[str, bool],
    reference: Mapping[str, Array],
    allowance: Mapping[str, Array],
    scale: Mapping[str, Array],
    quantum: float = 0.0,
    unit: float = 2.0**-53,
    coarser: bool = False,
) -> Evidence:
    """Lay out the evidence. Mappings go by parameter name, their arrays have the parameter's shape.

    submitted, wrong: of those handed in; wrong: whether an entry was found incorrect. reference: the right
    gradients of all. allowance, scale: of rounding, and of what it is relative to, as `rounding` gives them.
    quantum: in units of the gradient, what printing may have moved an entry by.
    coarser: than declared are quantum and allowance, so that what lies within them counts as right.
    """
    parts: list[Mapping[str, Part]] = []
    typical = _typical(allowance, scale)
    right: list[LayerParameters] = []
    for layer, own in enumerate(problem.parameters):
        found: dict[str, Part] = {}
        for kind in ("weight", "bias"):
            name = f"layers.{layer}.{kind}"
            if getattr(own, kind) is None:
                continue
            relative = _relative(allowance[name], scale[name], typical)
            values = submitted.get(name)
            judged = values is not None and bool(np.isfinite(values).all() and np.isfinite(relative).all())
            fine = name in wrong and (
                not wrong[name]
                or (
                    coarser
                    and judged
                    and bool((np.abs(values - reference[name]) <= SLACK * allowance[name] + quantum).all())
                )
            )
            found[kind] = Part(
                name=name,
                layer=layer,
                kind=kind,
                submitted=values if judged else None,
                right=fine,
                allowance=allowance[name],
                relative=relative,
                rows=_sample(trace, layer, own, kind),
            )
        parts.append(found)
        bias = None if own.bias is None else reference[f"layers.{layer}.bias"]
        right.append(LayerParameters(reference[f"layers.{layer}.weight"], bias))
    return Evidence(problem, trace, tuple(parts), tuple(right), quantum, unit)


def _typical(allowance: Mapping[str, Array], scale: Mapping[str, Array]) -> float:
    """Give rounding over scale of the middle entry, for parameters whose gradients are all zero."""
    with np.errstate(all="ignore"):
        quotients = np.concatenate([(allowance[name] / scale[name]).ravel() for name in allowance])
    known = quotients[np.isfinite(quotients)]
    return float(np.median(known)) if known.size else _LEAST


def _relative(allowance: Array, scale: Array, typical: float) -> Array:
    """Give rounding over scale, at least its median: where this formula is exact, another may not be."""
    with np.errstate(all="ignore"):
        quotient = allowance / scale
    known = quotient[np.isfinite(quotient)]
    middle = float(np.median(known)) if known.size else typical
    return np.maximum(np.where(np.isfinite(quotient), quotient, middle), middle)


def _sample(trace: Trace, layer: int, own: LayerParameters, kind: str) -> Array | None:
    if kind == "bias" or own.weight.size < _LEAST_SAMPLED or own.weight.shape[0] <= MOST_ROWS:
        return None
    alive = np.flatnonzero((trace.z[layer] != 0).any(axis=0))
    rng = np.random.default_rng(layer)
    return np.sort(rng.choice(alive, min(MOST_ROWS, alive.size), replace=False)) if alive.size else None
