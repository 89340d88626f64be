"""Whether all intervals have a point in common: of a block what `consensus.py` says of whole arrays."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from reference_impl.array import Array
from verifier.blocks import Block
from verifier.by_rows import Rows
from verifier.consensus import MEETING
from verifier.estimate import Answer, WithinRounding


def all_meet(block: Block, first: Rows, others: Sequence[Answer], distances: Array, unknown: Array) -> bool:
    """Say whether they have, in every entry of a block.

    distances, unknown: of each other oracle, the farthest value, and how many entries it cannot tell.
    Of the last answer within rounding it is enough that its values lie in all other intervals.
    """
    value = first.value
    low: Array | None = None  # of what all so far have in common, where it is less than the first's interval
    high = value
    order = sorted(range(len(others)), key=lambda index: isinstance(others[index].gradient, WithinRounding))
    for index in order:
        other = others[index]
        if index == order[-1] and isinstance(other.gradient, WithinRounding):
            own = block.of(other.gradient.by_name)
            distance = np.abs(own - value)
            distances[index] = max(distances[index], float(distance.max()))
            if low is None and (distance <= first.error).all():
                continue
            if low is not None and ((low <= own) & (own <= high)).all():
                continue
        estimate = block.of_estimates(other.gradient)
        own, reach, columns = estimate.value, estimate.error, estimate.columns
        seen, error = (
            (value, first.error) if columns is None else (value[..., columns], first.error[..., columns])
        )
        unknown[index] += value.size - seen.size
        distance = np.abs(own - seen)
        farthest = float(distance.max(initial=0.0))  # it may have seen no column at all
        if not isfinite(farthest) or not isfinite(float(reach.max(initial=0.0))):
            known = np.isfinite(own) & np.isfinite(reach)
            unknown[index] += known.size - np.count_nonzero(known)
            own, reach = np.where(known, own, seen), np.where(known, reach, np.inf)
            distance = np.where(known, distance, 0.0)
            farthest = float(distance.max())
        distances[index] = max(distances[index], farthest)
        reach = reach - MEETING * np.abs(own)  # what the subtractions lose
        if (distance + error <= reach).all():
            continue  # the first's interval lies within it
        if low is None:
            low, high = value - first.error, value + first.error
        if columns is None:
            np.maximum(low, own - reach, out=low)
            np.minimum(high, own + reach, out=high)
        else:
            low[..., columns] = np.maximum(low[..., columns], own - reach)
            high[..., columns] = np.minimum(high[..., columns], own + reach)
    return low is None or bool((low <= high).all())
