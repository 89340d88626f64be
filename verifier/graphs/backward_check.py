"""check_graph_backward(): a backward function for graphs in, the smallest graph on which it is wrong out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from verifier.diagnosis.finding import UNEXPLAINED_ID
from verifier.documents.json_text import write
from verifier.documents.submission_document import with_lists
from verifier.exporters import diagnosis, sentences
from verifier.graphs.drawing.forms import FORMS
from verifier.graphs.drawing.seeded import seeded_graph
from verifier.graphs.judging import judge_graph
from verifier.graphs.reading.submission import read_graph
from verifier.graphs.strategies import graphs
from verifier.report import Report
from verifier.verdict import Verdict

GraphBackward = Callable[[dict[str, Any]], Mapping[str, Any]]

_QUICK = ("backpropagation",)  # the certified reference alone: enough to find a failure
_QUIET = tuple(HealthCheck)
_DRAWS = 120  # for each number of nodes
_TELLING = 20  # likewise, with numbers in general position
_LONGEST_REPLAY = 2000  # characters


@dataclass(frozen=True, slots=True)
class GraphFailure:
    """name: the function's. document: the smallest graph on which it is wrong. raised: what it raised there.

    report: on that graph. diagnosed: on a larger one, whose numbers tell mistakes apart.
    replay: the smallest graph as a submission, JSON text; empty where the function gave none.
    """

    name: str
    document: Mapping[str, Any]
    raised: str | None
    report: Report | None
    diagnosed: Report | None
    replay: str


def check_graph_backward(
    backward: GraphBackward,
    *,
    operations: Sequence[str] = tuple(FORMS),
    most_nodes: int = 12,
    graphs: int = 200,
) -> GraphFailure | None:
    """Try a backward function on so many generated graphs; None where it is right on all.

    backward: takes a graph's document, arrays in place of lists, and gives gradients by name: of all
    parameters, and of inputs (`inputs.x`) and nodes (`nodes.h`) as it likes. operations: those that it knows,
    beside `sum`, `mean`, `multiply`, `add` and `mse`, by which every graph ends in one number.
    """
    drawn = (seeded_graph(seed, most_nodes, operations) for seed in range(graphs))
    first = next((document for document in drawn if _is_wrong(backward, document)), None)
    if first is None:
        return None
    operations = sorted({node["op"] for node in first["network"]["nodes"]}, key=list(FORMS).index)
    smallest = _smallest(backward, operations, most_nodes) or first
    telling = _telling(backward, operations, most_nodes) or first
    name = getattr(backward, "__name__", type(backward).__name__)
    try:
        report, document = _judged(backward, smallest)
    except Exception as error:  # the function's own, or what it gave is no gradient: told to its writer
        return GraphFailure(name, smallest, f"{type(error).__name__}: {error}", None, None, "")
    try:
        diagnosed = _judged(backward, telling)[0]
    except Exception:  # it is the smallest graph on which it is told what the function does wrong
        diagnosed = None
    replay = write(with_lists(document))
    return GraphFailure(
        name, smallest, None, report, diagnosed, replay if len(replay) <= _LONGEST_REPLAY else ""
    )


def told_of_graph(failure: GraphFailure) -> Iterator[str]:
    """Say which graph shows it, what is wrong there, and which rule was broken, in a dozen lines."""
    nodes = failure.document["network"]["nodes"]
    yield (
        f"{failure.name} is wrong; the smallest graph that shows it: "
        f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    )
    yield f"  {'; '.join(_written(node) for node in nodes[:8])}{' …' if len(nodes) > 8 else ''}"
    if failure.raised is not None:
        yield f"  there it raises {failure.raised}"
    for gradient in failure.report.parameters.values() if failure.report is not None else ():
        if gradient.verdict is Verdict.INCORRECT:
            entry = gradient.worst[0]
            yield f"  {gradient.name} {list(entry.index)}: {sentences.entry(entry)}"
            break
        if gradient.verdict is Verdict.MISSING:
            yield f"  {gradient.name}: no gradient was given"
            break
    rows = failure.diagnosed.diagnosis if failure.diagnosed is not None else ()
    if rows and rows[0].bug != UNEXPLAINED_ID:
        yield "  on a graph whose numbers tell mistakes apart:"
    elif failure.report is not None:
        rows = failure.report.diagnosis
    yield from (f"  {line}" for row in rows[:1] for line in diagnosis.in_brief(row))
    if failure.replay:
        yield "  replay: save the next line as smallest.json, then: gradjury check smallest.json"
        yield failure.replay


def _written(node: Mapping[str, Any]) -> str:
    options = [f"{key}={value}" for key, value in node.items() if key not in ("name", "op", "args")]
    return f"{node['name']} = {node['op']}({', '.join([*map(str, node['args']), *options])})"


def _telling(backward: GraphBackward, operations: Sequence[str], most: int) -> dict[str, Any] | None:
    """Give a small graph with numbers in general position, in which mistakes look different."""
    drawn = (
        seeded_graph(seed, nodes, operations) for nodes in range(2, most + 1) for seed in range(_TELLING)
    )
    return next((document for document in drawn if _is_wrong(backward, document)), None)


def _smallest(backward: GraphBackward, operations: Sequence[str], most: int) -> dict[str, Any] | None:
    """Look at graphs of few nodes first."""
    for nodes in range(1, most + 1):
        chosen = settings(
            max_examples=_DRAWS,
            phases=(Phase.generate, Phase.shrink),
            database=None,
            deadline=None,
            suppress_health_check=_QUIET,
        )
        strategy = graphs(operations=operations, most_nodes=nodes)
        try:
            return find(strategy, lambda own: _is_wrong(backward, own), settings=chosen, random=Random(0))
        except NoSuchExample:
            continue
    return None


def _is_wrong(backward: GraphBackward, document: Mapping[str, Any]) -> bool:
    """Say whether the function gives an incorrect gradient, none at all, or raises."""
    try:
        return _judged(backward, document, quick=True)[0].verdict is Verdict.INCORRECT
    except Exception:  # whatever a student's function raises is a failure of it; it is shown when it is told
        return True


def _judged(
    backward: GraphBackward, document: Mapping[str, Any], *, quick: bool = False
) -> tuple[Report, dict[str, Any]]:
    """Give the report, and the document with the gradients that the function gives for it."""
    given = backward(deepcopy(dict(document)))
    if not isinstance(given, Mapping):
        raise TypeError(
            f"expected gradients as a dict by name, got {type(given).__name__}; the function must return them"
        )
    answered = {**document, "gradients": dict(given)}
    submission = read_graph(answered)
    report = judge_graph(submission, oracles=_QUICK if quick else None, diagnosis=not quick)
    return report, answered
