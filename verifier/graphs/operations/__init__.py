"""The table of operations, one row each. To add one, write its row in a file here and add it below."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.graphs.operation import GraphOperation
from verifier.graphs.operations.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT
from verifier.graphs.operations.functions import function_rows
from verifier.graphs.operations.losses import loss_rows
from verifier.graphs.operations.products import MATMUL
from verifier.graphs.operations.reductions import MAX, MEAN, SUM
from verifier.graphs.operations.rows import EMBEDDING, LOG_SOFTMAX
from verifier.graphs.operations.shaping import CONCATENATE, RESHAPE, SLICE, TRANSPOSE

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
            *function_rows(),
            LOG_SOFTMAX,
            EMBEDDING,
            *loss_rows(),
        )
    }
)
