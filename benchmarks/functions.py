"""Are drawn functions judged rightly, in float64 and float32, with right gradients and with planted mistakes?

Each function is a composition of operations of PyTorch. Its right gradient is that of autograd in the same
precision. It is handed in as a pair of functions, with a cache, as an operation that keeps its arguments, or
as a layer that adds to its gradients. Half of the points have ties and zeros.

    python -m benchmarks.functions [--start 0] [--count 200] [--peers]

With `--peers`, PyTorch's `gradcheck` and, if installed, JAX's `check_grads` judge the same gradients, in
float64. `--start` is the number of the first function, for runs in parts.
"""

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks.support.peers import jax_accepts, torch_accepts
from verifier import check_gradient
from verifier.testing.operation_check.differentiated import vjp_by_differences

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
Backward = Callable[..., list[Any]]
MISTAKES: dict[str, Callable[[np.ndarray, int, float], np.ndarray]] = {
    "one number larger": lambda g, place, size: g * (1.0 + size * is_at(g, place)),
    "factor": lambda g, place, size: (1.0 + size) * g,
    "sign": lambda g, place, size: -g,
    "one number missing": lambda g, place, size: g * ~is_at(g, place),
    "shifted": lambda g, place, size: g + size * np.abs(g).max(),
}
SMALLEST, LARGEST = 1e-4, 1e-1  # sizes of mistakes, relative to the numbers
LEAST = 1e-3  # largest number of a gradient that can be spoilt
ENOUGH = 10.0  # times the error of a derivative, above which a mistake must be found


def is_at(array: np.ndarray, place: int) -> np.ndarray:
    """Return a mask of one entry."""
    return np.asarray(np.arange(array.size).reshape(array.shape) == place)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A function of two matrices and its right gradient, in numpy. mistake: of one gradient, `spoilt`."""

    seed: int
    point: tuple[np.ndarray, np.ndarray]
    forward: Callable[..., Any]
    backward: Backward
    mistake: str
    spoilt: Backward | None
    argument: int

    @property
    def form(self) -> str:
        return [*FORMS][self.seed // 2 % len(FORMS)]

    @property
    def tied(self) -> bool:
        """True if the point has ties and zeros."""
        return self.seed % 2 == 1


def drawn(seed: int, dtype: Any) -> Drawn:
    """Return the function with this number, in the precision of a dtype."""
    rng = np.random.default_rng(seed)
    function = drawn_function(rng, ties=seed % 2 == 1)
    point = drawn_point(rng, ties=seed % 2 == 1)
    forward, backward = in_numpy(function, dtype)
    mistake, argument = str(rng.choice([*MISTAKES])), int(rng.integers(2))
    size = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    sizes = np.abs(backward(np.ones_like(forward(*point)), *point)[argument])
    wrong = None
    if sizes.max() > LEAST:
        wrong = spoilt(backward, MISTAKES[mistake], argument, int(sizes.argmax()), size)
    return Drawn(seed, point, forward, backward, mistake, wrong, argument)


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


def drawn_point(rng: np.random.Generator, ties: bool) -> tuple[Any, Any]:
    shape = tuple(rng.integers(1, 6, size=2))
    if ties:
        return tuple(rng.integers(-1, 2, size=shape).astype(float) for _ in range(2))  # type: ignore[return-value]
    return rng.normal(size=shape), rng.normal(size=shape)


def in_numpy(function: Callable[..., Any], dtype: Any) -> tuple[Callable[..., Any], Backward]:
    """Return the function and its backward, of arrays, in the precision of a dtype."""

    def forward(x: Any, y: Any) -> Any:
        return function(torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)).numpy()

    def backward(gradient: Any, x: Any, y: Any) -> list[Any]:
        tensors = [torch.tensor(array, dtype=dtype, requires_grad=True) for array in (x, y)]
        weights = torch.tensor(gradient, dtype=dtype)
        with torch.enable_grad():  # gradcheck calls it where gradients are off
            return [part.numpy() for part in torch.autograd.grad(function(*tensors), tensors, weights)]

    return forward, backward


def spoilt(
    backward: Backward, mistake: Callable[..., Any], argument: int, place: int, size: float
) -> Backward:
    """Return a backward with a mistake in one gradient. place: the entry of mistakes in one number."""

    def wrong(*arguments: Any) -> list[Any]:
        gradients = backward(*arguments)
        gradients[argument] = mistake(gradients[argument], place, size)
        return gradients

    return wrong


def as_pair(forward: Callable[..., Any], backward: Backward, x: Any, y: Any) -> Any:
    return check_gradient(forward, backward, x, y, form="vjp")


def with_cache(forward: Callable[..., Any], backward: Backward, x: Any, y: Any) -> Any:
    return check_gradient(
        lambda x, y: (forward(x, y), (x, y)), lambda gradient, cache: backward(gradient, *cache), x, y
    )


def as_operation(forward: Callable[..., Any], backward: Backward, x: Any, y: Any) -> Any:
    class Operation:
        def forward(self, x: Any, y: Any) -> Any:
            self.arguments = (x, y)
            return forward(x, y)

        def backward(self, gradient: Any) -> Any:
            return backward(gradient, *self.arguments)

    return check_gradient(Operation, None, x, y)


def as_layer(forward: Callable[..., Any], backward: Backward, x: Any, y: Any) -> Any:
    class Layer:
        def __init__(self) -> None:
            self.params = {"y": y.copy()}
            self.grads = {"y": np.zeros(y.shape)}

        def forward(self, x: Any) -> Any:
            self.x = x
            return forward(x, self.params["y"])

        def backward(self, gradient: Any) -> Any:
            of_x, of_y = backward(gradient, self.x, self.params["y"])
            self.grads["y"] += of_y
            return of_x

    return check_gradient(Layer(), None, x)


FORMS: Mapping[str, Callable[..., Any]] = {
    "pair": as_pair,
    "cache": with_cache,
    "operation": as_operation,
    "layer": as_layer,
}


@dataclass(slots=True)
class Tally:
    """Verdicts of right and wrong gradients, false verdicts, and the seconds of right ones."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0


