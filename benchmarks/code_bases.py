"""Check the gradients of twelve code bases as they are, and count lines, verdicts and false alarms.

    python -m benchmarks.code_bases

Code bases that are not installed are left out and named. Those marked "anew" are written here in the style of
the original. `lines` are those that a user writes to hand in the code, without the imports of the library.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from verifier import check_gradient, check_operation, verify
from verifier.testing.graph_check_backward import check_graph_backward

Verdicts = Iterator[tuple[str, str]]
"""The name of what was checked, and the verdict."""


@dataclass(frozen=True, slots=True)
class CodeBase:
    """A code base. lines: that a user writes for a check. needs: the package that it is in."""

    name: str
    way: str
    lines: str
    run: Callable[[], Verdicts]
    needs: str = ""


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def verdict_of(result: Any) -> str:
    """Return the verdict of a report or a check."""
    return str(result.verdict)


def graphs_verdict(failure: Any) -> str:
    """Return the verdict of a check of graphs."""
    return "correct" if failure is None else "incorrect"


def micrograd() -> Verdicts:
    Value = importlib.import_module("micrograd.engine").Value
    MLP = importlib.import_module("micrograd.nn").MLP
    model, x = MLP(3, [4, 4, 1]), [2.0, 3.0, -1.0]
    loss = (model(x) - 1.0) ** 2 + (model([0.5, -1.0, 1.0]) + 1.0) ** 2
    loss.backward()
    yield "the graph of an MLP", verdict_of(verify(loss))
    expressions: dict[str, Callable[[Any, Any], Any]] = {
        "x + 1": lambda a, b: (a + 1) * b,
        "a quotient": lambda a, b: (a / b) ** 3 - b,
        "relu and a sum": lambda a, b: sum([a.relu() * b, b * b, a]),
    }
    for name, function in expressions.items():
        output = function(Value(0.7), Value(-1.3))
        output.backward()
        yield name, verdict_of(verify(output))
    table = {
        "add": lambda x, y: x + y,
        "multiply": lambda x, y: x * y,
        "subtract": lambda x, y: x - y,
        "power": lambda x, exponent: x**exponent,
        "relu": Value.relu,
    }
    yield "200 graphs", graphs_verdict(check_graph_backward(Value, operations=table, dimensions=[0]))


class _Mul:
    """minitorch's functions have static methods with a context that saves."""

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx: Any, d_output: Any) -> Any:
        a, b = ctx.saved_values
        return b * d_output, a * d_output


class _Log:
    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        ctx.save_for_backward(a)
        return np.log(a)

    @staticmethod
    def backward(ctx: Any, d_output: Any) -> Any:
        (a,) = ctx.saved_values
        return d_output / a


class _Sigmoid:
    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        out = 1 / (1 + np.exp(-a))
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, d_output: Any) -> Any:
        (out,) = ctx.saved_values
        return out * (1 - out) * d_output


class _ReLU:
    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        ctx.save_for_backward(a)
        return np.maximum(a, 0)

    @staticmethod
    def backward(ctx: Any, d_output: Any) -> Any:
        (a,) = ctx.saved_values
        return d_output * (a > 0)


def minitorch() -> Verdicts:
    for function, count, domain in (
        (_Mul, 2, "any"),
        (_Log, 1, "positive"),
        (_Sigmoid, 1, "any"),
        (_ReLU, 1, "any"),
    ):
        for shape in ((), (3, 2)):
            check = check_operation(function, shapes=[(shape,) * count], domain=domain)
            yield f"{function.__name__} of {shape}", verdict_of(check)


class _Op:
    """needle's operations have `compute` and `gradient`."""

    def __call__(self, *args: Any) -> Any:
        return self.compute(*args)  # type: ignore[attr-defined]


class _EWiseMul(_Op):
    def compute(self, a: Any, b: Any) -> Any:
        return a * b

    def gradient(self, out_grad: Any, node: Any) -> Any:
        lhs, rhs = node
        return out_grad * rhs, out_grad * lhs


