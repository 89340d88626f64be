"""Measure how often verdicts on random graphs are right and mistakes are located.

python -m benchmarks.graphs                  2,000 graphs of up to 60 nodes
python -m benchmarks.graphs --graphs 200 --first 5000

The benchmark is seeded.
"""

import argparse
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.support.graph_students.mistakes import CATALOGUED, MISTAKES, UNCATALOGUED, GraphMistake
from benchmarks.support.graph_students.student import Array, OperandUse, backward, forward
from verifier.documents.graph import read_graph
from verifier.engine.estimate import Estimate
from verifier.engine.graph_rounding import rounding
from verifier.judging.consensus import combine_answers
from verifier.oracles import GRAPH_ORACLES, ask
from verifier.pipeline.graphs import judge_graph
from verifier.problem.graph import INPUT, NODE, GraphProblem, node_name
from verifier.problem.precision import PRECISIONS
from verifier.report.model import UNEXPLAINED_ID, Diagnosis
from verifier.testing.random_graphs import seeded_graph

MOST_NODES = 60
TARGET = 0.99
FAR = 1e-3  # least change by a mistake, relative to the sum of an entry's contributions
TINY = 1e-12
SLICES = ("parameters alone", "every third")


@dataclass(frozen=True)
class PlantedGraphBug:
    """Diagnosis of one mistake in one graph.

    at: gradient with the mistake.
    located: True if the diagnosis has one row, at the right gradient.
    named: True if a row names the mistake.
    stretch: for partial submissions, True if every row is at the mistake, in a stretch that contains it, or
        at a submitted gradient that it reaches first; None if no submitted gradient is wrong.
    """

    seed: int
    mistake: str
    at: str
    located: bool
    named: bool
    stretch: Mapping[str, bool | None]


@dataclass(frozen=True)
class GraphResult:
    """Results for one graph.

    disputes: contradictions between oracles.
    unanswered: oracles without an answer.
    outside: entries whose certified interval contradicts the value of 77 digits.
    wrong, undecided: correct gradients that are judged incorrect, and their undecided entries.
    """

    seed: int
    nodes: int
    entries: int
    kinks: bool
    disputes: tuple[str, ...]
    unanswered: tuple[str, ...]
    outside: int
    wrong: tuple[str, ...]
    undecided: int
    planted: tuple[PlantedGraphBug, ...] = field(default=())


def nodes_of(seed: int) -> int:
    return int(np.random.default_rng([seed, 1]).integers(3, MOST_NODES + 1))


def check_graph(seed: int) -> GraphResult:
    """Draw a graph, run all oracles, and judge correct gradients and gradients with mistakes."""
    document = seeded_graph(seed, nodes_of(seed))
    problem = with_all_requested(document)
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    answers = ask(problem, float64_rounding, list(GRAPH_ORACLES))
    shapes = {key: problem.shapes()[node_name(key)] for key in problem.requested}
    consensus = combine_answers(answers, shapes)
    values = forward(document)
    right, uses = backward(document, values)
    report = judge_graph(_submitted_document(document, problem, right))
    truth, bounds = answers["high_precision"].gradient, answers["backpropagation"].gradient
    return GraphResult(
        seed=seed,
        nodes=len(problem.nodes),
        entries=sum(int(np.prod(shape)) for shape in shapes.values()),
        kinks=bool(float64_rounding.kinks),
        disputes=tuple(map(str, consensus.disputes)),
        unanswered=tuple(name for name, answer in answers.items() if not answer.gradient),
        outside=sum(_entries_outside_errors(bounds[key], truth[key]) for key in truth),
        wrong=tuple(name for name, row in report.parameters.items() if row.incorrect),
        undecided=sum(row.undecided for row in report.parameters.values()),
        planted=tuple(_judge_mistake(seed, document, problem, values, right, uses)),
    )


