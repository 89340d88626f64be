"""What the fixture `gradients` does: judge, and say in a dozen lines what is wrong, where, and what next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from verifier.backward_function import Backward
from verifier.documents.json_text import write
from verifier.documents.mistakes import encodable
from verifier.documents.report_document import summary_of
from verifier.documents.report_reading import read_report
from verifier.exporters import EXPORTERS, ExportChoices, diagnosis, sentences
from verifier.exporters.graph import written
from verifier.graphs.problem import NODE
from verifier.importers.refusal import refused
from verifier.operation_check.check import OperationCheck
from verifier.output import opened
from verifier.pipeline import verify
from verifier.report import ParameterReport, Report
from verifier.sourced import Sourced
from verifier.verdict import Verdict

GraphBackward = Callable[[dict[str, Any]], Mapping[str, Any]]

_TOLERANCE = ("preset", "rtol", "atol")


class Subtests(Protocol):
    def test(self, msg: str | None = None, **kwargs: Any) -> AbstractContextManager[None]: ...


class Gradients:
    """The fixture. Every check reports to the summary, and fails its test by one subtest a parameter."""

    def __init__(
        self, subtests: Subtests, record: Callable[[dict[str, Any]], None], options: Mapping[str, Any]
    ) -> None:
        self._subtests = subtests
        self._record = record
        self._options = options

    def check(
        self,
        network: Any,
        loss: Any = None,
        inputs: Any = None,
        targets: Any = None,
        my_gradients: Any = None,
        *,
        gradients: Any = None,
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        **fields: Any,
    ) -> Report:
        """Check gradients against a network's own.

        network: a list of layers, or the document's `network`, with `parameters`; or a live torch module,
        which has its own, and by default its gradients in `.grad`; or a whole submission, of which other
        fields may be given beside it. A graph has its loss among its nodes, its inputs by name; it may be
        the live tensor of PyTorch or of edugrad in which it ends (see `verifier.importers`).
        my_gradients: by parameter, a module's by its own names; also given as `gradients`. fields: any other
        field of a submission, such as precision or masks.
        Raises: MalformedSubmission.
        """
        if my_gradients is None:
            my_gradients = gradients
        if name is not None:
            fields["name"] = name
        if self._tolerance:
            fields["tolerance"] = self._tolerance
        given = {"loss": loss, "inputs": inputs, "targets": targets}
        question = {field: value for field, value in given.items() if value is not None}
        if hasattr(network, "grad_fn") or hasattr(network, "parents"):
            document = _of_tensor(network, parameters, my_gradients, question, fields)
        elif isinstance(network, Mapping) and "network" in network:
            more = {"parameters": parameters, "gradients": my_gradients, **question}
            document = {**network, **{field: own for field, own in more.items() if own is not None}, **fields}
        elif hasattr(network, "named_parameters"):
            document = _of_module(network, parameters, gradients=my_gradients, **given, **fields)
        else:
            document = {**_of_layers(network, parameters), "gradients": my_gradients, **question, **fields}
        report = verify(document, oracles=self._options.get("oracles"))
        self._record(_recorded(report))
        for parameter in report.parameters.values():
            with self._subtests.test(parameter.name):
                if parameter.verdict is not Verdict.CORRECT:
                    pytest.fail("\n".join(_lines(report, parameter)), pytrace=False)
        return report

    def check_backprop(self, my_function: Backward, **question: Any) -> None:
        """Check a backward function on generated problems; fail with the smallest network it is wrong on.

        my_function: takes (parameters, inputs, targets), or (layers, parameters, inputs, targets), and gives
        gradients by parameter. question: see `verifier.backward_check.check_backward`.
        """
        from verifier.backward_check import check_backward, told

        failure = check_backward(my_function, **question)
        if failure is None:
            return
        if failure.report is not None:
            self._record(_recorded(failure.report))
        pytest.fail("\n".join(told(failure)), pytrace=False)

    def check_operation(self, operation: Any, **question: Any) -> OperationCheck:
        """Check one operation, forward and backward; fail with the smallest input on which it is wrong.

        operation: a class or an object with forward and backward, in the lecture's form or edugrad's.
        question: see `verifier.check_operation`. Raises: MalformedSubmission.
        """
        from verifier.operation_check.checking import check_operation
        from verifier.operation_check.wording import in_brief

        check = check_operation(operation, **question)
        if check.report is not None:
            self._record(_recorded(check.report))
        if check.verdict is not Verdict.CORRECT:
            pytest.fail("\n".join(in_brief(check)), pytrace=False)
        return check

    def check_graph_backprop(self, my_function: GraphBackward, **question: Any) -> None:
        """Check a backward function on generated graphs; fail with the smallest graph it is wrong on.

        my_function: takes a graph's document, and gives gradients by name. question: see
        `verifier.graphs.backward_check.check_graph_backward`.
        """
        from verifier.graphs.backward_check import check_graph_backward, told_of_graph

        failure = check_graph_backward(my_function, **question)
        if failure is None:
            return
        if failure.report is not None:
            self._record(_recorded(failure.report))
        pytest.fail("\n".join(told_of_graph(failure)), pytrace=False)

    @property
    def _tolerance(self) -> dict[str, Any]:
        return {key: value for key, value in self._options.items() if key in _TOLERANCE}


def _of_layers(network: Any, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    shape = network if isinstance(network, Mapping) else {"layers": list(network)}
    return {
        "network": {key: value for key, value in shape.items() if key != "parameters"},
        "parameters": parameters if parameters is not None else shape.get("parameters", {}),
    }


def _of_tensor(
    tensor: Any, parameters: Any, gradients: Any, question: Mapping[str, Any], fields: dict[str, Any]
) -> dict[str, Any]:
    from verifier.importers import from_edugrad, from_torch_tensor

    given = {"parameters": parameters, "my_gradients": gradients, **question}
    for field, value in given.items():
        if value is not None:
            remedy = "leave it out: the graph has it, and gradients stand in .grad"
            raise refused(field, "nothing beside a live tensor", "some", remedy)
    read = from_torch_tensor if hasattr(tensor, "grad_fn") else from_edugrad
    return read(tensor, **fields)


def _of_module(module: Any, parameters: Mapping[str, Any] | None, **question: Any) -> dict[str, Any]:
    from verifier.importers import from_torch

    if parameters is not None:
        raise refused("parameters", "none beside a module, which has its own", "some", "leave them out")
    if question["gradients"] is None and all(own.grad is None for own in module.parameters()):
        raise refused("gradients", "gradients in the module's .grad", "none", "call loss.backward() first")
    return from_torch(module, **question)


def marked(marker: pytest.Mark | None) -> dict[str, Any]:
    """Give a marker's options. Raises: UsageError naming those that there are."""
    if marker is None:
        return {}
    unknown = sorted(marker.kwargs.keys() - {*_TOLERANCE, "oracles"})
    if unknown or marker.args:
        raise pytest.UsageError(
            f"expected @pytest.mark.gradients with {', '.join(_TOLERANCE)} or oracles as keywords, got "
            f"{', '.join([*map(repr, marker.args), *unknown])}"
        )
    return dict(marker.kwargs)


