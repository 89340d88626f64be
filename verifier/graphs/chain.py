"""Where the chain first breaks: the wrong gradients that follow from right ones alone."""

from collections.abc import Mapping, Sequence

from verifier.graphs.problem import NODE, GraphProblem, plain


def first_breaks(problem: GraphProblem, wrong: Mapping[str, bool]) -> list[str]:
    """Give, output first, the submitted gradients that are wrong although all after them are right.

    wrong: by the names of gradients that were submitted. What stands between, and was not submitted, is
    looked through: a gradient inherits from the next ones behind it that are known.
    """
    by_plain = {plain(key): key for key in wrong}
    spoiled: dict[str, bool] = {}  # by plain name: whether a wrong gradient stands behind it
    consumers: dict[str, list[str]] = {}
    for node in problem.nodes:
        for operand in node.operands:
            consumers.setdefault(operand, []).append(node.name)
    found: list[str] = []
    for name in reversed(_names(problem)):
        behind = any(_carries(spoiled, by_plain, wrong, own) for own in consumers.get(name, ()))
        spoiled[name] = behind
        key = by_plain.get(name)
        if key is not None and wrong[key] and not behind:
            found.append(key)
    return found


def _carries(
    spoiled: Mapping[str, bool], by_plain: Mapping[str, str], wrong: Mapping[str, bool], name: str
) -> bool:
    """Whether what this node hands back is wrong already: by its own gradient where that is known."""
    key = by_plain.get(name)
    return spoiled[name] if key is None else wrong[key]


def _names(problem: GraphProblem) -> Sequence[str]:
    return [*(name for name, _ in problem.leaves()), *(node.name for node in problem.nodes)]


def place(problem: GraphProblem, key: str) -> str:
    """Name a gradient with what its value is made by: `nodes.h1 (tanh)`."""
    operations = {NODE + node.name: node.operation.name for node in problem.nodes}
    return f"{key} ({operations[key]})" if key in operations else key
