"""Are drawn functions judged rightly, in float64 and float32, with right gradients and with planted mistakes?

Each function is a composition of operations of PyTorch; its right gradient is that of autograd in the same
precision. Half of the points have ties and zeros. PyTorch's `gradcheck` judges the same functions in float64.

    python -m benchmarks.functions [--count 200]
"""

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from verifier import check_gradient

UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "exp": lambda x: torch.exp(0.5 * torch.tanh(x)),
    "square": lambda x: x * x,
    "sine": torch.sin,
    "absolute": torch.abs,
    "softmax": lambda x: torch.softmax(x, dim=-1),
    "layer norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    "cumulative sum": lambda x: torch.cumsum(x, dim=0),
    "maximum of rows": lambda x: x + x.max(dim=1, keepdim=True).values,
    "clip": lambda x: torch.clamp(x, -1.0, 1.0),
    "root": lambda x: torch.sqrt(1.0 + x * x),
}
SMOOTH = ("tanh", "sigmoid", "exp", "square", "sine", "softmax", "cumulative sum", "root")
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y,
    "maximum": torch.maximum,
    "product": lambda x, y: x @ y.T @ y,
    "divide": lambda x, y: x / (1.5 + torch.tanh(y)),
}
MISTAKES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "one number larger": lambda g, place: g * (1.0 + 1e-2 * is_at(g, place)),
    "factor": lambda g, place: 1.01 * g,
    "sign": lambda g, place: -g,
    "one number missing": lambda g, place: g * ~is_at(g, place),
    "shifted": lambda g, place: g + 1e-2 * np.abs(g).max(),
}


def is_at(array: np.ndarray, place: int) -> np.ndarray:
    """Return a mask of one entry."""
    return np.asarray(np.arange(array.size).reshape(array.shape) == place)


def drawn_function(rng: np.random.Generator, ties: bool) -> Callable[..., Any]:
    """Return a function of two matrices of tensors.

    ties: draw one kink at most, since autograd's choices at two kinks may be no slope of the composition.
    """
    names = [name for name in UNARY if not ties or name in SMOOTH]
    chain = [rng.choice(names) for _ in range(rng.integers(1, 3))]
    other = rng.choice(names)
    joined = rng.choice([*BINARY])
    last = rng.choice([*names, "sum", "mean"])

    def function(x: Any, y: Any) -> Any:
        for name in chain:
            x = UNARY[name](x)
        value = BINARY[joined](x, UNARY[other](y))
        return value.sum() if last == "sum" else value.mean() if last == "mean" else UNARY[last](value)

    return function


def in_numpy(function: Callable[..., Any], dtype: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the function and its backward, of arrays, in the precision of a dtype."""

    def forward(x: Any, y: Any) -> Any:
        return function(torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)).numpy()

    def backward(gradient: Any, x: Any, y: Any) -> Any:
        tensors = [torch.tensor(array, dtype=dtype, requires_grad=True) for array in (x, y)]
        weights = torch.tensor(gradient, dtype=dtype)
        return [part.numpy() for part in torch.autograd.grad(function(*tensors), tensors, weights)]

    return forward, backward


def drawn_point(rng: np.random.Generator, ties: bool) -> tuple[Any, Any]:
    shape = tuple(rng.integers(2, 5, size=2))
    if ties:
        return tuple(rng.integers(-1, 2, size=shape).astype(float) for _ in range(2))  # type: ignore[return-value]
    return rng.normal(size=shape), rng.normal(size=shape)


def spoilt(
    backward: Callable[..., Any], mistake: Callable[[Any, int], Any], place: int
) -> Callable[..., Any]:
    """Return a backward with a mistake in its first gradient. place: the entry of mistakes in one number."""

    def wrong(*arguments: Any) -> Any:
        first, *others = backward(*arguments)
        return [mistake(first, place), *others]

    return wrong


def judged(count: int, dtype: Any) -> tuple[Counter[str], Counter[str], float, Sequence[str]]:
    """Return the verdicts of right and of wrong gradients, the seconds for right ones, and false verdicts."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    remarks: list[str] = []
    seconds = 0.0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        function = drawn_function(rng, ties=seed % 2 == 1)
        point = drawn_point(rng, ties=seed % 2 == 1)
        forward, backward = in_numpy(function, dtype)
        start = time.process_time()
        check = check_gradient(forward, backward, *point, form="vjp")
        seconds += time.process_time() - start
        right[str(check.verdict)] += 1
        if check.verdict == "incorrect":
            remarks.append(f"right, called incorrect: seed {seed}")
        name = rng.choice([*MISTAKES])
        size = np.abs(backward(np.ones_like(forward(*point)), *point)[0])
        if not size.max() > 1e-3:
            wrong["nothing to spoil"] += 1
            continue
        check = check_gradient(
            forward, spoilt(backward, MISTAKES[name], int(size.argmax())), *point, form="vjp"
        )
        wrong[str(check.verdict)] += 1
        if check.verdict == "correct":
            remarks.append(f"wrong, called correct: seed {seed}, {name}")
    return right, wrong, seconds, remarks


def gradchecked(count: int) -> tuple[Counter[str], float]:
    """Return the verdicts of PyTorch's gradcheck on the right gradients, and its seconds."""
    verdicts: Counter[str] = Counter()
    seconds = 0.0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        function = drawn_function(rng, ties=seed % 2 == 1)
        point = drawn_point(rng, ties=seed % 2 == 1)
        tensors = [torch.tensor(array, requires_grad=True) for array in point]
        start = time.process_time()
        verdicts[str(torch.autograd.gradcheck(function, tensors, raise_exception=False))] += 1
        seconds += time.process_time() - start
    return verdicts, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for dtype in (torch.float64, torch.float32):
        right, wrong, seconds, remarks = judged(count, dtype)
        print(f"{dtype}: right {dict(right)}, wrong {dict(wrong)}, {seconds / count:.3f} s a right one")
        for remark in remarks:
            print(f"  {remark}")
    verdicts, seconds = gradchecked(count)
    print(f"gradcheck on the right ones in float64: {dict(verdicts)}, {seconds / count:.3f} s each")


if __name__ == "__main__":
    main()
