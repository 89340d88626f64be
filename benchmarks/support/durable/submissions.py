"""Draw correct and wrong homework-size submissions, and judge them in this process."""

from functools import cache

import numpy as np

from reference_impl import backpropagate, named
from verifier import verify
from verifier.documents.files import write_document
from verifier.documents.json import parse
from verifier.documents.reading import read_submission

_SIZES, _EXAMPLES = (4, 8, 3), 8


def draw_submissions(count: int, seed: int) -> list[bytes]:
    """Draw submissions as lines of JSON: correct ones, wrong signs and single wrong entries in turn."""
    rng = np.random.default_rng(seed)
    return [write_document(_draw(rng, number % 3), "json").strip() for number in range(count)]


def verdicts_of(lines: list[bytes]) -> list[str]:
    return [_verdict(line) for line in lines]


@cache
def _verdict(line: bytes) -> str:
    return str(verify(parse(line)).verdict)


def _draw(rng: np.random.Generator, mistake: int) -> dict:
    inputs, hidden, outputs = _SIZES
    document = {
        "network": {
            "layers": [
                {"in": inputs, "out": hidden, "activation": "tanh"},
                {"in": hidden, "out": outputs, "activation": "identity"},
            ]
        },
        "loss": "cross_entropy",
        "parameters": {
            "layers.0.weight": rng.normal(size=(inputs, hidden)) / 2,
            "layers.0.bias": rng.normal(size=hidden),
            "layers.1.weight": rng.normal(size=(hidden, outputs)) / 2,
            "layers.1.bias": rng.normal(size=outputs),
        },
        "inputs": rng.normal(size=(_EXAMPLES, inputs)),
        "targets": rng.integers(outputs, size=_EXAMPLES),
        "gradients": {},
    }
    problem = read_submission(document).problem
    gradients = {name: np.array(value) for name, value in named(backpropagate(problem))}
    if mistake == 1:
        gradients["layers.0.weight"] *= -1
    elif mistake == 2:
        gradients["layers.1.weight"][rng.integers(hidden), rng.integers(outputs)] += 0.1
    document["gradients"] = gradients
    return document