def write_report(path: str, checks: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Write all checks of a run to one file: JSON, or a page. Raises: MalformedSubmission if it cannot be."""
    if path.endswith(".json"):
        documents = [{"test": encodable(node), **check["report"]} for node, check in checks]
        text = write({"schema": "gradjury.pytest/1", "checks": documents})
    else:
        found = [Sourced(node, read_report(check["report"])) for node, check in checks]
        text = EXPORTERS["html"].render(found, ExportChoices())
    with opened(Path(path)) as stream:
        stream.write(text + "\n")


def _recorded(report: Report) -> dict[str, Any]:
    summary = summary_of(report)
    right, total = summary["correct"], summary["parameters"]
    return {
        "verdict": str(report.verdict),
        "summary": f"{right} of {total} numbers correct",
        "diagnosis": [diagnosis.heading(row) for row in report.diagnosis],
        "report": report.to_dict(),
    }


def _lines(report: Report, parameter: ParameterReport) -> Iterator[str]:
    """Say what, how far off, where, which bug, what next; at most a dozen lines."""
    if parameter.verdict is Verdict.MISSING:
        yield f"{parameter.name}: no gradient was given; give one of shape {parameter.shape}"
        return
    total = parameter.correct + parameter.incorrect + parameter.undecided
    state = "wrong" if parameter.verdict is Verdict.INCORRECT else "undecided"
    count = parameter.incorrect or parameter.undecided
    yield f"{parameter.name}: {count} of {total} numbers {'is' if count == 1 else 'are'} {state}"
    if parameter.name.startswith(NODE) and report.graph is not None:
        made = [node for node in report.graph.nodes if node.name == parameter.name]
        yield from (f"  {written(node)}" for node in made)
    if parameter.worst:
        entry = parameter.worst[0]
        yield f"  worst at {list(entry.index)}: {sentences.entry(entry)}"
    if parameter.ratio is not None and parameter.cosine is not None:
        yield f"  length over the right one's: {parameter.ratio:.6g}, cosine: {parameter.cosine:.6g}"
    own = [row for row in report.diagnosis if parameter.name in row.parameters]
    if not own and report.diagnosis:
        yield f"  bug: none of its own; it inherits from {diagnosis.heading(report.diagnosis[0])}"
    for row in own[:1]:
        yield from (f"  {line}" for line in diagnosis.in_brief(row))
