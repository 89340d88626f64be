"""Backward nodes of arithmetic, elementwise functions and products of PyTorch."""

from collections.abc import Mapping
from typing import Any

from verifier.documents.importers.common import Unsupported
from verifier.documents.importers.torch_operations.calls import (
    Argument,
    Built,
    Call,
    Operand,
    Row,
    Saved,
    X,
    Y,
    call,
    plain,
)


def _times(argument: Argument, factor: Any) -> Argument:
    return argument if factor == 1 else call("multiply", argument, float(factor))


def _alpha(saved: Saved) -> Any:
    """Return the factor of the second summand; the form for a number does not keep it if it is 1."""
    alpha = saved.get("alpha")
    return 1 if alpha is None else alpha


def _sum(saved: Saved) -> Built:
    return call("add", X, _times(Y, _alpha(saved)))


def _difference(saved: Saved) -> Built:
    return call("subtract", X, _times(Y, _alpha(saved)))


def _reversed_difference(saved: Saved) -> Built:
    return call("subtract", Y, _times(X, _alpha(saved)))


def _quotient(saved: Saved) -> Built:
    if saved.get("rounding_mode") is not None:
        raise Unsupported("a division that rounds", "divide without rounding_mode")
    return call("divide", X, Y)


def _tensor_power(saved: Saved) -> Built:
    return call("tensor_power", X, Operand(1, "exponent"))


def _clip(low: str, high: str) -> Row:
    def row(saved: Saved) -> Built:
        bounds = [saved.get(name) if name else None for name in (low, high)]
        least, most = (None if bound is None else float(bound) for bound in bounds)
        if least is None and most is None:
            return call("identity", X)
        return call("clip", X, min=least, max=most)

    return row


def _clip_by_tensors(saved: Saved) -> Built:
    value: Call | Operand = X
    edges = saved.node.next_functions
    for place, (name, op) in enumerate((("min", "maximum"), ("max", "minimum")), start=1):
        if saved.get(name) is not None or edges[place][0] is not None:
            value = call(op, value, Operand(place, name))
    return value if isinstance(value, Call) else call("identity", value)


def _lerp(saved: Saved) -> Built:
    start, end = Operand(0), Operand(1, "end")
    return call("add", start, call("multiply", call("subtract", end, start), float(saved["weight"])))


def _fused(op: str) -> Row:
    """Return the row of x + value · (y · z) or (y / z)."""

    def row(saved: Saved) -> Built:
        product = call(op, Operand(1, "tensor1"), Operand(2, "tensor2"))
        return call("add", Operand(0), _times(product, saved["value"]))

    return row


def _affine_product(first: str, second: str) -> Row:
    """Return the row of beta · x + alpha · (y z), as addmm has it."""

    def row(saved: Saved) -> Built:
        product = call("matmul", Operand(1, first), Operand(2, second))
        return call("add", _times(product, saved["alpha"]), _times(Operand(0), saved["beta"]))

    return row


def _where(saved: Saved) -> Built:
    return call("where", saved.array("condition").astype(float), X, Y)


def _masked_fill(saved: Saved) -> Built:
    mask = saved.array("mask")
    return call("where", mask.astype(float), Operand(1), X) if mask.any() else call("identity", X)


def _elu(saved: Saved) -> Built:
    alpha, scale, slope = (float(saved[name]) for name in ("alpha", "scale", "input_scale"))
    value = call("elu", X if slope == 1 else call("multiply", X, slope), alpha=alpha)
    return value if scale == 1 and slope == 1 else _elu_in_parts(alpha, scale, slope)


def _elu_in_parts(alpha: float, scale: float, slope: float) -> Call:
    """Return scale · x for x > 0 and scale · alpha · (e^(slope x) − 1) below, as selu and celu are."""
    if slope == 1:
        return call("multiply", call("elu", X, alpha=alpha), scale)
    negative = call("negate", call("relu", call("negate", X)))
    below = call("multiply", call("expm1", call("multiply", negative, slope)), alpha)
    return call("multiply", call("add", call("relu", X), below), scale)


def _softplus(saved: Saved) -> Built:
    beta = float(saved["beta"])
    if saved["threshold"] < 20:
        raise Unsupported("softplus with a threshold below 20", "leave the threshold out")
    return (
        call("softplus", X)
        if beta == 1
        else call("divide", call("softplus", call("multiply", X, beta)), beta)
    )


def _prelu(saved: Saved) -> Built:
    slope = Operand(1, "weight")
    negative = call("relu", call("negate", X))
    return call("subtract", call("relu", X), call("multiply", slope, negative))


def _gelu(saved: Saved) -> Built:
    return call("gelu" if saved["approximate"] == "none" else "gelu_tanh", X)


def _threshold(saved: Saved) -> Built:
    if saved["threshold"] != 0:
        raise Unsupported("threshold at another number than 0", "write it with torch.where")
    return call("relu", X)


