"""Which numbers an argument may hold: a row each, for what is drawn and for what it is shrunk to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from verifier.graphs.shapes import Shape

Draw = Callable[[np.random.Generator, Shape, Sequence[Shape]], Array]


@dataclass(frozen=True, slots=True)
class Domain:
    """draw: (rng, own shape, shapes of all arguments) -> numbers apart from each other and from kinks.

    repeated: likewise, of few whole numbers, so that they repeat and stand at kinks.
    simple: what a number may be shrunk to, the simplest first; None where `repeated` gives all there is.
    """

    name: str
    draw: Draw
    repeated: Draw
    simple: tuple[float, ...] | None


def _between(least: float, most: float, signed: bool) -> Draw:
    def draw(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
        found = rng.uniform(least, most, size=shape)  # no short decimals, which rounding would keep
        return np.asarray(found * rng.choice([-1.0, 1.0], size=shape) if signed else found)

    return draw


def _among(*numbers: float) -> Draw:
    return lambda rng, shape, shapes: np.asarray(rng.choice(numbers, size=shape), dtype=np.float64)


def _index(count: Callable[[Shape], int]) -> Draw:
    """Give whole numbers below a size of the first argument, in an array of integers."""
    return lambda rng, shape, shapes: np.asarray(rng.integers(max(1, count(shapes[0])), size=shape))


_rows_of_table = _index(lambda table: table[0])
_class = _index(lambda outputs: outputs[-1])


def _classes(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
    """Give class indices, or where targets have the outputs' shape, rows that sum to 1."""
    if shape != shapes[0]:
        return _class(rng, shape, shapes)
    found = np.full(shape, 0.25 / max(1, shape[-1]))
    chosen = rng.integers(shape[-1], size=shape[:-1])
    np.put_along_axis(found, chosen[..., np.newaxis], 0.75 + found.flat[0], axis=-1)
    return found


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
            Domain("rows", _rows_of_table, _rows_of_table, None),
            Domain("classes", _classes, _classes, None),
            Domain("zeros and ones", _among(0.0, 1.0, 0.5), _among(0.0, 1.0), (1.0, 0.0)),
        )
    }
)