def with_all_requested(document: Mapping[str, Any]) -> GraphProblem:
    problem = read_graph({**document, "gradients": {}}).problem
    data = {node.operands[place] for node in problem.nodes for place in node.data}
    inputs = [INPUT + name for name in problem.inputs if name not in data]
    return problem.with_requested(
        (*inputs, *problem.parameters, *(NODE + node.name for node in problem.nodes))
    )


def _entries_outside_errors(bound: Estimate, truth: Estimate) -> int:
    """Return the number of entries whose two error intervals do not intersect."""
    subgradient_radius = 0.0 if bound.subgradient_radius is None else bound.subgradient_radius
    far = np.abs(bound.value - truth.value) > bound.error + subgradient_radius + truth.error
    return int((far & np.isfinite(bound.error) & np.isfinite(truth.error)).sum())


def _submitted_document(
    document: Mapping[str, Any], problem: GraphProblem, gradients: Mapping[str, Array]
) -> Any:
    return read_graph(
        {**document, "gradients": {key: gradients[node_name(key)] for key in problem.requested}}
    )


def _judge_mistake(
    seed: int,
    document: Mapping[str, Any],
    problem: GraphProblem,
    values: Mapping[str, Array],
    right: Mapping[str, Array],
    uses: Mapping[str, list[OperandUse]],
) -> Iterable[PlantedGraphBug]:
    rng = np.random.default_rng([seed, 2])
    for mistakes in (CATALOGUED, UNCATALOGUED):
        choice = _choose_mistake(rng, mistakes, seed, problem, right, uses)
        if choice is None:
            continue
        mistake, at, wrong = choice
        gradients, _ = backward(document, values, at, lambda uses, wrong=wrong: wrong)
        if not all(np.isfinite(gradient).all() for gradient in gradients.values()):
            continue
        report = judge_graph(_submitted_document(document, problem, gradients), oracles=("backpropagation",))
        key = next(name for name in problem.requested if node_name(name) == at)
        if report.parameters[key].subgradients or not report.parameters[key].incorrect:
            continue  # at a kink it may be right
        rows = [row.node for row in report.diagnosis]
        named = any(mistake.name in (row.bug, *row.also_consistent) for row in report.diagnosis)
        stretch = {
            name: _stretch_contains(document, problem, gradients, at, submitted_gradients(problem, name))
            for name in SLICES
        }
        yield PlantedGraphBug(seed, mistake.name, key, rows == [key], named, stretch)


def _choose_mistake(
    rng: np.random.Generator,
    mistakes: tuple[GraphMistake, ...],
    seed: int,
    problem: GraphProblem,
    right: Mapping[str, Array],
    uses: Mapping[str, list[OperandUse]],
) -> tuple[GraphMistake, str, Array] | None:
    """Return a mistake, a random gradient where it is possible and visible, and the wrong gradient.

    The mistakes are tried in turn, starting at the seed's; None if none is possible.
    """
    for turn in range(len(mistakes)):
        mistake = mistakes[(seed + turn) % len(mistakes)]
        for place in rng.permutation(len(problem.requested)):
            at = node_name(problem.requested[place])
            carrying = [use for use in uses[at] if np.any(use.share)]
            if not carrying:
                continue
            wrong = mistake.made(carrying, int(rng.integers(len(carrying))))
            if wrong is None or not np.isfinite(wrong).all():
                continue
            size = sum(np.abs(use.share) for use in carrying)
            if (np.abs(wrong - right[at]) > FAR * size + TINY).any():
                return mistake, at, np.asarray(wrong)
    return None


def submitted_gradients(problem: GraphProblem, name: str) -> tuple[str, ...]:
    """Return the names of the gradients in a partial submission."""
    parameters = [key for key in problem.requested if key in problem.parameters]
    if name == "parameters alone":
        return tuple(parameters)
    others = [key for key in problem.requested if key not in problem.parameters]
    return (*parameters, *others[::3])


