"""The input of the search: submitted gradients by parameter, with their rounding errors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters, Parameters, Trace
from reference_impl.problem import Problem
from verifier.diagnosis.costs import (
    DEFAULT_RELATIVE_ROUNDING,
    MAX_RESIDUAL_UNITS,
    MAX_SAMPLED_INPUTS,
    MAX_UNSCALED_EXPONENT,
    MIN_SAMPLED_ENTRIES,
    ROUNDING_SLACK,
)
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Finding


@dataclass(frozen=True, slots=True, eq=False)
class SubmittedGradient:
    """The submitted gradient of one parameter.

    submitted: None if it is missing, not finite, or cannot be judged.
    right: no entry is incorrect. allowance: rounding error of the right gradient, entry by entry.
    relative: allowance over scale, entry by entry.
    quantum: largest change of each entry by printing or by the way that the numbers were taken.
    grid: distance of neighbouring numbers where all are multiples of it or have few digits, else 0.
    rows: indices of a sample of the layer's inputs; None if all are used.
    """

    name: str
    layer: int
    kind: str
    submitted: Array | None
    right: bool
    allowance: Array
    relative: Array
    quantum: Array
    grid: Array
    rows: Array | None = None

    @property
    def is_submitted(self) -> bool:
        return self.submitted is not None


@dataclass(frozen=True, eq=False)
class SubmittedEvidence:
    """A submission with its problem and right gradients.

    parts: by layer and kind ("weight", "bias"). reference: the right gradients.
    unit: the unit roundoff. limited: residuals are limited by it. coarser: the numbers are assumed to be less
    accurate than the declared precision.
    """

    problem: Problem
    trace: Trace
    parts: tuple[Mapping[str, SubmittedGradient], ...]
    reference: Parameters
    unit: float = 2.0**-53
    limited: bool = True
    coarser: bool = False

    @property
    def worst_residual(self) -> float:
        """Largest relative residual norm of an explanation; unlimited for printed numbers."""
        return max(MAX_RESIDUAL_UNITS * self.unit, self.relative_rounding) if self.limited else np.inf

    @cached_property
    def is_right(self) -> bool:
        """True if all submitted gradients are right."""
        return bool(self.all_submitted) and all(part.right for part in self.all_submitted)

    @cached_property
    def relative_rounding(self) -> float:
        """Relative rounding error of a typical entry."""
        medians = [np.median(part.relative) for by_kind in self.parts for part in by_kind.values()]
        return float(np.median(medians))

    @cached_property
    def relative_quantum(self) -> float:
        """Relative change of a typical entry by printing or by the way that the numbers were taken."""
        shares = [
            float(np.median(part.quantum)) / float(np.abs(part.submitted).max())
            for part in self.all_submitted
            if part.submitted is not None and part.submitted.any()
        ]
        return float(np.median(shares)) if shares else 0.0

    @cached_property
    def submitted(self) -> Parameters:
        """Submitted gradients, with the right ones in place of missing ones."""
        layers = []
        for right, parts in zip(self.reference, self.parts, strict=True):
            weight, bias = parts["weight"].submitted, right.bias
            if right.bias is not None and parts["bias"].submitted is not None:
                bias = parts["bias"].submitted
            layers.append(LayerParameters(right.weight if weight is None else weight, bias))
        return tuple(layers)

    @cached_property
    def all_submitted(self) -> tuple[SubmittedGradient, ...]:
        """The gradients that were submitted, from input to output."""
        return tuple(part for layer in range(len(self.parts)) for part in self.submitted_parts(layer))

    def submitted_parts(self, layer: int) -> tuple[SubmittedGradient, ...]:
        """Return the gradients of a layer that were submitted."""
        return tuple(part for part in self.parts[layer].values() if part.is_submitted)


def collect_evidence(
    problem: Problem,
    trace: Trace,
    submitted: Mapping[str, Array],
    wrong: Mapping[str, bool],
    reference: Mapping[str, Array],
    allowance: Mapping[str, Array],
    scale: Mapping[str, Array],
    quantum: Mapping[str, Array] = MappingProxyType({}),
    unit: float = 2.0**-53,
    coarser: bool = False,
    grid: Mapping[str, Array] = MappingProxyType({}),
) -> SubmittedEvidence:
    """Collect the evidence. Mappings are keyed by parameter name; arrays have the parameter's shape.

    submitted: the submitted gradients. wrong: True if an entry of them is incorrect.
    reference: the right gradients of all parameters. allowance, scale: see `Rounding`.
    quantum, grid: see `SubmittedGradient`; empty where there is none.
    coarser: allowance and quantum exceed the declared precision's, so gradients within them count as right.
    """
    parts: list[Mapping[str, SubmittedGradient]] = []
    typical = _typical(allowance, scale)
    right: list[LayerParameters] = []
    for layer, parameters in enumerate(problem.parameters):
        by_kind: dict[str, SubmittedGradient] = {}
        for kind in ("weight", "bias"):
            name = f"layers.{layer}.{kind}"
            if getattr(parameters, kind) is None:
                continue
            relative = _relative(allowance[name], scale[name], typical)
            nothing = np.zeros_like(reference[name])
            of_printing = quantum.get(name, nothing)
            values = submitted.get(name)
            is_judged = values is not None and bool(np.isfinite(values).all() and np.isfinite(relative).all())
            is_right = name in wrong and (
                not wrong[name]
                or (
                    coarser
                    and is_judged
                    and bool(
                        (
                            np.abs(values - reference[name]) <= ROUNDING_SLACK * allowance[name] + of_printing
                        ).all()
                    )
                )
            )
            by_kind[kind] = SubmittedGradient(
                name=name,
                layer=layer,
                kind=kind,
                submitted=values if is_judged else None,
                right=is_right,
                allowance=allowance[name],
                relative=relative,
                quantum=of_printing,
                grid=grid.get(name, nothing),
                rows=_sample(trace, layer, parameters, kind),
            )
        parts.append(by_kind)
        bias = None if parameters.bias is None else reference[f"layers.{layer}.bias"]
        right.append(LayerParameters(reference[f"layers.{layer}.weight"], bias))
    return SubmittedEvidence(problem, trace, tuple(parts), tuple(right), unit, not quantum, coarser)


def _typical(allowance: Mapping[str, Array], scale: Mapping[str, Array]) -> float:
    """Return the median relative rounding of all entries, for parameters whose gradients are all zero."""
    with np.errstate(all="ignore"):
        quotients = np.concatenate([(allowance[name] / scale[name]).ravel() for name in allowance])
    known = quotients[np.isfinite(quotients)]
    return float(np.median(known)) if known.size else DEFAULT_RELATIVE_ROUNDING


def _relative(allowance: Array, scale: Array, typical: float) -> Array:
    """Return allowance over scale, at least its median: a wrong formula may round where this one is exact."""
    with np.errstate(all="ignore"):
        quotient = allowance / scale
    known = quotient[np.isfinite(quotient)]
    middle = float(np.median(known)) if known.size else typical
    return np.maximum(np.where(np.isfinite(quotient), quotient, middle), middle)


def _sample(trace: Trace, layer: int, parameters: LayerParameters, kind: str) -> Array | None:
    """Return indices of inputs that are not always zero; None if the gradient is small."""
    weight = parameters.weight
    if kind == "bias" or weight.size < MIN_SAMPLED_ENTRIES or weight.shape[0] <= MAX_SAMPLED_INPUTS:
        return None
    nonzero = np.flatnonzero((trace.z[layer] != 0).any(axis=0))
    rng = np.random.default_rng(layer)
    return (
        np.sort(rng.choice(nonzero, min(MAX_SAMPLED_INPUTS, nonzero.size), replace=False))
        if nonzero.size
        else None
    )


# power of the gradient's unit in the unit of an estimate
_UNITS: Mapping[str, int] = {"threshold": 1, "strength": 1, "learning_rate": -1}


def scaling_exponent(right: Mapping[str, Array]) -> int:
    """Return k such that 2^k times the gradients is near 1; 0 if no scaling is needed."""
    largest = max((float(np.max(np.abs(array), initial=0.0)) for array in right.values()), default=0.0)
    if not np.isfinite(largest) or largest == 0.0:
        return 0
    exponent = int(np.frexp(largest)[1])
    return -exponent if abs(exponent) > MAX_UNSCALED_EXPONENT else 0


def scaled_problem(problem: Problem, power: int) -> Problem:
    """Return the problem with its loss and penalties multiplied by 2^power."""
    risk = problem.risk
    penalties = tuple(replace(p, strength=_times(p.strength, power)) for p in risk.penalties)
    return replace(problem, risk=replace(risk, factor=_times(risk.factor, power), penalties=penalties))


def scale_arrays(arrays: Mapping[str, Array], power: int) -> dict[str, Array]:
    """Return all arrays multiplied by 2^power."""
    return {name: np.ldexp(array, power) for name, array in arrays.items()}


def scaled_rounding(rounding: Rounding, power: int) -> Rounding:
    """Return the rounding errors of the scaled problem."""
    return replace(
        rounding,
        allowances=lambda: scale_arrays(rounding.allowance, power),
        scale=scale_arrays(rounding.scale, power),
    )


def unscale_finding(finding: Finding, power: int) -> Finding:
    """Return a finding with its estimates in the units of the unscaled problem."""
    estimates = {
        name: _times(value, -power * _UNITS[name]) if name in _UNITS else value
        for name, value in finding.estimates.items()
    }
    return replace(finding, estimates=estimates)


def _times(value: float, power: int) -> float:
    return float(np.ldexp(value, power))