def judged(seeds: range, dtype: Any) -> Tally:
    tally = Tally()
    for case in (drawn(seed, dtype) for seed in seeds):
        start = time.process_time()
        check = FORMS[case.form](case.forward, case.backward, *case.point)
        tally.seconds += time.process_time() - start
        tally.right[str(check.verdict)] += 1
        if check.verdict == "incorrect":
            tally.remarks.append(f"right, called incorrect: number {case.seed}, {case.form}")
        if case.spoilt is None:
            tally.wrong["nothing to spoil"] += 1
            continue
        check = FORMS[case.form](case.forward, case.spoilt, *case.point)
        verdict = str(check.verdict)
        if verdict != "incorrect":
            change, is_slope = change_of(case)
            if is_slope:
                verdict = "right at its ties"
            else:
                verdict += f", below {ENOUGH:g} errors" if change < ENOUGH else ""
                tally.remarks.append(
                    f"wrong, called {check.verdict}: number {case.seed}, {case.form}, {case.mistake}, "
                    f"{change:.2g} errors of the derivative"
                )
        tally.wrong[verdict] += 1
    return tally


def change_of(case: Drawn) -> tuple[float, bool]:
    """Return the largest change of a mistake in errors of the derivative, and if it gives slopes at kinks."""
    assert case.spoilt is not None
    upstream = np.ones(np.shape(case.forward(*case.point)))
    derivative = vjp_by_differences(case.forward, case.point, [case.argument], upstream)
    estimate = derivative.estimates[case.argument]
    gradients = [backward(upstream, *case.point)[case.argument] for backward in (case.backward, case.spoilt)]
    change = np.abs(gradients[1] - gradients[0])
    error = estimate.error + np.finfo(gradients[0].dtype).eps * np.abs(gradients[0])
    radius = 0.0 if estimate.subgradient_radius is None else estimate.subgradient_radius
    is_slope = (np.abs(gradients[1] - estimate.value) <= radius + 2.0 * error) | (change == 0)
    return float(np.nanmax(change / error)), bool(is_slope.all() and np.any(radius > 0))


PEERS: Mapping[str, Callable[..., bool]] = {
    "gradcheck of PyTorch": torch_accepts,
    **({"check_grads of JAX": jax_accepts} if find_spec("jax") else {}),
    "check_gradient": lambda forward, backward, *point: bool(as_pair(forward, backward, *point)),
}


def of_peers(seeds: range) -> Iterator[str]:
    """Yield a line for each peer and kind of point: right verdicts, and seconds for a right gradient."""
    for name, accepts in PEERS.items():
        for tied in (False, True):
            right: Counter[bool] = Counter()
            wrong: Counter[bool] = Counter()
            seconds = 0.0
            for case in (drawn(seed, torch.float64) for seed in seeds if seed % 2 == tied):
                start = time.process_time()
                right[accepts(case.forward, case.backward, *case.point)] += 1
                seconds += time.process_time() - start
                if case.spoilt is not None and not change_of(case)[1]:
                    wrong[accepts(case.forward, case.spoilt, *case.point)] += 1
            points = "with ties" if tied else "without ties"
            yield (
                f"{name}, {points}: accepts {right[True]} of {right.total()} right and "
                f"{wrong[True]} of {wrong.total()} wrong ones, {seconds / max(1, right.total()):.3f} s each"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--peers", action="store_true")
    chosen = parser.parse_args()
    seeds = range(chosen.start, chosen.start + chosen.count)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if chosen.peers:
        for line in of_peers(seeds):
            print(line, flush=True)
        return
    for dtype in (torch.float64, torch.float32):
        tally = judged(seeds, dtype)
        print(
            f"{dtype}: right {dict(tally.right)}, wrong {dict(tally.wrong)}, "
            f"{tally.seconds / chosen.count:.3f} s a right one",
            flush=True,
        )
        for remark in tally.remarks:
            print(f"  {remark}", flush=True)


if __name__ == "__main__":
    main()
