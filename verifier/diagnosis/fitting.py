"""Whether a candidate reproduces what was handed in, up to rounding, and by which factor."""

from dataclasses import dataclass
from math import log2

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.evidence import SLACK, Part

RULES = 64  # that one gradient is tried with, their forms and factors counted
CANCELLED = 0.1  # of a row's root mean square: a δ that is small beside its row was rounded like its row
_ENOUGH_BITS = 10.0  # of agreement beyond what so many candidates reach by chance
_TWIN = 2.0  # times the tolerance, within which two gradients are the same


@dataclass(frozen=True, slots=True)
class Fit:
    """A candidate that reproduces a gradient times `scale`.

    scale: None where every factor fits, both being zero. residual: what it leaves, over the whole, by norm.
    blur: the scale's relative error. bits: of agreement an entry, 1 for each halving of the residual allowed.
    numbers: entries that are not zero. left: as residual, but over the contributions, before they cancel.
    weak: too little to go by for a factor of its own.
    """

    scale: float | None
    residual: float
    blur: float
    bits: float
    numbers: int
    left: float = 0.0
    weak: bool = False

    def has_scale(self, factor: float) -> bool:
        return self.scale is None or abs(self.scale - factor) <= self.blur * max(abs(factor), abs(self.scale))


def is_beyond_chance(bits: float, candidates: float) -> bool:
    """Say whether agreement in so many bits is no accident among so many candidates."""
    return bits >= _ENOUGH_BITS + log2(candidates)


def of_twins(part: Part, size: Array, blur: float) -> Array:
    """Give by how much two gradients may differ and still be the same here. size: see `size_of_product`."""
    return np.asarray(_TWIN * SLACK * part.relative * blur * size)


def size_of_delta(delta: Array) -> Array:
    """Give what δ's rounding is relative to."""
    return np.asarray(np.abs(delta) + CANCELLED * np.sqrt(np.mean(np.square(delta), axis=1, keepdims=True)))


def product_of(part: Part, z: Array, delta: Array) -> Array:
    """Give a weight's or a bias's gradient by the right rule."""
    return np.asarray(z.T @ delta if part.kind == "weight" else delta.sum(axis=0))


def size_of_product(part: Part, z: Array, size: Array) -> Array:
    """Give the sum of absolute contributions to a weight's or a bias's gradient. size: of δ."""
    return np.asarray(np.abs(z).T @ size if part.kind == "weight" else size.sum(axis=0))


@np.errstate(all="ignore")  # a candidate may overflow: it then fits nothing
def fit(
    target: Array, value: Array, size: Array, slack: Array, fixed: Array | float, free_scale: bool = True
) -> Fit | None:
    """Fit target ≈ scale · value by least squares; None where an entry is further off than rounding allows.

    target, value, size, slack: of one shape, in units of the gradient but for slack, which is rounding over
    size. size: the sum of absolute contributions to an entry. fixed: what else an entry may be off by.
    Without `free_scale` only scale 1 is tried. Whether a single number may show a factor is the caller's.
    """
    allowed = SLACK * slack * np.maximum(size, np.abs(value)) + fixed
    if not np.isfinite(value).all():
        return None
    if (np.abs(target - value) <= allowed).all():
        return _described(target, value, size, allowed, 1.0)
    if not free_scale:
        return None
    square = float(np.vdot(value, value))
    if not square > 0 or not np.isfinite(square):
        return None
    scale = float(np.vdot(target, value)) / square
    if scale == 0 or not np.isfinite(scale):
        return None
    limit = np.abs(scale) * (allowed - fixed) + fixed
    if not (np.abs(target - scale * value) <= limit).all():
        return None
    found = _described(target, scale * value, abs(scale) * size, limit, scale)
    return None if found.scale is None else found


def _described(target: Array, value: Array, size: Array, allowed: Array, scale: float) -> Fit:
    told = np.abs(value) > allowed
    norm = float(np.linalg.norm(value))
    if not told.any() or norm == 0.0:
        return Fit(None, 0.0, 0.0, 0.0, 0)
    bits = float(np.median(np.log2(np.abs(value[told]) / np.maximum(allowed[told], 5e-324))))
    left = float(np.linalg.norm(target - value))
    return Fit(
        scale,
        left / norm,
        float(np.linalg.norm(allowed)) / norm + 1e-15,
        bits,
        int(told.sum()),
        left / max(norm, float(np.linalg.norm(size))),
    )