def _along(op: str) -> Row:
    def row(saved: Saved) -> Built:
        axis = saved.axis("dim")
        is_last = axis in (-1, len(saved.shape) - 1)
        return call(op, X, axis=None if is_last else axis)

    return row


def _hypotenuse(saved: Saved) -> Built:
    return call("sqrt", call("add", call("square", X), call("square", Y)))


def _logaddexp(saved: Saved) -> Built:
    exponents = [call("broadcast_to", part, shape=list(saved.shape)) for part in (X, Y)]
    return call("logsumexp", call("stack", *exponents), axis=0)


ROWS: Mapping[str, Row] = {
    "AddBackward0": _sum,
    "AddBackward1": _sum,
    "SubBackward0": _difference,
    "SubBackward1": _difference,
    "RsubBackward0": _reversed_difference,
    "RsubBackward1": _reversed_difference,
    **dict.fromkeys(("MulBackward0", "MulBackward1"), plain("multiply", "self", "other")),
    **dict.fromkeys(("DivBackward0", "DivBackward1", "DivBackward2"), _quotient),
    "NegBackward0": plain("negate"),
    "PowBackward0": lambda saved: call("power", X, exponent=float(saved["exponent"])),
    "PowBackward1": _tensor_power,
    "PowBackward2": lambda saved: call("tensor_power", Operand(1, "self"), Operand(0, "exponent")),
    "ReciprocalBackward0": plain("power", exponent=-1),
    "RsqrtBackward0": plain("power", exponent=-0.5),
    "ExpBackward0": plain("exp"),
    "Exp2Backward0": plain("exp2"),
    "Expm1Backward0": plain("expm1"),
    "LogBackward0": plain("log"),
    "Log1PBackward0": plain("log1p"),
    "Log2Backward0": plain("log2"),
    "Log10Backward0": plain("log10"),
    "SqrtBackward0": plain("sqrt"),
    "AbsBackward0": plain("absolute"),
    "SignBackward0": plain("sign"),
    "SgnBackward0": plain("sign"),
    "SinBackward0": plain("sin"),
    "CosBackward0": plain("cos"),
    "TanBackward0": plain("tan"),
    "SinhBackward0": plain("sinh"),
    "CoshBackward0": plain("cosh"),
    "AtanBackward0": plain("arctan"),
    "ErfBackward0": plain("erf"),
    "ErfcBackward0": lambda saved: call("subtract", 1.0, call("erf", X)),
    "HypotBackward0": _hypotenuse,
    "LogaddexpBackward0": _logaddexp,
    "ClampBackward0": _clip_by_tensors,
    "ClampBackward1": _clip("min", "max"),
    "ClampMinBackward0": _clip("min", ""),
    "ClampMaxBackward0": _clip("", "max"),
    "HardtanhBackward0": _clip("min_val", "max_val"),
    "MaximumBackward0": plain("maximum", "self", "other"),
    "MinimumBackward0": plain("minimum", "self", "other"),
    "LerpBackward0": _lerp,
    "LerpBackward1": lambda saved: call("lerp", Operand(0, "self"), Operand(1, "end"), Operand(2, "weight")),
    "AddcmulBackward0": _fused("multiply"),
    "AddcdivBackward0": _fused("divide"),
    "WhereBackward0": _where,
    "MaskedFillBackward0": _masked_fill,
    "MaskedFillBackward1": _masked_fill,
    "SigmoidBackward0": plain("sigmoid"),
    "TanhBackward0": plain("tanh"),
    "ReluBackward0": plain("relu"),
    "ThresholdBackward0": _threshold,
    "SiluBackward0": plain("silu"),
    "MishBackward0": plain("mish"),
    "GeluBackward0": _gelu,
    "SoftplusBackward0": _softplus,
    "EluBackward0": _elu,
    "CeluBackward0": lambda saved: call("celu", X, alpha=float(saved["alpha"])),
    "LeakyReluBackward0": lambda saved: call("leaky_relu", X, slope=float(saved["negative_slope"])),
    "HardswishBackward0": plain("hardswish"),
    "HardsigmoidBackward0": plain("hardsigmoid"),
    "SoftshrinkBackward0": lambda saved: call("softshrink", X, threshold=float(saved["lambd"])),
    "LogSigmoidBackward0": plain("log_sigmoid"),
    "PreluKernelBackward0": _prelu,
    "GluBackward0": lambda saved: call("glu", X, axis=saved.axis("dim")),
    "SoftmaxBackward0": _along("softmax"),
    "SafeSoftmaxBackward0": _along("softmax"),
    "LogSoftmaxBackward0": _along("log_softmax"),
    "MmBackward0": plain("matmul", "self", "mat2"),
    "BmmBackward0": plain("matmul", "self", "mat2"),
    "MvBackward0": plain("matmul", "self", "vec"),
    "DotBackward0": plain("matmul", "self", "tensor"),
    "AddmmBackward0": _affine_product("mat1", "mat2"),
    "AddmvBackward0": _affine_product("mat", "vec"),
    "BaddbmmBackward0": _affine_product("batch1", "batch2"),
}
