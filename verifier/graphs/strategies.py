"""Hypothesis strategies for graphs and for submissions of graphs, right ones or with a wrong local rule.

Everything shrinks: to one node, one number, small whole values. Needs hypothesis
(`pip install "gradjury[test]"`).
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

_GO_ON = st.integers(0, 7)  # 0 is the end; deleting what stands for a step leaves the others as they are


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    operations: Sequence[str] = tuple(FORMS),
    most_nodes: int = 12,
) -> dict[str, Any]:
    """Draw the document of a valid graph without gradients, its numbers in arrays.

    operations: what nodes may be, beside `sum`, `mean`, `multiply`, `add` and `mse`, which make one number
    of what nobody uses. Raises: ValueError for a name that is no operation's.
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
    known = _one_of(tuple(operations))
    while growth.has_room and draw(_one_step(growth, known)):
        pass
    document = growth.document()
    assume(document is not None)
    assert document is not None  # or it was assumed away
    return document


@st.composite
def _one_step(draw: st.DrawFn, growth: Growth, operations: st.SearchStrategy[str]) -> bool:
    if not draw(_GO_ON):
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
    """Draw a submission of all gradients: right ones, or with one wrong local rule at one place.

    rule: a row of `LOCAL_RULES`; what comes behind it inherits the mistake. choices: see `graphs`. Graphs in
    which it cannot be made, or changes nothing, are passed over.
    """
    document = draw(graphs(**choices))
    right = right_gradients(document)
    if rule is None:
        return read_graph(with_lists({**document, "gradients": right}))
    problem = read_graph({**document, "gradients": right}).problem
    made = [
        mutant
        for mutant in graph_mutants(problem, [rule])
        if any(not np.array_equal(own, right[key]) for key, own in mutant.gradients.items())
    ]
    assume(made)
    return read_graph(with_lists({**document, "gradients": dict(made[draw(_below(len(made)))].gradients)}))
