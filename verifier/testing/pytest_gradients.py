"""Implementation of the fixture `gradients`: check gradients and fail the test with a short explanation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from verifier.documents.json import to_json
from verifier.documents.output import open_output
from verifier.documents.sources import document_of
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.pipeline.layers import verify
from verifier.problem.errors import replace_surrogates
from verifier.problem.graph import NODE
from verifier.report import wording
from verifier.report.document import summary_of
from verifier.report.model import ParameterReport
from verifier.report.outcome import FileOutcome
from verifier.report.reading import read_report
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import node_equation
from verifier.testing.backward_function import Backward
from verifier.testing.check_backward import check_backward, lines_of_failure
from verifier.testing.graph_check_backward import check_graph_backward, graph_failure_lines
from verifier.testing.operation_check.check import check_operation
from verifier.testing.operation_check.functions import check_gradient
from verifier.testing.operation_check.result import OperationCheck, summary_lines
from verifier.testing.random_graph_forms import FORMS

GraphBackward = Callable[[dict[str, Any]], Mapping[str, Any]]

_TOLERANCE = ("preset", "rtol", "atol")


class Subtests(Protocol):
    def test(self, msg: str | None = None, **kwargs: Any) -> AbstractContextManager[None]: ...


class Gradients:
    """Fixture `gradients` of the pytest plugin.

    Every check is recorded for the summary. `check` opens one subtest per parameter, which fails if the
    gradient of this parameter is not correct.
    """

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
        masks: Mapping[str, Any] | None = None,
        precision: str | None = None,
        reported_loss: float | None = None,
        names: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Report:
        """Check gradients against the correct gradients of a network.

        Parameters
        ----------
        network : list, mapping, torch module or tensor
            A list of layers or the `network` of a document, together with `parameters`; or a whole
            submission, whose fields the other arguments replace; or a torch module, which contains its
            parameters and, in `.grad`, its gradients; or the final tensor of PyTorch or edugrad, whose graph
            contains everything (see `from_torch_tensor`).
        loss, inputs, targets : optional
            As in a submission. In a graph the loss is one of the nodes, and inputs are given by name.
        my_gradients, gradients : mapping, optional
            Gradient arrays by parameter name; both arguments have the same meaning.
        parameters : mapping, optional
            Parameter arrays by name.
        masks, precision, reported_loss : optional
            As in a submission.
        names : mapping, optional
            Names of tensors, if `network` is the final tensor of a graph.
        name : str, optional
            Name of the submission.

        Returns
        -------
        Report
            Report of the check.

        Raises
        ------
        MalformedSubmission
            If the submission is invalid.

        Examples
        --------
        >>> def test_backprop(gradients):
        ...     layers = [{"in": 3, "out": 2, "activation": "tanh"}]
        ...     gradients.check(layers, "mse", inputs, targets, my_gradients, parameters=parameters)
        """
        fields = {
            "loss": loss,
            "inputs": inputs,
            "targets": targets,
            "parameters": parameters,
            "gradients": gradients if my_gradients is None else my_gradients,
            "masks": masks,
            "precision": precision,
            "reported_loss": reported_loss,
            "names": names,
            "name": name,
            "tolerance": self._tolerance or None,
        }
        document = document_of(
            network, {field: value for field, value in fields.items() if value is not None}
        )
        report = verify(document, oracles=self._options.get("oracles"))
        self._record(_to_record(report))
        for parameter in report.parameters.values():
            with self._subtests.test(parameter.name):
                if parameter.verdict is not Verdict.CORRECT:
                    pytest.fail("\n".join(_failure_lines(report, parameter)), pytrace=False)
        return report

    def check_backprop(
        self,
        my_function: Backward,
        *,
        loss: Any = "mse",
        hidden: str | Sequence[str] = "tanh",
        output: str = "identity",
        bias: bool = True,
        weights: str = "in_out",
        examples: str = "rows",
        classes: bool = False,
        least_layers: int = 1,
        most_layers: int = 3,
        widest: int = 4,
        most_examples: int = 4,
        outputs: int | None = None,
        problems: int = 100,
    ) -> None:
        """Check a backward function on generated problems; fail with the smallest network that it gets wrong.

        Parameters
        ----------
        my_function : callable
            Function of (parameters, inputs, targets) or of (layers, parameters, inputs, targets) that returns
            gradients by parameter.
        loss, hidden, output, bias, weights, examples, classes
            What the function is written for; see `verifier.testing.check_backward.check_backward`.
        least_layers, most_layers, widest, most_examples, outputs, problems
            The sizes on which it is tried, and how many problems.
        """
        failure = check_backward(
            my_function,
            loss=loss,
            hidden=hidden,
            output=output,
            bias=bias,
            weights=weights,
            examples=examples,
            classes=classes,
            least_layers=least_layers,
            most_layers=most_layers,
            widest=widest,
            most_examples=most_examples,
            outputs=outputs,
            problems=problems,
        )
        if failure is None:
            return
        if failure.report is not None:
            self._record(_to_record(failure.report if failure.diagnosed is None else failure.diagnosed))
        pytest.fail("\n".join(lines_of_failure(failure)), pytrace=False)

    def check_operation(
        self,
        operation: Any,
        *,
        like: Any = None,
        in_torch: Any = None,
        options: Mapping[str, Any] | None = None,
        shapes: Sequence[Any] | None = None,
        domain: str | Sequence[str] | None = None,
        form: str | None = None,
        name: str | None = None,
        require: Sequence[str] = (),
    ) -> OperationCheck:
        """Check forward and backward of one operation; fail with the smallest input that it gets wrong.

        Parameters
        ----------
        operation : class or object
            Operation with the methods forward and backward, in the form of the lecture or of edugrad.
        like, in_torch, options, shapes, domain, form, name, require
            Options of `gradjury.check_operation`.

        Returns
        -------
        OperationCheck
            Result of the check.

        Raises
        ------
        MalformedSubmission
            If the operation or an option is invalid.
        """
        checked = check_operation(
            operation,
            like=like,
            in_torch=in_torch,
            options=options,
            shapes=shapes,
            domain=domain,
            form=form,
            name=name,
            require=require,
        )
        return self._recorded(checked)

    def check_gradient(
        self,
        function: Any,
        gradient: Any = None,
        *arguments: Any,
        at: Sequence[Sequence[Any]] | None = None,
        shapes: Sequence[Any] | None = None,
        domain: str | Sequence[str] = "any",
        form: str | None = None,
        order: int = 1,
        jvp: Any = None,
        name: str | None = None,
        require: Sequence[str] = (),
    ) -> OperationCheck:
        """Check the gradient of a function; fail with the first number that is wrong.

        Parameters
        ----------
        function, gradient, *arguments, at, shapes, domain, form, order, jvp, name, require
            As in `gradjury.check_gradient`.

        Returns
        -------
        OperationCheck
            Result of the check.

        Raises
        ------
        MalformedSubmission
            If the arguments do not fit each other.
        """
        checked = check_gradient(
            function,
            gradient,
            *arguments,
            at=at,
            shapes=shapes,
            domain=domain,
            form=form,
            order=order,
            jvp=jvp,
            name=name,
            require=require,
        )
        return self._recorded(checked)

    def _recorded(self, check: OperationCheck) -> OperationCheck:
        """Return a check that passed. Fail with its summary if it did not."""
        if check.report is not None:
            self._record(_to_record(check.report))
        if check.verdict is not Verdict.CORRECT:
            pytest.fail("\n".join(summary_lines(check)), pytrace=False)
        return check

    def check_graph_backprop(
        self,
        my_function: GraphBackward,
        *,
        operations: Sequence[str] | Mapping[str, Callable[..., Any]] | None = None,
        most_nodes: int = 12,
        graphs: int = 200,
        dimensions: Sequence[int] | None = None,
        axes: bool = True,
        broadcasting: bool = True,
        inner: bool = False,
        run_backward: Callable[[Any], Any] | None = None,
        gradient: Callable[[Any], Any] | None = None,
    ) -> None:
        """Check a backward function on generated graphs; fail with the smallest graph that it gets wrong.

        Parameters
        ----------
        my_function : callable
            Function of a graph's document that returns gradients by name. With a table of operations, what
            makes a tensor of an array, such as the class of an autograd engine.
        operations : sequence of str, or mapping of str to callable, optional
            The operations that the function knows; all by default. A mapping is a table of the engine's
            functions.
        most_nodes, graphs
            The largest graph on which it is tried, and how many are tried.
        dimensions, axes, broadcasting
            The numbers of axes of tensors; False for no reductions along single axes; False for operands of
            equal shapes alone.
        inner, run_backward, gradient
            With a table: True to check inner tensors; how all gradients are computed, and how one is read.
        """
        known = tuple(FORMS) if operations is None else operations
        failure = check_graph_backward(
            my_function,
            operations=known,
            most_nodes=most_nodes,
            graphs=graphs,
            dimensions=dimensions,
            axes=axes,
            broadcasting=broadcasting,
            inner=inner,
            run_backward=run_backward,
            gradient=gradient,
        )
        if failure is None:
            return
        if failure.report is not None:
            self._record(_to_record(failure.report))
        pytest.fail("\n".join(graph_failure_lines(failure)), pytrace=False)

    @property
    def _tolerance(self) -> dict[str, Any]:
        return {key: value for key, value in self._options.items() if key in _TOLERANCE}


def marker_options(marker: pytest.Mark | None) -> dict[str, Any]:
    """Return the options of the marker. Raises: UsageError listing the valid options."""
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
    """Write all checks of a test run to a JSON or HTML file.

    Raises: MalformedSubmission if the file cannot be written.
    """
    if path.endswith(".json"):
        documents = [{"test": replace_surrogates(node), **check["report"]} for node, check in checks]
        text = to_json({"schema": "gradjury.pytest/1", "checks": documents})
    else:
        outcomes = [FileOutcome(node, read_report(check["report"])) for node, check in checks]
        text = EXPORTERS["html"].render(outcomes, ExportOptions())
    with open_output(Path(path)) as stream:
        stream.write(text + "\n")


def _to_record(report: Report) -> dict[str, Any]:
    summary = summary_of(report)
    correct, total = summary["correct"], summary["parameters"]
    return {
        "verdict": str(report.verdict),
        "summary": f"{correct} of {total} numbers correct",
        "diagnosis": [wording.heading(row) for row in report.diagnosis],
        "report": report.to_dict(),
    }


def _failure_lines(report: Report, parameter: ParameterReport) -> Iterator[str]:
    """Yield at most a dozen lines: the wrong entries, the worst error, the bug and the next step."""
    if parameter.verdict is Verdict.MISSING:
        yield f"{parameter.name}: no gradient was given; give one of shape {parameter.shape}"
        return
    total = parameter.correct + parameter.incorrect + parameter.undecided
    state = "wrong" if parameter.verdict is Verdict.INCORRECT else "undecided"
    count = parameter.incorrect or parameter.undecided
    yield f"{parameter.name}: {count} of {total} numbers {'is' if count == 1 else 'are'} {state}"
    if parameter.name.startswith(NODE) and report.graph is not None:
        nodes = [node for node in report.graph.nodes if node.name == parameter.name]
        yield from (f"  {node_equation(node)}" for node in nodes)
    if parameter.worst:
        entry = parameter.worst[0]
        yield f"  worst at {list(entry.index)}: {wording.entry(entry)}"
    if parameter.ratio is not None and parameter.cosine is not None:
        yield f"  length over the right one's: {parameter.ratio:.6g}, cosine: {parameter.cosine:.6g}"
    bugs = [row for row in report.diagnosis if parameter.name in row.parameters]
    if not bugs and report.diagnosis:
        yield f"  bug: none of its own; it inherits from {wording.heading(report.diagnosis[0])}"
    for row in bugs[:1]:
        yield from (f"  {line}" for line in wording.failure_lines(row, report.network))
