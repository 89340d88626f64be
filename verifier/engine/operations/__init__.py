"""The table of operations, one row each. To add one, write its row in a file here and add it below."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.engine.operations.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT
from verifier.engine.operations.compositions import COMPOSITIONS
from verifier.engine.operations.functions import FUNCTIONS
from verifier.engine.operations.losses import loss_rows
from verifier.engine.operations.products import MATMUL
from verifier.engine.operations.reductions import MAX, MEAN, SUM
from verifier.engine.operations.rows import EMBEDDING, LOG_SOFTMAX
from verifier.engine.operations.selection import TAKE, WHERE
from verifier.engine.operations.shaping import CONCATENATE, RESHAPE, SLICE, TRANSPOSE
from verifier.problem.graph import GraphOperation

OPERATIONS: Mapping[str, GraphOperation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            ADD,
            SUBTRACT,
            MULTIPLY,
            DIVIDE,
            NEGATE,
            MATMUL,
            TRANSPOSE,
            RESHAPE,
            CONCATENATE,
            SLICE,
            SUM,
            MEAN,
            MAX,
            *FUNCTIONS.values(),
            LOG_SOFTMAX,
            EMBEDDING,
            TAKE,
            WHERE,
            *loss_rows(),
            *COMPOSITIONS,
        )
    }
)
