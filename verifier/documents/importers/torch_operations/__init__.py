"""The table of PyTorch's backward nodes: each is written in operations of graphs."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.documents.importers.torch_operations import arithmetic, layers, shaping
from verifier.documents.importers.torch_operations.calls import Row

BACKWARD_NODES: Mapping[str, Row] = MappingProxyType({**arithmetic.ROWS, **shaping.ROWS, **layers.ROWS})
"""By the name of the backward node."""
