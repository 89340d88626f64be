"""Operations with a planted mistake each, as students make them."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class AddWithoutSums:
    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        return output_grad, output_grad


class AddOfMeans:
    """Takes the mean of the copies where it should sum them."""

    def forward(self, a: Array, b: Array) -> Array:
        self.shapes = a.shape, b.shape
        return a + b

    def backward(self, output_grad: Array) -> list[Array]:
        gradients = []
        for shape in self.shapes:
            gradient = output_grad
            while gradient.ndim > len(shape):
                gradient = gradient.mean(axis=0)
            for axis, size in enumerate(shape):
                if size == 1:
                    gradient = gradient.mean(axis=axis, keepdims=True)
            gradients.append(gradient)
        return gradients


class MatmulExchanged:
    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return a @ b

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        return output_grad @ self.b, self.a.T @ output_grad


class TanhWithoutDerivative:
    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, output_grad: Array) -> Array:
        return output_grad


class TanhOfValue:
    """Takes 1 − tanh² at tanh x."""

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, output_grad: Array) -> Array:
        return output_grad * (1 - np.tanh(self.y) ** 2)


class SineTimesThree:
    def forward(self, x: Array) -> Array:
        self.x = x
        return np.sin(x)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * 3.0 * np.cos(self.x)


class SoftmaxDiagonal:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p

    def backward(self, output_grad):
        return output_grad * self.p * (1 - self.p)


class UpsampleOfOneCopy:
    def forward(self, x):
        return x.repeat(2, axis=-1)

    def backward(self, output_grad):
        return output_grad[..., ::2]


class UpsampleOfMean(UpsampleOfOneCopy):
    def backward(self, output_grad):
        return (output_grad[..., ::2] + output_grad[..., 1::2]) / 2


class TanhThatSendsNothing:
    def forward(self, x):
        return np.tanh(x)

    def backward(self, output_grad):
        return 0 * output_grad


class SumOfColumns:
    def forward(self, x):
        self.shape = x.shape
        return x.sum(axis=1)

    def backward(self, output_grad):
        return np.ones(self.shape) * output_grad


class LogSoftmaxWithoutExp:
    """With one class o is 0 and the gradient is the upstream one, which another rule gives as well."""

    def forward(self, z):
        top = z.max(-1, keepdims=True)
        self.o = z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))
        return self.o

    def backward(self, output_grad):
        return output_grad - (output_grad * self.o).sum(-1, keepdims=True)


UPSAMPLE = {"like": lambda x: x.repeat(2, axis=-1), "shapes": [((2, 3),)]}


class ReluWithoutUpstream:
    """As edugrad had it before its first release."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.maximum(0, x)

    def backward(self, output_grad: Array) -> Array:
        return (self.x > 0).astype(float)


class SubtractWithWrongSign:
    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        return output_grad, output_grad


class MeanWithoutCount:
    def forward(self, x: Array) -> Array:
        self.x = x
        return x.mean()

    def backward(self, output_grad: Array) -> Array:
        return output_grad * np.ones_like(self.x)


class SumAsNumber:
    def forward(self, x: Array) -> Array:
        return x.sum()

    def backward(self, output_grad: Array) -> Array:
        return output_grad


class SigmoidOffByALittle:
    def forward(self, x: Array) -> Array:
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.y * (1 - self.y) * 1.001


class ExpOfWrongValue:
    def forward(self, x: Array) -> Array:
        self.y = np.exp(x) + 0.5
        return self.y

    def backward(self, output_grad: Array) -> Array:
        return output_grad * np.exp(np.log(self.y - 0.5))


class SumOfRows:
    """Keeps an axis that it should not."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.sum(axis=-1, keepdims=True) if x.ndim else x

    def backward(self, output_grad: Array) -> Array:
        return output_grad * np.ones(self.shape)


class EmbeddingOfUniqueRows:
    """`found[places] += …` adds a row that is looked up twice only once."""

    def forward(self, table: Array, places: Array) -> Array:
        self.table, self.places = table, places
        return table[places]

    def backward(self, output_grad: Array) -> tuple[Array, None]:
        gradient = np.zeros_like(self.table)
        gradient[self.places] += output_grad
        return gradient, None


class AbsoluteByQuotient:
    """x / |x| is NaN at 0."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.abs(x)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.x / np.abs(self.x)


class MultiplyOfOne:
    def forward(self, a: Array, b: Array) -> Array:
        self.b = b
        return a * b

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.b


class MultiplyWithNone:
    def forward(self, a: Array, b: Array) -> Array:
        self.b = b
        return a * b

    def backward(self, output_grad: Array) -> tuple[Array, None]:
        return output_grad * self.b, None


class NoReturn:
    def forward(self, x: Array) -> None:
        self.y = np.exp(x)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.y


