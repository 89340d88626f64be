"""The same of a graph: CS231n's circuit, in which every gradient is one number and may be handed in."""

from collections.abc import Iterator, Mapping
from math import log2
from typing import Any

import numpy as np

from benchmarks.leaking.counting import VERDICTS
from benchmarks.leaking.question import LEVELS, ORACLES, Gradients, told
from benchmarks.leaking.telling import entropy
from verifier import verify
from verifier.allowed import Allowed
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.diagnosis.arcs import Arcs, swept
from verifier.graphs.diagnosis.rules import LOCAL_RULES
from verifier.graphs.examples import GRAPH_EXAMPLES
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reading.submission import read_graph
from verifier.graphs.values import values_of

_EXPONENTS = (-12, 3)  # of ten: errors planted in single entries
QUESTION: Mapping[str, Any] = GRAPH_EXAMPLES["cs231n-circuit"].document()
RIGHT: Gradients = QUESTION["gradients"]


def problem() -> GraphProblem:
    return read_graph(QUESTION).problem


def bound(allowed: Allowed | None) -> float:
    """Give bits that one submission can tell at most: a verdict each, of what is wrong a rule at a use."""
    if allowed is None:
        return 0.0
    own = problem()
    uses = [sum(node.operands.count(plain(key)) for node in own.nodes) for key in own.asked]
    if allowed.layer or allowed.hint or allowed.bug:
        return sum(log2(VERDICTS + len(LOCAL_RULES) * use) for use in uses)
    return (len(uses) if allowed.parameters else 1) * log2(VERDICTS)


def planted() -> list[dict[str, Any]]:
    """Make every local rule at every use of every value; what comes before it follows."""
    own = problem()
    values = values_of(own, FLOATS)
    wrong = [
        (name, candidate)
        for name, arcs, _ in swept(own, values, lambda *_: None)
        for rule in LOCAL_RULES
        for _, candidate in rule.candidates(arcs)
    ]

    def gone_back(at: str, candidate: Any) -> dict[str, Any]:
        def settle(name: str, arcs: Arcs) -> Any:
            return candidate if name == at else None

        found = {name: gradient for name, _, gradient in swept(own, values, settle)}
        return {key: found[plain(key)] for key in RIGHT}

    return [gone_back(name, candidate) for name, candidate in wrong]


def submissions(size: int, seed: int = 0) -> Iterator[Gradients]:
    """Give the right one, each mistake, by turns pairs, single errors, random, partial, rounded and NaN."""
    rng = np.random.default_rng(seed)
    mistakes, names = planted(), list(RIGHT)
    yield from ({**RIGHT}, *mistakes)[:size]
    for turn in range(size - len(mistakes) - 1):
        made = {name: np.array(own) for name, own in RIGHT.items()}
        name, kind = names[rng.integers(len(names))], turn % 6
        if kind == 0:
            first, second = (mistakes[at] for at in rng.integers(len(mistakes), size=2))
            made = {key: np.asarray((first if rng.random() < 0.5 else second)[key]) for key in names}
        elif kind == 1:
            made[name] = made[name] + rng.choice((-1, 1)) * 10.0 ** rng.uniform(*_EXPONENTS)
        elif kind == 2:
            made = {key: rng.normal(size=own.shape) for key, own in made.items()}
        elif kind == 3:
            source = mistakes[rng.integers(len(mistakes))]
            made = {key: np.asarray(source[key]) for key in names if rng.random() < 0.5}
        elif kind == 4:
            made = {key: np.round(own, rng.integers(1, 7)) for key, own in made.items()}
        else:
            made[name] = np.asarray(rng.choice((np.nan, np.inf, -np.inf)))
        yield made


def answers(gradients: Gradients) -> tuple[str, ...]:
    """Give what each level is told, without the student's own numbers, which tell nothing."""
    report = verify({**QUESTION, "gradients": dict(gradients)}, oracles=ORACLES)
    return tuple(_without_own(told(report, allowed)) for allowed in LEVELS.values())


def _without_own(text: str) -> str:
    """Cut off what only repeats the submission and the problem."""
    return text.partition('"network"')[0]


def measured(size: int) -> dict[str, tuple[int, float]]:
    """Give distinct documents and entropy by level."""
    rows = [answers(own) for own in submissions(size)]
    columns = zip(*rows, strict=True)
    return {level: (len(set(column)), entropy(column)) for level, column in zip(LEVELS, columns, strict=True)}


def targets_of_a_guess() -> list[int]:
    """Say of each gradient how many different wrong numbers are told by a rule's name."""
    own = problem()
    found = []
    for name, arcs, gradient in swept(own, values_of(own, FLOATS), lambda *_: None):
        if arcs and name in {plain(key) for key in own.asked}:
            made = (float(own) for rule in LOCAL_RULES for _, own in rule.candidates(arcs))
            given = {f"{number:.6g}" for number in made}
            found.append(len(given - {f"{float(gradient):.6g}"}))
    return found
