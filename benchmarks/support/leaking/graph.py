"""Information in reports on a graph: CS231n's circuit, in which every gradient is one number."""

from collections.abc import Iterator, Mapping
from math import log2
from typing import Any

import numpy as np

from benchmarks.support.leaking.counting import VERDICTS
from benchmarks.support.leaking.question import LEVELS, ORACLES, Gradients, report_text
from benchmarks.support.leaking.telling import entropy
from verifier import verify
from verifier.diagnosis.backward_sweep import Edges, backward_sweep
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.documents.graph import read_graph
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.examples.graphs import GRAPH_EXAMPLES
from verifier.problem.graph import GraphProblem, node_name
from verifier.report.assignment import StudentVisibility

_EXPONENTS = (-12, 3)  # decimal exponents of errors in single entries
QUESTION: Mapping[str, Any] = GRAPH_EXAMPLES["cs231n-circuit"].document()
RIGHT: Gradients = QUESTION["gradients"]


def problem() -> GraphProblem:
    return read_graph(QUESTION).problem


def bound(visibility: StudentVisibility | None) -> float:
    """Return an upper bound on the information in bits.

    Each gradient has a verdict; a wrong gradient may also have a local rule and a use.
    """
    if visibility is None:
        return 0.0
    circuit = problem()
    uses = [sum(node.operands.count(node_name(key)) for node in circuit.nodes) for key in circuit.requested]
    if visibility.layer or visibility.hint or visibility.bug:
        return sum(log2(VERDICTS + len(LOCAL_RULES) * use) for use in uses)
    return (len(uses) if visibility.parameters else 1) * log2(VERDICTS)


def mutants_by_rule() -> list[dict[str, Any]]:
    """Return the gradients for every wrong local rule at every use of every value, propagated back."""
    circuit = problem()
    values = values_of(circuit, FLOATS)
    wrong = [
        (name, candidate)
        for name, arcs, _ in backward_sweep(circuit, values, lambda *_: None)
        for rule in LOCAL_RULES.values()
        for _, candidate in rule.candidates(arcs)
    ]

    def propagate(at: str, candidate: Any) -> dict[str, Any]:
        def replacement(name: str, arcs: Edges) -> Any:
            return candidate if name == at else None

        gradients = {name: gradient for name, _, gradient in backward_sweep(circuit, values, replacement)}
        return {key: gradients[node_name(key)] for key in RIGHT}

    return [propagate(name, candidate) for name, candidate in wrong]


def submissions(size: int, seed: int = 0) -> Iterator[Gradients]:
    """Yield correct gradients, each mistake, and then pairs of mistakes, single errors and others in turn."""
    rng = np.random.default_rng(seed)
    mistakes, names = mutants_by_rule(), list(RIGHT)
    yield from ({**RIGHT}, *mistakes)[:size]
    for turn in range(size - len(mistakes) - 1):
        gradients = {name: np.array(array) for name, array in RIGHT.items()}
        name, kind = names[rng.integers(len(names))], turn % 6
        if kind == 0:
            first, second = (mistakes[index] for index in rng.integers(len(mistakes), size=2))
            gradients = {key: np.asarray((first if rng.random() < 0.5 else second)[key]) for key in names}
        elif kind == 1:
            gradients[name] = gradients[name] + rng.choice((-1, 1)) * 10.0 ** rng.uniform(*_EXPONENTS)
        elif kind == 2:
            gradients = {key: rng.normal(size=array.shape) for key, array in gradients.items()}
        elif kind == 3:
            source = mistakes[rng.integers(len(mistakes))]
            gradients = {key: np.asarray(source[key]) for key in names if rng.random() < 0.5}
        elif kind == 4:
            gradients = {key: np.round(array, rng.integers(1, 7)) for key, array in gradients.items()}
        else:
            gradients[name] = np.asarray(rng.choice((np.nan, np.inf, -np.inf)))
        yield gradients


def answers(gradients: Gradients) -> tuple[str, ...]:
    """Return the report for each level without the submission's own numbers, which carry no information."""
    report = verify({**QUESTION, "gradients": dict(gradients)}, oracles=ORACLES)
    return tuple(_without_submission(report_text(report, visibility)) for visibility in LEVELS.values())


def _without_submission(text: str) -> str:
    """Return the text without the part that repeats the submission and the problem."""
    return text.partition('"network"')[0]


def measure_levels(size: int) -> dict[str, tuple[int, float]]:
    """Return the number of distinct documents and their entropy by level."""
    rows = [answers(gradients) for gradients in submissions(size)]
    columns = zip(*rows, strict=True)
    return {level: (len(set(column)), entropy(column)) for level, column in zip(LEVELS, columns, strict=True)}


def targets_for_guess() -> list[int]:
    """Return for each gradient the number of different wrong values that a local rule explains."""
    circuit = problem()
    counts = []
    for name, arcs, gradient in backward_sweep(circuit, values_of(circuit, FLOATS), lambda *_: None):
        if arcs and name in {node_name(key) for key in circuit.requested}:
            wrong = (
                float(candidate) for rule in LOCAL_RULES.values() for _, candidate in rule.candidates(arcs)
            )
            texts = {f"{number:.6g}" for number in wrong}
            counts.append(len(texts - {f"{float(gradient):.6g}"}))
    return counts