class ReturnsText:
    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def backward(self, output_grad: Array) -> str:
        return "the gradient"


class OperandMissing:
    def forward(self, x: Array) -> Array:
        return x**2

    def backward(self, output_grad: Array) -> Array:
        return 2 * self.x * output_grad  # type: ignore[attr-defined]


class RaisesForward:
    def forward(self, x: Array) -> Array:
        return np.exp(undefined)  # type: ignore[name-defined] # noqa: F821

    def backward(self, output_grad: Array) -> Array:
        return output_grad


class ReluInPlace:
    def forward(self, x: Array) -> Array:
        x[x < 0] = 0
        self.x = x
        return x

    def backward(self, output_grad: Array) -> Array:
        return output_grad * (self.x > 0)


class NegateInPlace:
    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, output_grad: Array) -> Array:
        output_grad *= -1
        return output_grad


class SquareThatRemembers:
    """Keeps every operand, and goes back by the first."""

    seen: list[Array]

    def __init__(self) -> None:
        self.seen = []

    def forward(self, x: Array) -> Array:
        self.seen.append(x)
        return x**2

    def backward(self, output_grad: Array) -> Array:
        return 2 * self.seen[0] * output_grad


class SquareThatShares:
    """Keeps its operand in the class, for all its nodes."""

    x: Array

    def forward(self, x: Array) -> Array:
        SquareThatShares.x = x
        return x**2

    def backward(self, output_grad: Array) -> Array:
        return 2 * SquareThatShares.x * output_grad


class SquareThatAccumulates:
    def forward(self, x: Array) -> Array:
        self.x = x
        self.gradient = np.zeros_like(x)
        return x**2

    def backward(self, output_grad: Array) -> Array:
        self.gradient = self.gradient + 2 * self.x * output_grad
        return self.gradient


class NoisyIdentity:
    generator = np.random.default_rng(0)

    def forward(self, x: Array) -> Array:
        return x + self.generator.normal(size=x.shape)

    def backward(self, output_grad: Array) -> Array:
        return output_grad


# edugrad's form


class MinusOfContext:
    @staticmethod
    def forward(ctx: list[Any], a: Array, b: Array) -> Array:
        return a - b

    @staticmethod
    def backward(ctx: list[Any], grad_output: Array) -> tuple[Array, Array]:
        return grad_output, grad_output


class PowerOfContext:
    """Forgets to lower the exponent."""

    @classmethod
    def forward(cls, ctx: list[Any], a: Array, exponent: float = 2) -> Array:
        ctx.append((a, exponent))
        return a**exponent

    @classmethod
    def backward(cls, ctx: list[Any], grad_output: Array) -> list[Array]:
        a, exponent = ctx[0]
        return [exponent * a**exponent * grad_output]


SQUARE = {"like": "power", "options": {"exponent": 2}}
CUBE = {"like": "power", "options": {"exponent": 3}}

