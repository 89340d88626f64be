"""The computation graph: nodes are operations, arcs are dependencies, gradients of several paths add up."""

from reference_impl.graph.arithmetic import Add, Divide, Multiply, Negate, Power, Subtract
from reference_impl.graph.arrays import Array
from reference_impl.graph.dynamic_graph import DynamicGraph
from reference_impl.graph.elementwise import Elementwise
from reference_impl.graph.errors import (
    BrokenBackwardError,
    CycleError,
    DuplicateNameError,
    FeedError,
    GraphError,
    NotRunError,
    NotScalarError,
    OperandError,
    UnknownNodeError,
    WiringError,
)
from reference_impl.graph.forward_mode import directional_derivative, tangents_of
from reference_impl.graph.functions import Absolute, Exp, Log, Log1p, Sqrt, WeightedLog, WeightedLog1p
from reference_impl.graph.leaves import Constant, Input, Leaf, Parameter
from reference_impl.graph.losses import (
    binary_cross_entropy_on_logits,
    binary_cross_entropy_on_probabilities,
    cross_entropy_on_logits,
    cross_entropy_on_probabilities,
    squared_error,
)
from reference_impl.graph.matrix import MatMul, Transpose
from reference_impl.graph.operation import Operation
from reference_impl.graph.order import topological_order
from reference_impl.graph.rectifiers import Elu, Gelu, LeakyRelu, Relu, Silu, Softplus
from reference_impl.graph.reductions import Max, Mean, Sum
from reference_impl.graph.shaping import Concatenate, Embedding, Reshape, Slice
from reference_impl.graph.squashing import LogSoftmax, Sigmoid, Softmax, Tanh
from reference_impl.graph.static_graph import StaticGraph

__all__ = [
    "Absolute",
    "Add",
    "Array",
    "BrokenBackwardError",
    "Concatenate",
    "Constant",
    "CycleError",
    "Divide",
    "DuplicateNameError",
    "DynamicGraph",
    "Elementwise",
    "Elu",
    "Embedding",
    "Exp",
    "FeedError",
    "Gelu",
    "GraphError",
    "Input",
    "Leaf",
    "LeakyRelu",
    "Log",
    "Log1p",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Mean",
    "Multiply",
    "Negate",
    "NotRunError",
    "NotScalarError",
    "OperandError",
    "Operation",
    "Parameter",
    "Power",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Silu",
    "Slice",
    "Softmax",
    "Softplus",
    "Sqrt",
    "StaticGraph",
    "Subtract",
    "Sum",
    "Tanh",
    "Transpose",
    "UnknownNodeError",
    "WeightedLog",
    "WeightedLog1p",
    "WiringError",
    "binary_cross_entropy_on_logits",
    "binary_cross_entropy_on_probabilities",
    "cross_entropy_on_logits",
    "cross_entropy_on_probabilities",
    "directional_derivative",
    "squared_error",
    "tangents_of",
    "topological_order",
]
