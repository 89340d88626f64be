"""Domains of arguments: the numbers that are drawn and the numbers for shrinking, one row per domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from verifier.graphs.shapes import Shape

Draw = Callable[[np.random.Generator, Shape, Sequence[Shape]], Array]


@dataclass(frozen=True, slots=True)
class Domain:
    """Set of numbers for an argument.

    draw: function of (rng, shape, shapes of all arguments) that returns distinct numbers away from kinks.
    repeated: like draw, but returns a few whole numbers, which repeat and lie at kinks.
    simple: numbers for shrinking, simplest first; None to use `repeated` instead.
    """

    name: str
    draw: Draw
    repeated: Draw
    simple: tuple[float, ...] | None


def _between(least: float, most: float, signed: bool) -> Draw:
    def draw(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
        values = rng.uniform(least, most, size=shape)  # no short decimals, so that rounding errors occur
        return np.asarray(values * rng.choice([-1.0, 1.0], size=shape) if signed else values)

    return draw


def _among(*numbers: float) -> Draw:
    return lambda rng, shape, shapes: np.asarray(rng.choice(numbers, size=shape), dtype=np.float64)


def _index(count: Callable[[Shape], int]) -> Draw:
    """Return a function that draws integers below a size of the first argument."""
    return lambda rng, shape, shapes: np.asarray(rng.integers(max(1, count(shapes[0])), size=shape))


_draw_rows = _index(lambda table: table[0])
_draw_classes = _index(lambda outputs: outputs[-1])


def _draw_targets(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
    """Return class indices, or rows that sum to 1 if the targets have the shape of the outputs."""
    if shape != shapes[0]:
        return _draw_classes(rng, shape, shapes)
    targets = np.full(shape, 0.25 / max(1, shape[-1]))
    classes = rng.integers(shape[-1], size=shape[:-1])
    np.put_along_axis(targets, classes[..., np.newaxis], 0.75 + targets.flat[0], axis=-1)
    return targets


DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        row.name: row
        for row in (
            Domain(
                "any",
                _between(0.1, 2.0, signed=True),
                _among(0.0, 1.0, -1.0, 2.0),
                (1.0, 2.0, 0.0, -1.0, -2.0, 3.0, -3.0, 0.5, -0.5),
            ),
            Domain(
                "nonzero",
                _between(0.4, 2.0, signed=True),
                _among(1.0, -1.0, 2.0),
                (1.0, 2.0, -1.0, -2.0, 3.0, -3.0, 0.5, -0.5),
            ),
            Domain(
                "positive", _between(0.3, 3.0, signed=False), _among(1.0, 2.0), (1.0, 2.0, 3.0, 0.5, 0.25)
            ),
            Domain(
                "probabilities",
                _between(0.1, 0.9, signed=False),
                _among(0.5, 0.25),
                (0.5, 0.25, 0.75),
            ),
            Domain("rows", _draw_rows, _draw_rows, None),
            Domain("classes", _draw_targets, _draw_targets, None),
            Domain("zeros and ones", _among(0.0, 1.0, 0.5), _among(0.0, 1.0), (1.0, 0.0)),
        )
    }
)