def _stretch_contains(
    document: Mapping[str, Any],
    problem: GraphProblem,
    gradients: Mapping[str, Array],
    at: str,
    submitted: tuple[str, ...],
) -> bool | None:
    submission = read_graph({**document, "gradients": {key: gradients[node_name(key)] for key in submitted}})
    report = judge_graph(submission, oracles=("backpropagation",))
    if not any(row.incorrect for row in report.parameters.values()):
        return None
    expected = {at, *_previous_node(problem, at, {node_name(key) for key in submitted})}
    return bool(report.diagnosis) and all(_is_at(row, at, expected) for row in report.diagnosis)


def _is_at(row: Diagnosis, at: str, expected: set[str]) -> bool:
    """True if a row names an expected place, a stretch around the mistake, or a rule with its numbers."""
    if row.node is not None and node_name(row.node) in expected:
        return True
    if row.bug == UNEXPLAINED_ID:
        return at in row.estimates.get("nodes", ())
    return set(map(node_name, row.parameters)) <= expected or row.node is None


def _previous_node(problem: GraphProblem, at: str, known: set[str]) -> set[str]:
    """Return the known names that a mistake reaches first on the way back: `at` or its ancestors."""
    operands = {node.name: node.operands for node in problem.nodes}
    reached, open_names, seen = set(), [at], set()
    while open_names:
        name = open_names.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in known:
            reached.add(name)
        else:
            open_names.extend(operands.get(name, ()))
    return reached


def _print_tables(results: list[GraphResult]) -> None:
    nodes = [row.nodes for row in results]
    print(f"{len(results)} graphs of {min(nodes)} to {max(nodes)} nodes, {sum(nodes)} nodes in all,")
    entries, kinks = sum(row.entries for row in results), sum(row.kinks for row in results)
    print(f"  {entries} entries of gradients; at a kink: {kinks}")
    print(f"  oracles asked: {', '.join(GRAPH_ORACLES)}")
    print(f"  graphs with a dispute: {sum(bool(row.disputes) for row in results)}")
    unanswered = Counter(name for row in results for name in row.unanswered)
    print(f"  graphs that an oracle gave no answer to: {dict(unanswered) or 'none'}")
    print(f"  entries whose bound misses the truth at 77 digits: {sum(row.outside for row in results)}")
    wrong = sum(bool(row.wrong) for row in results)
    print(f"  right gradients of another reverse mode: {wrong} graphs with an incorrect one,")
    print(f"    {sum(row.undecided for row in results)} entries undecided")
    planted = [row for graph in results for row in graph.planted]
    print(f"\n{'planted':29} made  located  named")
    for name, mistake in MISTAKES.items():
        rows = [row for row in planted if row.mistake == name]
        named = f"{sum(row.named for row in rows):6}" if mistake.catalogued else ""
        print(f"{name:29} {len(rows):4} {sum(row.located for row in rows):8} {named}".rstrip())
    print()
    print(f"located at its node: {_share([row.located for row in planted])} (target {TARGET:.0%})")
    of_catalogue = [row for row in planted if MISTAKES[row.mistake].catalogued]
    print(f"named, of those in the table: {_share([row.named for row in of_catalogue])}")
    for name in SLICES:
        in_stretch = [bool(row.stretch[name]) for row in planted if row.stretch[name] is not None]
        print(f"handed in {name}, and visible: in the right stretch {_share(in_stretch)}")
    missed = [f"{row.mistake} at {row.at} of graph {row.seed}" for row in planted if not row.located]
    if missed:
        print("\nnot located:", ", ".join(missed[:20]))


def _share(successes: list[bool]) -> str:
    return f"{sum(successes)} of {len(successes)} = {np.mean(successes):.2%}" if successes else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    started = perf_counter()
    seeds = range(arguments.first, arguments.first + arguments.graphs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, mp_context=context) as pool:
        results = list(pool.map(check_graph, seeds, chunksize=10))
    _print_tables(results)
    print(f"\n{perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