# the operation; what it is held against; the finding that comes first, its place; the smallest input, as code
PLANTED: list[tuple[Any, dict[str, Any], str, str, tuple[str, ...]]] = [
    (
        AddWithoutSums,
        {"like": "add"},
        "bias-not-summed",
        "b",
        ("a = np.array([1.0])", "b = np.array(1.0)"),
    ),
    (
        AddOfMeans,
        {"like": "add"},
        "bias-mean-for-sum",
        "b",
        ("a = np.array([1.0, 1.0])", "b = np.array(1.0)"),
    ),
    (
        MatmulExchanged,
        {"like": "matmul"},
        "untransposed-weights",
        "a",
        ("b = np.array([[1.0, 1.0], [2.0, 1.0]])",),
    ),
    (TanhWithoutDerivative, {"like": "tanh"}, "missing-activation-derivative", "x", ("x = np.array(1.0)",)),
    (TanhOfValue, {"like": "tanh"}, "derivative-at-activation", "x", ("x = np.array(1.0)",)),
    (
        ReluWithoutUpstream,
        {"like": "relu"},
        "missing-upstream-gradient",
        "x",
        ("x = np.array(1.0)", "backward(np.array(2.0))"),
    ),
    (
        ReluWithoutUpstream,
        {"like": lambda x: np.maximum(x, 0)},
        "missing-upstream-gradient",
        "x",
        ("x = np.array(1.0)",),
    ),
    (ReluWithoutUpstream, {}, "missing-upstream-gradient", "x", ("x = np.array(1.0)",)),
    (
        SubtractWithWrongSign,
        {"like": "subtract", "shapes": [((2, 3), (2, 3))]},
        "sign-flipped",
        "b",
        ("b = np.array([[1.0]])",),
    ),
    (MeanWithoutCount, {"like": "mean"}, "batch-sum-for-mean", "x", ("x = np.array([1.0, 1.0])",)),
    (SumAsNumber, {"like": "sum"}, "gradient-shape", "x", ("x = np.array([1.0])",)),
    (SigmoidOffByALittle, {"like": "sigmoid"}, "gradient-value", "x", ("x = np.array(1.0)",)),
    (ExpOfWrongValue, {"like": "exp"}, "forward-value", "forward", ("x = np.array(1.0)",)),
    (ExpOfWrongValue, {"like": np.exp}, "forward-value", "forward", ("x = np.array(1.0)",)),
    (SumOfRows, {"like": "sum"}, "forward-shape", "forward", ("x = np.array([1.0])",)),
    (SumOfRows, {"like": np.sum}, "forward-shape", "forward", ("x = np.array([1.0])",)),
    (
        EmbeddingOfUniqueRows,
        {"like": "embedding"},
        "repeated-rows-assigned",
        "table",
        ("places = np.array([0, 0])",),
    ),
    (AbsoluteByQuotient, {"like": "absolute"}, "gradient-value", "x", ("x = np.array(0.0)",)),
    (MultiplyOfOne, {"like": "multiply"}, "gradient-count", "backward", ("a = np.array(1.0)",)),
    (
        MultiplyWithNone,
        {"like": "multiply", "shapes": [((2, 3), (2, 3)), ((), ())]},
        "gradient-missing",
        "b",
        ("a = np.array(1.0)",),
    ),
    (NoReturn, {"like": "exp"}, "no-value", "forward", ("x = np.array(1.0)",)),
    (ReturnsText, {"like": "exp"}, "gradient-not-numbers", "x", ("x = np.array(1.0)",)),
    (OperandMissing, SQUARE, "raises", "backward", ("x = np.array(1.0)",)),
    (RaisesForward, {}, "raises", "forward", ("x = np.array(1.0)",)),
    (
        ReluInPlace,
        {"like": "relu", "require": ["argument-changed"]},
        "argument-changed",
        "forward",
        ("x = np.array(-1.0)",),
    ),
    (
        NegateInPlace,
        {"like": "negate", "require": ["argument-changed"]},
        "argument-changed",
        "backward",
        ("x = np.array(1.0)",),
    ),
    (
        SquareThatRemembers,
        {**SQUARE, "require": ["state-kept"]},
        "state-kept",
        "x",
        ("x_before = np.array(2.0)", "x = np.array(1.0)"),
    ),
    (SquareThatShares, {**SQUARE, "require": ["state-kept"]}, "state-kept", "x", ("x = np.array(1.0)",)),
    (SquareThatAccumulates, {**SQUARE, "require": ["state-kept"]}, "state-kept", "x", ("x = np.array(1.0)",)),
    (
        NoisyIdentity,
        {"like": "identity", "require": ["not-repeatable"]},
        "not-repeatable",
        "forward",
        ("x = np.array(1.0)",),
    ),
    (
        MinusOfContext,
        {"like": "subtract", "shapes": [((3,), (3,))]},
        "sign-flipped",
        "b",
        ("context = []", "b = np.array([1.0])"),
    ),
    (SineTimesThree, {"shapes": [(3,), (2, 2)]}, "constant-factor", "x", ("x = np.array([",)),
    (SoftmaxDiagonal, {"like": "softmax"}, "softmax-jacobian-diagonal", "x", ("x = np.array([1.0, 1.0])",)),
    (UpsampleOfOneCopy, UPSAMPLE, "copies-not-summed", "x", ("x = np.array([[1.0]])",)),
    (UpsampleOfMean, UPSAMPLE, "copies-not-summed", "x", ("x = np.array([[1.0]])",)),
    (TanhThatSendsNothing, {"like": "tanh"}, "zero-gradient", "x", ("x = np.array(1.0)",)),
    (
        SumOfColumns,
        {"like": "sum", "options": {"axis": 1}, "shapes": [((3, 3),)]},
        "axis-not-restored",
        "x",
        ("x = np.array([[1.0, 1.0], [1.0, 1.0]])",),
    ),
    (
        SumOfColumns,
        {"like": lambda x: x.sum(axis=1), "shapes": [((3, 3),)]},
        "axis-not-restored",
        "x",
        ("x = np.array([[1.0, 1.0], [1.0, 1.0]])",),
    ),
    (LogSoftmaxWithoutExp, {"like": "log_softmax"}, "gradient-value", "z", ("z = np.array([1.0])",)),
    (PowerOfContext, CUBE, "gradient-value", "a", ("a = np.array(2.0)", "exponent=3")),
    (PowerOfContext(), CUBE, "gradient-value", "a", ("a = np.array(2.0)",)),
]