class _MatMul(_Op):
    def compute(self, a: Any, b: Any) -> Any:
        return a @ b

    def gradient(self, out_grad: Any, node: Any) -> Any:
        lhs, rhs = node
        return out_grad @ rhs.T, lhs.T @ out_grad


class _LogSumExp(_Op):
    def compute(self, z: Any) -> Any:
        top = z.max(axis=1, keepdims=True)
        return np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]

    def gradient(self, out_grad: Any, node: Any) -> Any:
        (z,) = node
        return (out_grad / np.exp(self.compute(z)))[:, None] * np.exp(z) * 1.0


class _Tanh(_Op):
    def compute(self, a: Any) -> Any:
        return np.tanh(a)

    def gradient(self, out_grad: Any, node: Any) -> Any:
        (a,) = node
        return out_grad * (1 - np.tanh(a) ** 2)


def needle() -> Verdicts:
    for op, arguments in (
        (_EWiseMul(), (numbers(3, 2), numbers(3, 2, seed=1))),
        (_MatMul(), (numbers(3, 2), numbers(2, 4))),
        (_LogSumExp(), (numbers(3, 4),)),
        (_Tanh(), (numbers(3, 2),)),
    ):
        for dtype in (np.float64, np.float32):
            arrays = [argument.astype(dtype) for argument in arguments]

            def backward(g: Any, *args: Any, op: Any = op) -> Any:
                return op.gradient(g, args)

            check = check_gradient(op.compute, backward, *arrays, form="vjp")
            yield f"{type(op).__name__} {dtype.__name__}", verdict_of(check)


_FUNCTIONS = {
    "sin": (lambda np, x: np.sin(x).sum(), (3, 2)),
    "logsumexp": (lambda np, x: np.log(np.exp(x).sum()), (5,)),
    "softmax": (lambda np, x: (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))[:, 0].sum(), (3, 4)),
    "matmul": (lambda np, x: (x @ x.T).sum(), (3, 4)),
    "variance": (lambda np, x: ((x - x.mean(axis=0)) ** 2).mean(), (4, 3)),
    "maximum": (lambda np, x: np.maximum(x, 0.1).sum(), (3, 3)),
    "norm": (lambda np, x: np.sqrt((x**2).sum()), (6,)),
    "tanh layer": (lambda np, x: np.tanh(x @ np.ones((3, 2))).sum(), (4, 3)),
    "reshape": (lambda np, x: (x.reshape(2, 6) ** 3).sum(), (3, 4)),
    "concatenate": (lambda np, x: (np.concatenate([x, 2 * x]) ** 2).sum(), (3, 2)),
}


def autograd() -> Verdicts:
    anp = importlib.import_module("autograd.numpy")
    grad = importlib.import_module("autograd").grad
    for name, (function, shape) in _FUNCTIONS.items():
        f = lambda x, function=function: function(anp, x)  # noqa: E731
        yield name, verdict_of(check_gradient(f, grad(f), numbers(*shape)))


def jax() -> Verdicts:
    jnp, library = importlib.import_module("jax.numpy"), importlib.import_module("jax")
    for wide in (False, True):
        library.config.update("jax_enable_x64", wide)
        for name, (function, shape) in _FUNCTIONS.items():
            f = library.jit(lambda x, function=function: function(jnp, x))
            array = jnp.asarray(numbers(*shape))
            yield f"{name} {array.dtype}", verdict_of(check_gradient(f, None, array))
    for name in ("gelu", "silu", "softplus", "log_softmax"):
        f = library.jit(getattr(library.nn, name))
        yield f"{name}, jvp", verdict_of(check_gradient(f, None, jnp.asarray(numbers(3, 4)), jvp=True))


def mygrad() -> Verdicts:
    mg = importlib.import_module("mygrad")
    table = {
        "add": mg.add,
        "subtract": mg.subtract,
        "multiply": mg.multiply,
        "divide": mg.divide,
        "matmul": mg.matmul,
        "exp": mg.exp,
        "tanh": mg.tanh,
        "sum": lambda x, axis=None, keepdims=False: mg.sum(
            x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims
        ),
        "mean": lambda x, axis=None, keepdims=False: mg.mean(
            x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims
        ),
    }
    yield "200 graphs", graphs_verdict(check_graph_backward(mg.tensor, operations=table))
    for name, (function, shape) in _FUNCTIONS.items():

        def both(x: Any, function: Any = function) -> Any:
            tensor = mg.tensor(x)
            loss = function(mg, tensor)
            loss.backward()
            return float(loss), tensor.grad

        yield name, verdict_of(check_gradient(both, None, numbers(*shape)))


