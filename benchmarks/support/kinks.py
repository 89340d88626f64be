"""Draw networks at kinks and ties, with gradients for one choice of subgradients or mixed from two choices.

Weights, inputs and biases are multiples of 1/4, so that pre-activations are exact and a bias can put a unit
exactly at 0. A linear program (scipy), which is independent of the verifier, decides whether one choice of
subgradients is consistent with mixed gradients.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

Array = np.ndarray
_SIDES = {"relu": (0.0, 1.0), "leaky_relu": (0.5, 1.0)}
TOLERANCE = 1e-12  # relative to the largest entry: such gradients are equal


@dataclass(frozen=True)
class KinkedNetwork:
    """Network at kinks.

    document: submission without gradients.
    kinks: (layer, example, unit) of each kink.
    z, a: outputs and pre-activations of the layers.
    names: activations of the layers.
    """

    document: dict
    kinks: list[tuple[int, int, int]]
    z: list[Array]
    a: list[Array]
    names: list[str]

    def gradient(self, slopes: Array) -> dict[str, Array]:
        """Return the gradients for one slope per kink, from 0 (left slope) to 1 (right slope)."""
        parameters, y = self.document["parameters"], np.asarray(self.document["targets"])
        delta, gradients = (self.z[-1] - y) / len(y), {}
        for index in reversed(range(len(self.names))):
            left, right = _SIDES.get(self.names[index], (1.0, 1.0))
            slope = np.where(self.a[index] > 0, right, left)
            for (layer, example, unit), fraction in zip(self.kinks, slopes, strict=True):
                if layer == index:
                    slope[example, unit] = left + fraction * (right - left)
            delta = delta * slope
            gradients[f"layers.{index}.weight"] = self.z[index].T @ delta
            gradients[f"layers.{index}.bias"] = delta.sum(axis=0)
            delta = delta @ np.asarray(parameters[f"layers.{index}.weight"]).T
        return gradients


def draw_kinked(rng: np.random.Generator) -> KinkedNetwork:
    """Draw a network of 2 to 4 layers with 1 to 20 kinks, which are pairs of a unit and an example."""
    while True:
        depth, examples = int(rng.integers(2, 5)), int(rng.integers(1, 6))
        sizes = [int(n) for n in rng.integers(2, 6, size=depth + 1)]
        names = [str(rng.choice(list(_SIDES))) for _ in range(depth - 1)] + ["identity"]
        x = rng.integers(-4, 5, size=(examples, sizes[0])) / 4
        if rng.random() < 0.3:
            x[1:] = x[0]  # all examples have the same kinks
        z, a, parameters, kinks = [x], [], {}, []
        for index in range(depth):
            weight = rng.integers(-4, 5, size=(sizes[index], sizes[index + 1])) / 2
            bias = rng.integers(-4, 5, size=sizes[index + 1]) / 4
            if names[index] != "identity":
                for unit in range(sizes[index + 1]):
                    if rng.random() < 0.4:
                        bias[unit] = -(z[-1][rng.integers(examples)] @ weight[:, unit])
            a.append(z[-1] @ weight + bias)
            left, right = _SIDES.get(names[index], (1.0, 1.0))
            z.append(np.where(a[-1] > 0, right * a[-1], left * a[-1]))
            if names[index] != "identity":
                kinks += [(index, int(n), int(u)) for n, u in np.argwhere(a[-1] == 0)]
            parameters |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
        if 1 <= len(kinks) <= 20:
            break
    activations = [{"name": n, "slope": 0.5} if n == "leaky_relu" else n for n in names]
    layers = [{"in": sizes[i], "out": sizes[i + 1], "activation": activations[i]} for i in range(depth)]
    document = {
        "network": {"layers": layers},
        "loss": {"name": "mse"},
        "parameters": parameters,
        "inputs": x,
        "targets": rng.normal(size=(examples, sizes[-1])),
    }
    return KinkedNetwork(document, kinks, z, a, names)


def consistent_gradients(problem: KinkedNetwork, rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradients for one choice: the same slope at all kinks, or a random one for each."""
    count = len(problem.kinks)
    kind = rng.integers(4)
    slopes = np.full(count, (0.0, 1.0, 0.5)[kind]) if kind < 3 else rng.random(count)
    return problem.gradient(slopes)


def mixed_gradients(problem: KinkedNetwork, rng: np.random.Generator) -> dict[str, Array] | None:
    """Return gradients of weights by one choice and of biases by another.

    None if a single choice is, or may be, consistent with both. The gradients of the last layer with a kink
    depend linearly on the slopes of this layer only, so that a linear program decides.
    """
    count = len(problem.kinks)
    one, other = problem.gradient(rng.random(count)), problem.gradient(rng.random(count))
    gradient = {name: (one if name.endswith("weight") else other)[name] for name in one}
    last = max(layer for layer, _, _ in problem.kinks)
    names = [f"layers.{last}.weight", f"layers.{last}.bias"]
    return None if _is_feasible(problem, gradient, names) else gradient


def _is_feasible(problem: KinkedNetwork, gradient: dict[str, Array], names: list[str]) -> bool:
    def flat(arrays: dict[str, Array]) -> Array:
        return np.concatenate([arrays[name].ravel() for name in names])

    count = len(problem.kinks)
    base = flat(problem.gradient(np.zeros(count)))
    columns = np.stack([flat(problem.gradient(row)) - base for row in np.eye(count)], axis=1)
    distance = flat(gradient) - base
    tolerance = 1e-6 * max(1.0, float(np.abs(columns).max()))  # nearly feasible counts as feasible
    rows = np.vstack([columns, -columns])
    bounds = np.concatenate([distance + tolerance, tolerance - distance])
    return bool(linprog(np.zeros(count), rows, bounds, bounds=[(0.0, 1.0)] * count).status == 0)


def draw_tied(rng: np.random.Generator, *, consistent: bool) -> dict:
    """Return a graph that sums weighted maxima of tied rows, with a consistent or inconsistent gradient."""
    rows, width = int(rng.integers(1, 6)), int(rng.integers(2, 5))
    p = rng.integers(-2, 3, size=(rows, width)) / 2
    p[:, rng.integers(width)] = p.max(axis=1)
    p[0, :2] = p.max() + 1.0  # at least one tie
    weights = rng.choice([-2.0, -0.5, 1.0, 3.0], size=rows)
    tied = p == p.max(axis=1, keepdims=True)
    shares = np.where(tied, rng.exponential(size=p.shape), 0.0)
    shares /= shares.sum(axis=1, keepdims=True)
    if not consistent:
        kind = rng.integers(3)
        shares[0] = tied[0] * (1.0, 0.0, 0.9)[kind]
    return {
        "network": {
            "inputs": ["w"],
            "nodes": [
                {"name": "m", "op": "max", "args": ["p"], "axis": 1},
                {"name": "t", "op": "multiply", "args": ["m", "w"]},
                {"name": "s", "op": "sum", "args": ["t"]},
            ],
            "output": "s",
        },
        "parameters": {"p": p},
        "inputs": {"w": weights},
        "gradients": {"p": shares * weights[:, np.newaxis]},
    }
