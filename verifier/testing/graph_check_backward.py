"""Check a backward function for computation graphs on generated graphs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from verifier.documents.graph import read_graph
from verifier.documents.json import to_json
from verifier.documents.writing import arrays_to_lists
from verifier.pipeline.graphs import judge_graph
from verifier.report import wording
from verifier.report import wording as diagnosis
from verifier.report.model import UNEXPLAINED_ID
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.testing.graph_interpreter import GraphInterpreter
from verifier.testing.random_graph_forms import BASIC_OPERATIONS, FORMS
from verifier.testing.random_graphs import GraphLimits, seeded_graph
from verifier.testing.strategies import graphs

GraphBackward = Callable[[dict[str, Any]], Mapping[str, Any]]

_QUICK = ("backpropagation",)  # one certified oracle is enough to find a failure
_NO_HEALTH_CHECKS = tuple(HealthCheck)
_DRAWS = 120  # graphs per number of nodes
_INFORMATIVE_DRAWS = 20  # graphs per number of nodes, with values in general position
_LONGEST_REPLAY = 2000  # characters
_MOST_DRAWN = 5  # times as many graphs, where the function does not offer some


@dataclass(frozen=True, slots=True)
class GraphFailure:
    """Failure of a backward function.

    name: name of the function.
    document: smallest graph with a wrong gradient.
    raised: exception of the function on this graph, as text.
    report: report on this graph.
    informative: larger graph, whose values distinguish more bugs.
    diagnosed: report on the larger graph.
    replay: JSON text of the smallest graph as a submission; empty if there are no gradients or if it is too
        long.
    """

    name: str
    document: Mapping[str, Any]
    raised: str | None
    report: Report | None
    diagnosed: Report | None
    replay: str
    informative: Mapping[str, Any] | None = None


def check_graph_backward(
    backward: GraphBackward,
    *,
    operations: Sequence[str] | Mapping[str, Callable[..., Any]] = BASIC_OPERATIONS,
    most_nodes: int = 12,
    graphs: int = 200,
    dimensions: Sequence[int] | None = None,
    axes: bool = True,
    broadcasting: bool = True,
    inner: bool = False,
    run_backward: Callable[[Any], Any] | None = None,
    gradient: Callable[[Any], Any] | None = None,
) -> GraphFailure | None:
    """Check a backward function on generated graphs.

    `NotImplementedError` from the function means that it does not offer what the graph has; the graph is
    left out.

    Parameters
    ----------
    backward : callable
        Function of a graph's document, with arrays instead of lists, that returns gradients by name: of all
        parameters and, optionally, of inputs (`inputs.x`) and nodes (`nodes.h`). With a table of operations,
        the function that makes an engine's tensor of an array, such as its class.
    operations : sequence of str, or mapping of str to callable
        Operations that the function supports. It must also support `sum`, `mean`, `multiply`, `add` and
        `mse`, which reduce the graph to one number. A mapping is a table of an engine's functions, which take
        tensors, numbers and the operation's options as keywords; then the graph is reduced by those in it.
    most_nodes : int
        Bound on the number of nodes.
    graphs : int
        Number of graphs.
    dimensions : sequence of int, optional
        The numbers of axes that tensors may have, such as ``[0]`` for scalars; up to 3 by default.
    axes : bool
        False for no reductions along single axes.
    broadcasting : bool
        False for operands of equal shapes alone.
    inner : bool
        With a table: True to check the gradients of inner tensors as well.
    run_backward, gradient : callable, optional
        With a table: how an engine computes all gradients from the last tensor, and how it returns the
        gradient of a tensor. By default the method `backward` and the attribute `grad`.

    Returns
    -------
    GraphFailure or None
        Failure on the smallest graph with a wrong gradient; None if all gradients are correct.

    Raises
    ------
    ValueError
        If no graph could be judged.

    Examples
    --------
    >>> failure = check_graph_backward(my_backward, operations=["matmul", "add", "relu"])
    >>> assert failure is None
    >>> table = {"add": Tensor.__add__, "multiply": Tensor.__mul__, "sum": Tensor.sum, "tanh": Tensor.tanh}
    >>> assert check_graph_backward(Tensor, operations=table, axes=False) is None
    """
    dimensions = None if dimensions is None else tuple(dimensions)
    limits = GraphLimits(dimensions, axes, broadcasting)
    if isinstance(operations, Mapping):
        limits = replace(limits, reductions=tuple(name for name in limits.reductions if name in operations))
        scalars = dimensions == (0,)
        backward = GraphInterpreter(backward, operations, run_backward, gradient, inner, scalars)
        operations = tuple(operations)
    unknown = [name for name in operations if name not in FORMS]
    if unknown:
        raise ValueError(f"expected operations among {', '.join(FORMS)}, got {', '.join(unknown)}")
    first, judged = None, 0
    for seed in range(_MOST_DRAWN * graphs):
        document = seeded_graph(seed, most_nodes, operations, limits)
        wrong = _is_wrong(backward, document)
        judged += wrong is not None
        first = document if wrong else None
        if first is not None or judged == graphs:
            break
    if not judged:
        raise ValueError(
            "the function raised NotImplementedError for every graph, so nothing was checked: name the "
            "operations that it offers, or limit dimensions, axes and broadcasting"
        )
    if first is None:
        return None
    operations = sorted({node["op"] for node in first["network"]["nodes"]}, key=list(FORMS).index)
    smallest = _smallest(backward, operations, most_nodes, limits) or first
    informative = _informative(backward, operations, most_nodes, limits) or first
    name = getattr(backward, "__name__", type(backward).__name__)
    try:
        report, document = _judge(backward, smallest)
    except Exception as error:  # raised by the function, or its result is not a gradient
        return GraphFailure(name, smallest, f"{type(error).__name__}: {error}", None, None, "")
    try:
        diagnosed = _judge(backward, informative)[0]
    except Exception:  # exceptions are reported for the smallest graph only
        diagnosed = None
    replay = to_json(arrays_to_lists(document))
    replay = replay if len(replay) <= _LONGEST_REPLAY else ""
    return GraphFailure(name, smallest, None, report, diagnosed, replay, informative)


def graph_failure_lines(failure: GraphFailure) -> Iterator[str]:
    """Yield at most a dozen lines about a failure: the graph, a wrong entry, the bug and the replay."""
    nodes = failure.document["network"]["nodes"]
    yield (
        f"{failure.name} is wrong; the smallest graph that shows it: "
        f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    )
    yield f"  {_graph_text(nodes)}"
    if failure.raised is not None:
        yield f"  there it raises {failure.raised}"
    for gradient in failure.report.parameters.values() if failure.report is not None else ():
        if gradient.verdict is Verdict.INCORRECT:
            entry = gradient.worst[0]
            yield f"  {gradient.name} {list(entry.index)}: {wording.entry(entry)}"
            break
        if gradient.verdict is Verdict.MISSING:
            yield f"  {gradient.name}: no gradient was given"
            break
    rows = failure.diagnosed.diagnosis if failure.diagnosed is not None else ()
    if rows and rows[0].bug != UNEXPLAINED_ID:
        larger = (failure.informative or {}).get("network", {}).get("nodes", nodes)
        yield f"  on a graph whose numbers tell mistakes apart: {_graph_text(larger)}"
    elif failure.report is not None:
        rows = failure.report.diagnosis
    yield from (f"  {line}" for row in rows[:1] for line in diagnosis.failure_lines(row))
    if failure.replay:
        yield "  replay: save the next line as smallest.json, then: gradjury check smallest.json"
        yield failure.replay


def _graph_text(nodes: Sequence[Mapping[str, Any]]) -> str:
    return f"{'; '.join(_node_text(node) for node in nodes[:8])}{' …' if len(nodes) > 8 else ''}"


def _node_text(node: Mapping[str, Any]) -> str:
    options = [f"{key}={value}" for key, value in node.items() if key not in ("name", "op", "args")]
    return f"{node['name']} = {node['op']}({', '.join([*map(str, node['args']), *options])})"


def _informative(
    backward: GraphBackward, operations: Sequence[str], most: int, limits: GraphLimits
) -> dict[str, Any] | None:
    """Return a small failing graph with values in general position, in which bugs differ."""
    documents = (
        seeded_graph(seed, nodes, operations, limits)
        for nodes in range(2, most + 1)
        for seed in range(_INFORMATIVE_DRAWS)
    )
    return next((document for document in documents if _is_wrong(backward, document)), None)


def _smallest(
    backward: GraphBackward, operations: Sequence[str], most: int, limits: GraphLimits
) -> dict[str, Any] | None:
    """Return a failing graph with the smallest number of nodes, shrunk; None if none is found."""
    for nodes in range(1, most + 1):
        search_settings = settings(
            max_examples=_DRAWS,
            phases=(Phase.generate, Phase.shrink),
            database=None,
            deadline=None,
            suppress_health_check=_NO_HEALTH_CHECKS,
        )
        strategy = graphs(operations=operations, most_nodes=nodes, limits=limits)
        try:
            return find(
                strategy,
                lambda graph: bool(_is_wrong(backward, graph)),
                settings=search_settings,
                random=Random(0),
            )
        except NoSuchExample:
            continue
    return None


def _is_wrong(backward: GraphBackward, document: Mapping[str, Any]) -> bool | None:
    """True if the function raises, or returns an incorrect gradient or none; None if it is not offered."""
    try:
        return _judge(backward, document, quick=True)[0].verdict is Verdict.INCORRECT
    except NotImplementedError:
        return None
    except Exception:  # any exception is a failure; its text is reported for the smallest graph
        return True


def _judge(
    backward: GraphBackward, document: Mapping[str, Any], *, quick: bool = False
) -> tuple[Report, dict[str, Any]]:
    """Return the report, and the document with the gradients that the function returns for it."""
    gradients = backward(deepcopy(dict(document)))
    if not isinstance(gradients, Mapping):
        raise TypeError(
            f"expected gradients as a dict by name, got {type(gradients).__name__}; "
            "the function must return them"
        )
    submitted = {**document, "gradients": dict(gradients)}
    submission = read_graph(submitted)
    report = judge_graph(submission, oracles=_QUICK if quick else None, diagnosis=not quick)
    return report, submitted