def tinygrad() -> Verdicts:
    tensor = importlib.import_module("tinygrad").Tensor
    operations = {
        "tanh": lambda x: x.tanh().sum(),
        "softmax": lambda x: x.softmax()[:, 0].sum(),
        "matmul": lambda x: (x @ x.transpose()).sum(),
        "relu": lambda x: x.relu().sum(),
        "layernorm": lambda x: (x.layernorm() * x).sum(),
        "logsumexp": lambda x: x.logsumexp(axis=1).sum(),
    }
    for name, function in operations.items():

        def both(x: Any, function: Any = function) -> Any:
            leaf = tensor(np.asarray(x, dtype=np.float32))
            loss = function(leaf)
            return loss.numpy(), loss.gradient(leaf)[0].numpy()

        yield name, verdict_of(check_gradient(both, None, numbers(3, 4).astype(np.float32)))


def cs231n() -> Verdicts:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "assignments"))
    a1, a2, a3 = (importlib.import_module(f"assignment{index}") for index in (1, 2, 3))
    rnn = (numbers(2, 3, 4), numbers(2, 5), 0.3 * numbers(4, 5), 0.3 * numbers(5, 5), numbers(5))
    images = (numbers(2, 2, 4, 4), numbers(3, 2, 3, 3), numbers(3))
    for dtype in (np.float64, np.float32):
        for name, forward, backward, arguments in (
            ("softmax", a1.softmax_classifier, None, (numbers(3, 3), numbers(4, 3), np.array([0, 2, 1, 1]))),
            (
                "batchnorm",
                a2.batchnorm_forward,
                a2.batchnorm_backward,
                (numbers(5, 3), numbers(3), numbers(3)),
            ),
            ("dropout", a2.dropout_forward, a2.dropout_backward, (numbers(4, 3),)),
            ("convolution", a2.convolution_forward, a2.convolution_backward, images),
            ("rnn", a3.rnn_forward, a3.rnn_backward, rnn),
            (
                "attention",
                a3.attention_forward,
                a3.attention_backward,
                (numbers(3, 4), numbers(5, 4), numbers(5, 2)),
            ),
        ):
            arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in arguments]
            yield f"{name} {dtype.__name__}", verdict_of(check_gradient(forward, backward, *arrays))


def gpt_block() -> Verdicts:
    import torch

    class Block(torch.nn.Module):  # type: ignore[misc]  # PyTorch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = torch.nn.LayerNorm(8), torch.nn.LayerNorm(8)
            self.qkv, self.projection = torch.nn.Linear(8, 24), torch.nn.Linear(8, 8)
            self.up, self.down = torch.nn.Linear(8, 16), torch.nn.Linear(16, 8)

        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(self.ln1(x)).split(8, dim=2)
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(y)
            hidden = torch.nn.functional.gelu(self.up(self.ln2(x)), approximate="tanh")
            return x + self.down(hidden)

    yield from _live(Block(), (2, 4, 8), "block")


def _live(module: Any, shape: tuple[int, ...], name: str, classes: int | None = None) -> Verdicts:
    """Yield the verdicts on the gradients that PyTorch leaves in a module, in float64 and float32."""
    import torch

    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(0)
        module = module.to(dtype)
        module.zero_grad()
        outputs = module(torch.randn(*shape, dtype=dtype))
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        if classes is None:
            loss = (outputs**2).mean()
        else:
            target = torch.arange(len(outputs)) % classes
            loss = torch.nn.functional.cross_entropy(outputs, target)
        loss.backward(retain_graph=True)
        yield f"{name} {str(dtype).removeprefix('torch.')}", verdict_of(verify(loss))


