"""Hypothesis strategies for graphs and for submissions of graphs, correct or with one wrong local rule.

Every strategy shrinks towards one node, one number and small whole numbers.
Requires hypothesis (`pip install "gradjury[test]"`).
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from reference_impl.array import Array
from verifier.documents.submission_document import with_lists
from verifier.graphs.diagnosis.mutation import graph_mutants
from verifier.graphs.drawing.domain import Domain
from verifier.graphs.drawing.forms import FORMS
from verifier.graphs.drawing.growing import Growth
from verifier.graphs.examples import right_gradients
from verifier.graphs.operations import OPERATIONS
from verifier.graphs.reading.submission import read_graph
from verifier.graphs.shapes import Shape
from verifier.graphs.submission import GraphSubmission

_CONTINUE = st.integers(0, 7)  # 0 ends the graph; the shrinker can delete one step without changing others


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    operations: Sequence[str] = tuple(FORMS),
    most_nodes: int = 12,
) -> dict[str, Any]:
    """Draw the document of a valid graph without gradients, with its numbers in arrays.

    operations: names of the operations. `sum`, `mean`, `multiply`, `add` and `mse` may occur in addition,
    because they reduce unused nodes to one number.
    Raises: ValueError for an unknown operation.
    """
    unknown = [name for name in operations if name not in FORMS]
    if unknown or not operations:
        raise ValueError(f"expected operations among {', '.join(FORMS)}, got {unknown or 'none'}")

    def choose(count: int) -> int:
        return draw(_below(count))

    def numbers(shape: Shape, domain: Domain) -> Array:
        element = _one_of(domain.numbers)
        return np.array([draw(element) for _ in range(prod(shape))], dtype=np.float64).reshape(shape)

    growth = Growth(choose, numbers, most_nodes)
    names = _one_of(tuple(operations))
    while growth.has_room and draw(_one_step(growth, names)):
        pass
    document = growth.document()
    assume(document is not None)
    assert document is not None  # otherwise the assumption failed
    return document


@st.composite
def _one_step(draw: st.DrawFn, growth: Growth, operations: st.SearchStrategy[str]) -> bool:
    if not draw(_CONTINUE):
        return False
    growth.take(OPERATIONS[draw(operations)])
    return True


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


@cache
def _one_of(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def graph_submissions(draw: st.DrawFn, /, rule: str | None = None, **choices: Any) -> GraphSubmission:
    """Draw a submission of all gradients: correct ones, or with one wrong local rule at one place.

    rule: id in `LOCAL_RULES`. Gradients that depend on the wrong one are wrong, too. Graphs in which the rule
    is impossible or changes nothing are rejected.
    choices: arguments of `graphs`.
    """
    document = draw(graphs(**choices))
    right = right_gradients(document)
    if rule is None:
        return read_graph(with_lists({**document, "gradients": right}))
    problem = read_graph({**document, "gradients": right}).problem
    candidates = [
        mutant
        for mutant in graph_mutants(problem, [rule])
        if any(not np.array_equal(gradient, right[key]) for key, gradient in mutant.gradients.items())
    ]
    assume(candidates)
    gradients = dict(candidates[draw(_below(len(candidates)))].gradients)
    return read_graph(with_lists({**document, "gradients": gradients}))
