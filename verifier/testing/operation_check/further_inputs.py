"""Shapes and domains of the arguments of further operations: selections, and compositions."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from verifier.problem.graph import Shape

Shapes = tuple[Shape, ...]
"""One shape for each argument."""

_ONE: Sequence[Shapes] = [((2, 3),), ((3,),), ((),), ((1, 1),), ((3, 1),), ((2, 1, 3),), ((0, 3),)]
_AXIS: Sequence[Shapes] = [((2, 3),), ((3,),), ((2, 4),), ((3, 2),), ((2, 1, 3),)]
_EVEN: Sequence[Shapes] = [((2, 4),), ((2,),), ((1, 2),), ((2, 2, 2),)]
_MATRICES: Sequence[Shapes] = [((2, 3),), ((3, 3),), ((1, 1),), ((3, 1),), ((2, 2, 3),)]
_PAIRS: Sequence[Shapes] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), ()),
    ((2, 1), (1, 3)),
    ((), ()),
]
_SAME: Sequence[Shapes] = [((2, 3), (2, 3)), ((3,), (3,)), ((1, 1), (1, 1)), ((2, 2, 2), (2, 2, 2))]
_CLASSES: Sequence[Shapes] = [((3, 4), (3,)), ((1, 2), (1,)), ((4, 3), (4,))]
_SIGNALS: Sequence[Shapes] = [((2, 2, 4), (2, 2, 2)), ((1, 2, 3), (2, 2, 1)), ((2, 2, 5), (2, 2, 3))]
_POOLED: Sequence[Shapes] = [((2, 4),), ((5,),), ((2, 2, 4),), ((1, 2),)]
_NORMALISED: Sequence[Shapes] = [((3, 4),), ((2, 3),), ((2, 2, 3),)]
_BATCHES: Sequence[Shapes] = [((4, 3),), ((3, 2),), ((2, 2, 3),)]

_ELEMENTWISE = (
    *("expm1", "sin", "cos", "arctan", "erf", "clip", "square", "exp2", "sinh", "cosh", "relu6"),
    *("hardtanh", "hardsigmoid", "hardswish", "selu", "celu", "gelu_tanh", "mish", "tanhshrink"),
    *("softshrink", "log_sigmoid", "flip", "squeeze"),
)
_OF_CLASSES = ("negative_log_likelihood", "weighted_cross_entropy", "multiclass_hinge")

Row = tuple[Sequence[Shapes], tuple[str, ...]]
_ANY = ("any",)

FURTHER_INPUTS: Mapping[str, Row] = MappingProxyType(
    {
        **dict.fromkeys(_ELEMENTWISE, (_ONE, _ANY)),
        **dict.fromkeys(("sign", "softsign"), (_ONE, ("nonzero",))),
        **dict.fromkeys(("log1p", "rsqrt", "log2", "log10"), (_ONE, ("positive",))),
        "reciprocal": (_ONE, ("nonzero",)),
        "tan": (_ONE, ("probabilities",)),
        "take": ([((5,), (4,)), ((6,), (2, 2)), ((4,), ()), ((5, 2), (3,))], ("any", "rows")),
        "where": (
            [((2, 3), (2, 3), (2, 3)), ((3,), (2, 3), (2, 1)), ((), (3,), (3,))],
            ("labels", "any", "any"),
        ),
        "tensor_power": (_PAIRS, ("positive", "any")),
        **dict.fromkeys(("maximum", "minimum"), (_PAIRS, _ANY)),
        "prelu": (_PAIRS, ("nonzero", "any")),
        "lerp": ([(shape, shape, shape) for shape in ((2, 3), (3,), ())], _ANY),
        "glu": (_EVEN, _ANY),
        "roll": (_AXIS, _ANY),
        "repeat": (_AXIS, _ANY),
        "broadcast_to": ([((2, 3),), ((3,),), ((2, 1),), ((1, 3),), ((),)], _ANY),
        "pad": (_AXIS, _ANY),
        **dict.fromkeys(("tril", "triu", "diagonal"), (_MATRICES, _ANY)),
        "stack": ([*_SAME, ((2, 3), (2, 3), (2, 3)), ((3,),)], _ANY),
        "take_along": ([((2, 3), (2, 1)), ((3,), (2,)), ((2, 2), (2, 3))], ("any", "classes")),
        **dict.fromkeys(("min", "prod", "logsumexp", "cumsum", "var", "std"), (_AXIS, _ANY)),
        "norm": (_AXIS, ("nonzero",)),
        "outer": ([((3,), (2,)), ((1,), (1,)), ((2,), (3,))], _ANY),
        "einsum": ([((2, 3), (3, 4)), ((1, 2), (2, 1)), ((3, 3), (3, 3))], _ANY),
        "distances": ([((2, 3), (4, 3)), ((1, 2), (2, 2))], _ANY),
        "cosine_similarity": ([((2, 3), (2, 3)), ((1, 2), (1, 2))], ("nonzero",)),
        "convolution": (_SIGNALS, _ANY),
        "transposed_convolution": (_SIGNALS, _ANY),
        "max_pool": (_POOLED, _ANY),
        "average_pool": (_POOLED, _ANY),
        "layer_norm": ([*_NORMALISED, ((3, 4), (4,), (4,)), ((2, 3), (3,), (3,))], _ANY),
        "rms_norm": ([*_NORMALISED, ((3, 4), (4,))], _ANY),
        "batch_norm": ([*_BATCHES, ((4, 3), (3,), (3,))], _ANY),
        "group_norm": ([((3, 4),), ((2, 4, 3),), ((2, 4), (4,), (4,))], _ANY),
        "normalised_by": ([((4, 3), (2, 3)), ((2, 3, 2), (2, 3))], ("any", "positive", "any")),
        "attention": ([((2, 3), (4, 3), (4, 2)), ((2, 2, 3), (2, 3, 3), (2, 3, 2))], _ANY),
        "lstm_cell": ([((2, 3), (2, 2), (2, 2), (8, 3), (8, 2), (8,), (8,))], _ANY),
        "gru_cell": ([((2, 3), (2, 2), (6, 3), (6, 2), (6,), (6,))], _ANY),
        **dict.fromkeys(("l1", "huber", "smooth_l1"), (_SAME, _ANY)),
        "kl_divergence": (_SAME, ("any", "positive")),
        **dict.fromkeys(_OF_CLASSES, (_CLASSES, ("any", "classes"))),
    }
)
"""By operation, the shapes of all arguments for several inputs, and the domains of the arguments."""
