"""Measure the time of the diagnosis of a wrong submission with 109,386 parameters, N = 32."""

from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.support.buggy_students import STUDENTS, student_gradients
from benchmarks.support.diagnosing.summary import submission
from benchmarks.support.uncatalogued import MUTATIONS
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
    """Return a correct submission and several wrong ones, by description."""
    large_problem, rng = problem(), np.random.default_rng(0)
    wrong = {
        "missing-activation-derivative": STUDENTS["missing-activation-derivative"].draw(
            large_problem, 0, rng
        ),
        "examples-weighted": STUDENTS["examples-weighted"].draw(large_problem, None, rng),
        "updated-weights": STUDENTS["updated-weights"].draw(large_problem, 1, rng),
        "unexplained, delta": MUTATIONS["delta rolled by a unit"].at(0),
        "unexplained, outer product": MUTATIONS["input of the example before"].at(1),
    }
    by_description = {"right": submission(large_problem, student_gradients(large_problem))}
    return by_description | {
        text: submission(large_problem, student_gradients(large_problem, [mistake]))
        for text, mistake in wrong.items()
    }


def measure(rounds: int) -> dict[str, tuple[float, str]]:
    """Return the median milliseconds and the diagnosis of each submission, timed alternately."""
    by_description = submissions()
    times: dict[str, list[float]] = {text: [] for text in by_description}
    diagnoses = {}
    for _ in range(rounds + 1):  # the first warms up
        for text, submitted in by_description.items():
            started = perf_counter()
            report = verify(submitted)
            times[text].append((perf_counter() - started) * 1e3)
            diagnoses[text] = " | ".join(f"{row.bug} at {row.layer}" for row in report.diagnosis)
    return {text: (median(durations[1:]), diagnoses[text]) for text, durations in times.items()}
