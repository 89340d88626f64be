"""Where a graph begins: inputs, parameters and constants."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.operation import Operation


class Leaf(Operation):
    """Hold a value that is given, not computed: `evaluate(value)` gives it, and keeps a copy."""

    arity: ClassVar[int] = 0

    def forward(self, given: npt.ArrayLike) -> Array:
        return np.array(as_array(given))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return ()

    def push_forward(self) -> Array:
        return np.zeros_like(self.value)


class Input(Leaf):
    """Await a value, which every run of a StaticGraph must feed anew."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)


class Parameter(Leaf):
    """Hold a value that learning changes: it stays until `assign` or a feed replaces it."""

    def __init__(self, value: npt.ArrayLike, name: str | None = None) -> None:
        super().__init__(name=name)
        self.evaluate(as_array(value))

    def assign(self, value: npt.ArrayLike) -> None:
        """Replace the value, and forget the gradient found at the old one."""
        self.evaluate(as_array(value))


class Constant(Leaf):
    """Hold a value that never changes."""

    def __init__(self, value: npt.ArrayLike, name: str | None = None) -> None:
        super().__init__(name=name)
        self.evaluate(as_array(value))
