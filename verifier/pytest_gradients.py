"""What the fixture `gradients` does: judge, and say in a dozen lines what is wrong, where, and what next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from verifier.backward_function import Backward
from verifier.documents.json_text import write
from verifier.documents.report_document import summary_of
from verifier.documents.report_reading import read_report
from verifier.exporters import EXPORTERS, diagnosis, sentences
from verifier.pipeline import verify
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict

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
        loss: Any,
        inputs: Any,
        targets: Any,
        my_gradients: Any,
        *,
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        **fields: Any,
    ) -> Report:
        """Check gradients against a network's own.

        network: a list of layers, or the document's `network`, with `parameters`. my_gradients: by parameter.
        fields: any other field of a submission, such as precision or masks. Raises: MalformedSubmission.
        """
        shape = network if isinstance(network, Mapping) else {"layers": list(network)}
        document = {
            "network": {key: value for key, value in shape.items() if key != "parameters"},
            "loss": loss,
            "parameters": parameters if parameters is not None else shape.get("parameters", {}),
            "inputs": inputs,
            "targets": targets,
            "gradients": my_gradients,
            **fields,
        }
        if name is not None:
            document["name"] = name
        if self._tolerance:
            document["tolerance"] = self._tolerance
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

    @property
    def _tolerance(self) -> dict[str, Any]:
        return {key: value for key, value in self._options.items() if key in _TOLERANCE}


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
    """Write all checks of a run to one file: JSON, or a page."""
    documents = [{"test": node, **check["report"]} for node, check in checks]
    if path.endswith(".json"):
        text = write({"schema": "gradjury.pytest/1", "checks": documents})
    else:
        text = _page(documents)
    Path(path).write_text(text, encoding="utf-8")


def _page(documents: Sequence[Mapping[str, Any]]) -> str:
    """Show every report as it prints, one after the other, in one file that needs nothing else."""
    from html import escape

    parts = [
        f"<section><h2>{escape(document['test'])}</h2>"
        f"<pre>{escape(EXPORTERS['text'].export(read_report(document)))}</pre></section>"
        for document in documents
    ]
    style = ":root{color-scheme:light dark}body{font:16px system-ui;margin:2rem}pre{overflow-x:auto}"
    body = "\n".join(parts) or "<p>No gradients were checked.</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Gradients</title>'
        f"<style>{style}</style></head><body><h1>Gradients</h1>\n{body}\n</body></html>\n"
    )


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
    if parameter.worst:
        entry = parameter.worst[0]
        yield f"  worst at {list(entry.index)}: {sentences.entry(entry)}"
    if parameter.ratio is not None and parameter.cosine is not None:
        yield f"  length over the right one's: {parameter.ratio:.6g}, cosine: {parameter.cosine:.6g}"
    own = [row for row in report.diagnosis if parameter.name in row.parameters]
    if not own and report.diagnosis:
        yield f"  bug: none of its own; it inherits from {diagnosis.heading(report.diagnosis[0])}"
    for row in own[:1]:
        yield f"  bug: {diagnosis.heading(row)}"
        yield f"    {row.explanation}"
        yield f"    right: {row.right}"
        yield f"    used:  {row.wrong}"
        yield f"  next: {row.hint}"
