"""Find the wrong gradients that are computed from right ones: where the chain rule was first broken."""

from collections.abc import Mapping, Sequence

from verifier.graphs.problem import NODE, GraphProblem, plain


def first_breaks(problem: GraphProblem, wrong: Mapping[str, bool]) -> list[str]:
    """Return, output first, the wrong gradients for which all gradients after them are right.

    wrong: by the names of submitted gradients. A node whose gradient was not submitted counts as wrong if a
    node after it is.
    """
    by_plain = {plain(key): key for key in wrong}
    wrong_downstream: dict[str, bool] = {}  # by plain name, True if a node after it has a wrong gradient
    consumers: dict[str, list[str]] = {}
    for node in problem.nodes:
        for operand in node.operands:
            consumers.setdefault(operand, []).append(node.name)
    breaks: list[str] = []
    for name in reversed(_names(problem)):
        inherits_error = any(
            _passes_error_on(wrong_downstream, by_plain, wrong, consumer)
            for consumer in consumers.get(name, ())
        )
        wrong_downstream[name] = inherits_error
        key = by_plain.get(name)
        if key is not None and wrong[key] and not inherits_error:
            breaks.append(key)
    return breaks


def _passes_error_on(
    wrong_downstream: Mapping[str, bool], by_plain: Mapping[str, str], wrong: Mapping[str, bool], name: str
) -> bool:
    """True if the node passes a wrong gradient on: by its own gradient where that was submitted."""
    key = by_plain.get(name)
    return wrong_downstream[name] if key is None else wrong[key]


def _names(problem: GraphProblem) -> Sequence[str]:
    return [*(name for name, _ in problem.leaves()), *(node.name for node in problem.nodes)]


def place(problem: GraphProblem, key: str) -> str:
    """Return a gradient's name with the operation of its node: `nodes.h1 (tanh)`."""
    operations = {NODE + node.name: node.operation.name for node in problem.nodes}
    return f"{key} ({operations[key]})" if key in operations else key
