"""Units perturbed in all rows at once give the slopes that entries perturbed one by one give."""

from typing import Any

import numpy as np
import pytest

from benchmarks.judging import document
from reference_impl.array import Array
from tests.pairwise import check_rows, each
from tests.verifier.graph_builders import problem_of
from verifier import verify
from verifier.documents.lowering import graph_document
from verifier.documents.reading import read_submission
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.engine.graph_rounding import rounding
from verifier.engine.row_perturbation import row_path, row_slopes
from verifier.judging.consensus import combine_answers
from verifier.oracles import answer_of, graph_finite_differences
from verifier.problem.graph import GraphProblem, node_name
from verifier.problem.precision import PRECISIONS
from verifier.testing.random_graphs import seeded_graph

N = 5


def node(name: str, op: str, *args: Any, **options: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "args": list(args), **options}


def problem(nodes: list[dict[str, Any]], **arrays: tuple[int, ...]) -> GraphProblem:
    """Return a problem with random values; names in capitals are parameters."""
    rng = np.random.default_rng(3)
    values = {name: rng.normal(size=shape) for name, shape in arrays.items()}
    inputs = {name: array for name, array in values.items() if not name[0].isupper()}
    return problem_of(
        {
            "network": {"inputs": list(inputs), "nodes": nodes, "output": nodes[-1]["name"]},
            "inputs": inputs,
            "parameters": {name: array for name, array in values.items() if name[0].isupper()},
        }
    )


def attention() -> GraphProblem:
    """Return one head of attention over three words, in each of N rows."""
    return problem(
        [
            node("q", "matmul", "x", "Q"),
            node("k", "matmul", "x", "K"),
            node("kt", "transpose", "k", axes=[0, 2, 1]),
            node("scores", "matmul", "q", "kt"),
            node("shares", "softmax", "scores"),
            node("mixed", "matmul", "shares", "x"),
            node("flat", "reshape", "mixed", shape=[N, 12]),
            node("loss", "mse", "flat", "t"),
        ],
        x=(N, 3, 4),
        t=(N, 12),
        Q=(4, 2),
        K=(4, 2),
    )


def recurrent() -> GraphProblem:
    """Return two steps with the same weights, whose risk is a mean times a number less a number."""
    return problem(
        [
            node("a0", "matmul", "x", "W"),
            node("b0", "add", "a0", "B"),
            node("h0", "tanh", "b0"),
            node("a1", "matmul", "h0", "W"),
            node("b1", "add", "a1", "B"),
            node("h1", "sigmoid", "b1"),
            node("both", "multiply", "h1", "h0"),
            node("squares", "power", "both", exponent=2),
            node("mean", "mean", "squares"),
            node("third", "divide", "mean", 3.0),
            node("less", "subtract", 2.0, "third"),
            node("opposite", "negate", "less"),
        ],
        x=(N, 3),
        W=(3, 3),
        B=(3,),
    )


def normalised() -> GraphProblem:
    """Return a network with a mean over the rows, through which they influence each other."""
    return problem(
        [
            node("a", "matmul", "x", "W"),
            node("mean", "mean", "a", axis=0),
            node("centred", "subtract", "a", "mean"),
            node("h", "tanh", "centred"),
            node("b", "matmul", "h", "V"),
            node("loss", "mse", "b", "t"),
        ],
        x=(N, 3),
        t=(N, 2),
        W=(3, 4),
        V=(4, 2),
    )


def slopes_by_backpropagation(problem: GraphProblem, name: str) -> Array:
    gradients = gradients_of(problem, values_of(problem, FLOATS), FLOATS)
    return np.asarray(gradients[name])


@pytest.mark.parametrize(
    ("build", "separate", "mixed"),
    [
        (attention, ["x", "q", "k", "kt", "scores", "shares", "mixed", "flat"], ["Q", "K"]),
        (
            recurrent,
            ["x", "a0", "b0", "h0", "a1", "b1", "h1", "both", "squares"],
            ["W", "B", "mean", "third"],
        ),
        (normalised, ["centred", "h", "b"], ["x", "a", "W", "V"]),
    ],
)
def test_a_path_of_rows_ends_where_rows_meet(build: Any, separate: list[str], mixed: list[str]) -> None:
    graph = build()
    assert [name for name in (*separate, *mixed) if row_path(graph, name) is not None] == separate


@each([attention, recurrent, normalised])
def test_slopes_of_all_rows_are_those_of_reverse_mode(build: Any) -> None:
    graph = build()
    base, noise = values_of(graph, FLOATS), rounding(graph, PRECISIONS["float64"]).risk_error
    paths = [path for name in base if (path := row_path(graph, name)) is not None]
    assert paths
    for path in paths:
        slopes = row_slopes(base, path, np.arange(path.units), noise)
        expected = slopes_by_backpropagation(graph, path.name).reshape(slopes.value.shape)
        assert np.isfinite(slopes.error).all(), path.name
        assert (np.abs(slopes.value - expected) <= slopes.error).all(), path.name
        assert slopes.error.max() < 1e-6 * max(1.0, np.abs(expected).max()), path.name


def test_rows_at_a_kink_are_unknown_and_others_are_not() -> None:
    graph = problem([node("h", "relu", "x"), node("r", "sum", "h")], x=(N, 2))
    graph.inputs["x"][2, 1] = 0.0
    (path,) = [row_path(graph, "x")]
    assert path is not None
    slopes = row_slopes(values_of(graph, FLOATS), path, np.arange(2), 1e-15)
    unknown = np.isinf(slopes.error)
    assert unknown.sum() == 1
    assert unknown[2, 1]


def test_units_that_are_left_out_are_unknown() -> None:
    graph = recurrent()
    path = row_path(graph, "b0")
    assert path is not None
    slopes = row_slopes(values_of(graph, FLOATS), path, np.array([2]), 1e-15)
    assert np.isinf(slopes.error[:, :2]).all()
    assert np.isfinite(slopes.error[:, 2]).all()


def rows_contradict_no_enclosure(seed: int) -> None:
    graph = problem_of(seeded_graph(seed, 16))
    float64_rounding = rounding(graph, PRECISIONS["float64"])
    answers = {
        name: answer_of(name, graph, float64_rounding) for name in ("backpropagation", "finite_differences")
    }
    shapes = {key: graph.shapes()[node_name(key)] for key in graph.requested}
    assert not combine_answers(answers, shapes).disputes
    if not float64_rounding.kinks:
        estimates = answers["finite_differences"].gradient.values()
        assert all(np.isfinite(estimate.error).all() for estimate in estimates)


def test_on_random_graphs_rows_contradict_no_enclosure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_finite_differences, "CHEAP", 0)
    check_rows(rows_contradict_no_enclosure, range(40))


def test_differences_cover_every_entry_of_a_wide_network() -> None:
    layers = document([64, 48, 10], 16)
    report = verify(graph_document(read_submission(layers)))
    (evidence,) = [row for row in report.evidence if row.oracle == "finite_differences"]
    assert (evidence.entries, evidence.reason) == (64 * 48 + 48 + 48 * 10 + 10, "")


def test_beyond_the_budget_units_are_drawn_and_the_evidence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_finite_differences, "MOST_NUMBERS", 1 << 18)
    report = verify(graph_document(read_submission(document([64, 48, 10], 16))))
    (evidence,) = [row for row in report.evidence if row.oracle == "finite_differences"]
    total = 64 * 48 + 48 + 48 * 10 + 10
    assert 0 < evidence.entries < total
    assert evidence.reason == f"{evidence.entries} of {total} entries, drawn at random"
    assert str(report.verdict) == "correct"
