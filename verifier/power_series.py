"""The field of power series of balls (FLINT's arb): values and derivatives to any number of digits."""

from threading import Lock
from typing import Any

import numpy as np

from reference_impl.array import Array

PRECISION_IS_GLOBAL = Lock()  # FLINT's working precision is global to the process


class PowerSeries:
    """Arrays of power series a + ε, whose second coefficient is the derivative."""

    def __init__(self, flint: Any) -> None:
        self._flint = flint
        self.exp = np.frompyfunc(lambda x: x.exp(), 1, 1)
        self.log = np.frompyfunc(lambda x: x.log(), 1, 1)
        self.erfc = np.frompyfunc(lambda x: x.erfc(), 1, 1)
        self.expm1 = np.frompyfunc(lambda x: x.exp() - 1, 1, 1)
        self.log1p = np.frompyfunc(lambda x: (1 + x).log(), 1, 1)
        self.tanh = np.frompyfunc(self._tanh, 1, 1)

    def where_positive(self, x: Array, then: Array, otherwise: Array) -> Array:
        """Select by the sign of the constant term; a ball around 0 returns the union of both branches."""
        return np.asarray(np.frompyfunc(self._choose, 3, 1)(x, then, otherwise))

    def _choose(self, x: Any, then: Any, otherwise: Any) -> Any:
        if x[0] > 0:
            return then
        if x[0] < 0 or x[0].is_zero():
            return otherwise
        return self._flint.arb_series([then[i].union(otherwise[i]) for i in (0, 1)], prec=2)

    def row_maximum(self, x: Array) -> Array:
        middles = np.frompyfunc(lambda s: float(s[0].mid()), 1, 1)(x).astype(float)
        return np.asarray(np.frompyfunc(self._flint.arb, 1, 1)(middles.max(axis=-1, keepdims=True)))

    def _tanh(self, x: Any) -> Any:
        # both forms are correct for either sign; this choice keeps the exponential small
        negative = x[0].mid() < 0
        decay = (2 * x if negative else -2 * x).exp()
        size = (1 - decay) / (1 + decay)
        return -size if negative else size
