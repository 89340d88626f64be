"""The table of compositions, operations that are made of others; one row each."""

from verifier.engine.operations.compositions import (
    algebra,
    elementwise,
    losses,
    movements,
    networks,
    normalisation,
    statistics,
    windows,
)
from verifier.problem.graph import GraphOperation

COMPOSITIONS: tuple[GraphOperation, ...] = (
    *elementwise.ROWS,
    *movements.ROWS,
    *statistics.ROWS,
    *algebra.ROWS,
    *windows.ROWS,
    *normalisation.ROWS,
    *networks.ROWS,
    *losses.ROWS,
)
