"""How long the diagnosis of a wrong submission takes beside its judging: 109,386 parameters, N = 32."""

from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.buggy_students import STUDENTS, hand_in
from benchmarks.diagnosing.said import submission
from benchmarks.uncatalogued import MUTATIONS
from reference_impl import LOSSES, Batch, Layer, LayerParameters, Network, Problem, Risk, activation
from verifier import verify

SIZES = ((784, 128, "tanh"), (128, 64, "tanh"), (64, 10, "identity"))
EXAMPLES = 32


def problem() -> Problem:
    rng = np.random.default_rng(0)
    layers = tuple(Layer(n_in, n_out, activation(name)) for n_in, n_out, name in SIZES)
    parameters = tuple(
        LayerParameters(
            rng.normal(size=(layer.inputs, layer.outputs)) / np.sqrt(layer.inputs),
            rng.normal(scale=0.3, size=layer.outputs),
        )
        for layer in layers
    )
    batch = Batch(rng.normal(size=(EXAMPLES, 784)), np.eye(10)[rng.integers(10, size=EXAMPLES)])
    return Problem(Network(layers), parameters, batch, Risk(LOSSES["cross_entropy"], 1.0, on="logits"))


def submissions() -> dict[str, object]:
    """Give a right one, and several wrong ones by what is wrong."""
    asked, rng = problem(), np.random.default_rng(0)
    wrong = {
        "missing-activation-derivative": STUDENTS["missing-activation-derivative"].draw(asked, 0, rng),
        "examples-weighted": STUDENTS["examples-weighted"].draw(asked, None, rng),
        "updated-weights": STUDENTS["updated-weights"].draw(asked, 1, rng),
        "unexplained, delta": MUTATIONS["delta rolled by a unit"].at(0),
        "unexplained, outer product": MUTATIONS["input of the example before"].at(1),
    }
    found = {"right": submission(asked, hand_in(asked))}
    return found | {text: submission(asked, hand_in(asked, [mistake])) for text, mistake in wrong.items()}


def measure(rounds: int) -> dict[str, tuple[float, str]]:
    """Time each in turn, round after round: median milliseconds, and what was diagnosed."""
    given = submissions()
    times: dict[str, list[float]] = {text: [] for text in given}
    said = {}
    for _ in range(rounds + 1):  # the first warms up
        for text, one in given.items():
            started = perf_counter()
            report = verify(one)
            times[text].append((perf_counter() - started) * 1e3)
            said[text] = " | ".join(f"{row.bug} at {row.layer}" for row in report.diagnosis)
    return {text: (median(own[1:]), said[text]) for text, own in times.items()}
