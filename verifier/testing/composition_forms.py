"""Forms in which each composition is drawn: its options and the domains of its operands."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from verifier.problem.graph import Shape
from verifier.testing.operand_domains import (
    ANY,
    APART_FROM_ZERO,
    POSITIVE,
    PROBABILITY,
    SMALL,
    SPREAD,
    OperandDomain,
    OperationForm,
    Options,
    fixed_options,
    has_an_axis,
    is_matrix,
    no_options,
    unary,
    whole,
)

Forms = tuple[OperationForm, ...]


def _with_axes(
    count: int, domains: Sequence[OperandDomain] = (ANY,), *options: Callable[[Shape], Options]
) -> Forms:
    """Return forms whose first operand has at least so many axes."""
    return tuple(
        OperationForm(domains, form_options, first=lambda shape: len(shape) >= count)
        for form_options in options or (no_options,)
    )


def _pair(first: OperandDomain = ANY, second: OperandDomain = ANY, **options: Any) -> Forms:
    return (OperationForm((first, second), fixed_options(**options)),)


def _is_signal(shape: Shape) -> bool:
    return len(shape) == 3


def _has_pairs(shape: Shape) -> bool:
    return len(shape) > 0 and shape[-1] % 2 == 0


def _has_rows(shape: Shape) -> bool:
    return len(shape) > 0 and shape[-1] > 1


def _has_examples(shape: Shape) -> bool:
    return len(shape) > 1 and shape[0] > 1


def _reductions(domain: OperandDomain, **options: Any) -> Forms:
    def with_axis(axis: int, keepdims: bool) -> Callable[[Shape], Options]:
        return lambda shape: {"axis": axis, "keepdims": keepdims, **options}

    return tuple(
        OperationForm((domain,), with_axis(-1, keepdims), first=_has_rows) for keepdims in (False, True)
    )


def _classes(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape[:1], whole(shape[1]))]


def _places(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [((*shape[:-1], count), whole(shape[-1])) for count in (1, 2)]


def _statistics(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [((2, shape[1]), POSITIVE)]


def _of_cell(gates: int, states: int, biases: bool) -> Callable[[Shape], Sequence[Shape]]:
    """Return the shapes of the operands behind x of a recurrent cell with one hidden unit."""

    def shapes(x: Shape) -> Sequence[Shape]:
        rows = [(gates,)] * 2 if biases else []
        return [*[(x[0], 1)] * states, (gates, x[1]), (gates, 1), *rows]

    return shapes


def _cell(gates: int, states: int) -> Forms:
    return tuple(
        OperationForm(
            (ANY,) * (1 + states + (4 if biases else 2)),
            first=is_matrix,
            shapes=_of_cell(gates, states, biases),
        )
        for biases in (False, True)
    )


def _of_classes(**options: Any) -> Forms:
    return (
        OperationForm((ANY,), first=is_matrix, data=_classes),
        OperationForm((ANY,), fixed_options(**options), first=is_matrix, data=_classes),
    )


COMPOSITION_FORMS: Mapping[str, Forms] = MappingProxyType(
    {
        "reciprocal": unary(APART_FROM_ZERO),
        "rsqrt": unary(POSITIVE),
        "square": unary(SMALL),
        "log2": unary(POSITIVE),
        "log10": unary(POSITIVE),
        "exp2": unary(SMALL),
        "sinh": unary(SMALL),
        "cosh": unary(SMALL),
        "tan": unary(PROBABILITY),
        "tensor_power": _pair(POSITIVE, SMALL),
        "maximum": _pair(),
        "minimum": _pair(),
        "lerp": (OperationForm((ANY, ANY, ANY)),),
        **{
            name: unary(ANY)
            for name in ("relu6", "hardtanh", "hardsigmoid", "hardswish", "selu", "gelu_tanh", "mish")
        },
        "celu": unary(ANY, no_options, fixed_options(alpha=0.5)),
        "softsign": unary(APART_FROM_ZERO),
        "tanhshrink": unary(ANY),
        "softshrink": unary(ANY, no_options, fixed_options(threshold=0.3)),
        "log_sigmoid": unary(ANY),
        "prelu": _pair(),
        "glu": (OperationForm((ANY,), first=_has_pairs),),
        "flip": unary(ANY, no_options, lambda shape: {"axis": -1} if shape else {}),
        "roll": unary(
            ANY, fixed_options(shift=1), lambda shape: {"shift": 1, "axis": -1} if shape else {"shift": 1}
        ),
        "repeat": _with_axes(0, (ANY,), fixed_options(times=[2]), fixed_options(times=[2, 1])),
        "broadcast_to": unary(ANY, lambda shape: {"shape": [2, *shape]}),
        "pad": _with_axes(
            1, (ANY,), fixed_options(widths=[[1, 0]]), fixed_options(widths=[[0, 1]], value=0.5)
        ),
        "tril": _with_axes(2, (ANY,), no_options, fixed_options(diagonal=1)),
        "triu": _with_axes(2, (ANY,), no_options, fixed_options(diagonal=1)),
        "diagonal": _with_axes(2),
        "stack": _pair(axis=-1),
        "squeeze": unary(ANY),
        "take_along": (OperationForm((ANY,), first=has_an_axis, data=_places),),
        "min": _reductions(ANY),
        "prod": _reductions(SMALL),
        "var": _reductions(ANY),
        "std": _reductions(SPREAD, correction=1),
        "norm": (*_reductions(APART_FROM_ZERO), *_reductions(APART_FROM_ZERO, order=1)),
        "logsumexp": _reductions(ANY),
        "cumsum": _with_axes(1, (ANY,), fixed_options(axis=-1), fixed_options(axis=0)),
        "outer": (OperationForm((ANY, ANY), first=lambda shape: len(shape) == 1),),
        "einsum": (
            OperationForm((ANY, ANY), fixed_options(subscripts="ij,jk->ik"), first=is_matrix),
            OperationForm((ANY, ANY), fixed_options(subscripts="ij,ij->j"), first=is_matrix),
            OperationForm((ANY,), fixed_options(subscripts="ij->ji"), first=is_matrix),
        ),
        "distances": (OperationForm((ANY, ANY), fixed_options(order=1), first=is_matrix),),
        "cosine_similarity": (
            OperationForm((APART_FROM_ZERO, APART_FROM_ZERO), fixed_options(axis=-1), first=has_an_axis),
        ),
        "convolution": (
            OperationForm((ANY, ANY), first=_is_signal),
            OperationForm((ANY, ANY), fixed_options(padding=1, stride=2), first=_is_signal),
        ),
        "transposed_convolution": (OperationForm((ANY, ANY), fixed_options(padding=1), first=_is_signal),),
        "max_pool": (
            OperationForm((ANY,), fixed_options(kernel=[2]), first=_has_rows),
            OperationForm((ANY,), fixed_options(kernel=[2], stride=1, padding=1), first=_has_rows),
        ),
        "average_pool": (
            OperationForm((ANY,), fixed_options(kernel=[2]), first=_has_rows),
            OperationForm(
                (ANY,), fixed_options(kernel=[2], stride=1, padding=1, count_padding=False), first=_has_rows
            ),
        ),
        "layer_norm": (
            OperationForm((ANY,), fixed_options(epsilon=0.1), first=_has_rows),
            OperationForm((ANY, ANY, ANY), fixed_options(epsilon=0.1), first=_has_rows),
        ),
        "rms_norm": (OperationForm((ANY, ANY), fixed_options(epsilon=0.1), first=_has_rows),),
        "batch_norm": (OperationForm((ANY,), fixed_options(epsilon=0.1), first=_has_examples),),
        "group_norm": (
            OperationForm((ANY,), fixed_options(groups=1, epsilon=0.1), first=lambda shape: len(shape) > 1),
        ),
        "normalised_by": (
            OperationForm((ANY,), first=lambda shape: len(shape) > 1, data=_statistics, place=1),
        ),
        "attention": (
            OperationForm((ANY, ANY, ANY), first=is_matrix),
            OperationForm((ANY, ANY, ANY), fixed_options(causal=True, scale=0.5), first=is_matrix),
        ),
        "lstm_cell": _cell(4, 2),
        "gru_cell": _cell(3, 1),
        "l1": _pair(),
        "huber": _pair(delta=0.5, reduction="sum"),
        "smooth_l1": _pair(beta=0.5),
        "negative_log_likelihood": _of_classes(smoothing=0.1, reduction="none"),
        "weighted_cross_entropy": _of_classes(ignore=0, reduction="sum"),
        "multiclass_hinge": _of_classes(margin=0.5, power=2),
        "kl_divergence": _pair(ANY, POSITIVE),
    }
)