def cnn() -> Verdicts:
    import torch

    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    )
    yield from _live(model, (3, 1, 4, 4), "cnn", 3)


def lstm() -> Verdicts:
    import torch

    yield from _live(torch.nn.LSTM(3, 4, num_layers=2, batch_first=True), (2, 3, 3), "lstm")
    yield from _live(torch.nn.GRU(3, 4), (3, 2, 3), "gru")


def backprop_ninja() -> Verdicts:
    import torch

    generator = torch.Generator().manual_seed(0)

    def leaf(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    table, w1, b1, gain, bias, w2, b2 = (
        leaf(5, 2),
        leaf(6, 4),
        leaf(4),
        leaf(1, 4),
        leaf(1, 4),
        leaf(4, 5),
        leaf(5),
    )
    x, y = torch.tensor([[0, 1, 2], [1, 2, 3], [4, 0, 1]]), torch.tensor([3, 4, 2])
    a = table[x].view(3, -1) @ w1 + b1
    normal = (a - a.mean(0, keepdim=True)) / (a.var(0, keepdim=True) + 1e-5).sqrt()
    h = torch.tanh(gain * normal + bias)
    logits = h @ w2 + b2
    counts = (logits - logits.max(1, keepdim=True).values).exp()
    p = counts * counts.sum(1, keepdim=True) ** -1
    loss = -p.log()[range(3), y].mean()
    for tensor in (a, h, logits):
        tensor.retain_grad()
    loss.backward(retain_graph=True)
    names = {"C": table, "W1": w1, "b1": b1, "gain": gain, "bias": bias, "W2": w2, "b2": b2}
    from verifier.documents.importers import from_torch_tensor

    yield (
        "by hand and by PyTorch",
        verdict_of(verify(from_torch_tensor(loss, names={**names, "a": a, "h": h, "logits": logits}))),
    )


CODE_BASES = (
    CodeBase("micrograd", "`verify(loss)`", "1", micrograd, "micrograd"),
    CodeBase("minitorch (anew)", "`check_operation(Function)`", "1", minitorch),
    CodeBase("needle (anew)", "`check_gradient(op.compute, backward, …)`", "3", needle),
    CodeBase("autograd", "`check_gradient(f, grad(f), x)`", "1", autograd, "autograd"),
    CodeBase(
        "mygrad", "`check_graph_backprop(tensor, operations=table)`", "1, a table of 9", mygrad, "mygrad"
    ),
    CodeBase("tinygrad", "`check_gradient(both, None, x)`", "5", tinygrad, "tinygrad"),
    CodeBase("JAX", "`check_gradient(f, None, x)`", "1", jax, "jax"),
    CodeBase("CS231n layers (anew)", "`check_gradient(forward, backward, …)`", "1", cs231n),
    CodeBase("a GPT block (anew)", "`verify(loss)`", "1", gpt_block, "torch"),
    CodeBase("a CNN with batch norm (anew)", "`verify(loss)`", "1", cnn, "torch"),
    CodeBase("LSTM and GRU of PyTorch", "`verify(loss)`", "1", lstm, "torch"),
    CodeBase(
        "backprop ninja of makemore (anew)", "`verify(from_torch_tensor(…))`", "2", backprop_ninja, "torch"
    ),
)


def main() -> None:
    """Print a row for each code base."""
    print("| code base | call | lines | correct | undecided | false alarms | s |")
    print("|---|---|---|---|---|---|---|")
    for row in CODE_BASES:
        if row.needs and importlib.util.find_spec(row.needs) is None:
            print(f"| {row.name} | {row.way} | {row.lines} | not installed | | | |")
            continue
        started = perf_counter()
        verdicts = [*row.run()]
        right, undecided, alarms = (
            [name for name, verdict in verdicts if verdict == wanted]
            for wanted in ("correct", "undecided", "incorrect")
        )
        seconds = math.ceil(perf_counter() - started)
        counts = [f"{len(names)}: {', '.join(names)}" if names else "0" for names in (undecided, alarms)]
        print(
            f"| {row.name} | {row.way} | {row.lines} | {len(right)} of {len(verdicts)} "
            f"| {' | '.join(counts)} | {seconds} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
