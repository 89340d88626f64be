"""Reports made by hand, with whatever a submission could put into them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.exporters.student_view import to_student_view
from verifier.problem.errors import DocumentError, ReportWarning
from verifier.report.model import Diagnosis, Entry, Evidence, LossReport, ParameterReport, Uncertainty
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report
from verifier.report.verdict import Verdict, overall_verdict

HOSTILE = (
    "::error::forged",
    "##[error]forged",
    "<script>alert(1)</script>",
    "]]><failure/>",
    "x\n::error file=a,line=1::forged\r\n::set-output name=a::b",
    "a | b | c",
    "=HYPERLINK(1)",
    "\uff1dHYPERLINK(1)",
    "`code` *bold* [link](https://example.org) ![](https://example.org/p)",
    "ünï 層 \U0001f600 \u202egnp \x00\x01\x1b[31m \ud800 \ufffe",
    "x" * 100_000,
    "100%, 50%: a,b",
)


def entry(value: float, verdict: Verdict = Verdict.INCORRECT) -> Entry:
    return Entry((0, 1), verdict, value, 0.25, 1e-16, 1e-9, abs(value - 0.25), None)


def parameter(name: str, verdict: Verdict, value: float = 0.5, **fields: Any) -> ParameterReport:
    if verdict is Verdict.MISSING:
        return ParameterReport(name, (2, 3), verdict)
    counts = {str(v): 6 if v is verdict else 0 for v in Verdict if v is not Verdict.MISSING}
    measures = dict.fromkeys(
        ("max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio"), value
    )
    worst = () if verdict is Verdict.CORRECT else (entry(value, verdict),)
    return ParameterReport(name, (2, 3), verdict, **counts, **(measures | {"worst": worst} | fields))


def report(parameters: Iterable[ParameterReport], **fields: Any) -> Report:
    rows = {row.name: row for row in parameters}
    bad = tuple(name for name, row in rows.items() if row.verdict is Verdict.INCORRECT)[:1]
    diagnosis = Diagnosis(
        "factor-two", 0, "output_delta", bad, 2.0, 1e-16, ("constant-factor",),
        "A factor of two", "2 times too much.", "δ = y − t", "δ = 2(y − t)", "Differentiate the square.",
    )  # fmt: skip
    default: dict[str, Any] = {
        "verdict": overall_verdict(row.verdict for row in rows.values()),
        "loss": LossReport(0.7, 1e-16, {"name": "mse"}),
        "warnings": (ReportWarning("one-example", "the batch has one example"),),
        "evidence": (Evidence("autograd", 6, True, 1e-16, Uncertainty.ESTIMATE),),
        "versions": {"gradjury": "0"},
        "seconds": 0.01,
        "diagnosis": (diagnosis,) if bad else (),
    }
    return Report(parameters=rows, **(default | fields))


def hostile(words: str) -> list[FileOutcome]:
    """Put words wherever a name, a file or a mistake can carry them, parameters included."""
    rows = [parameter(words, Verdict.INCORRECT), parameter("layers.0.bias", Verdict.CORRECT)]
    mistake = DocumentError(f"/{words}", "a number", f"the string {words!r} or {words}", words)
    return [
        FileOutcome(words, report(rows, name=words)),
        FileOutcome(words, None, (mistake,)),
        FileOutcome("z.json", None, broken=f"RuntimeError: {words}"),
    ]


def report_on(source: str, **fields: Any) -> list[FileOutcome]:
    return [FileOutcome(source, verify(small_document(**fields)))]


def report_on_change(source: str, path: list[str | int], value: Any, **fields: Any) -> list[FileOutcome]:
    return [FileOutcome(source, verify(with_value(small_document(**fields), path, value)))]


def not_finite() -> list[FileOutcome]:
    return [
        FileOutcome(
            "a", report([parameter("layers.0.weight", Verdict.INCORRECT, v)], loss=LossReport(v, v, {"l": v}))
        )
        for v in (np.nan, np.inf, -np.inf)
    ]


def report_of_parameters(count: int) -> list[FileOutcome]:
    rows = (parameter(f"layers.{i}.weight", list(Verdict)[i % 4]) for i in range(count))
    return [FileOutcome("many.json", report(rows))]


REAL = ("right", "wrong", "missing", "NaN", "undecided")
MANY = "10,000 parameters"
MAKERS: dict[str, Callable[[], list[FileOutcome]]] = {
    "right": lambda: report_on("right.json", name="hw3-q2"),
    "wrong": lambda: report_on_change(
        "wrong.json", ["gradients", "layers.0.weight", 1, 2], 0.5, name="hw3-q2"
    ),
    "missing": lambda: report_on("-", gradients={}),
    "NaN": lambda: report_on_change("", ["gradients", "layers.0.bias", 0], "NaN"),
    "undecided": lambda: report_on_change("u", ["parameters", "layers.1.bias"], [1e308] * 2),
    "not finite": not_finite,
    MANY: lambda: report_of_parameters(10_000),
    "malformed": lambda: [
        FileOutcome("m.json", None, (DocumentError("/loss", "a loss", "nothing", "add it"),))
    ],
    "broken": lambda: [FileOutcome("m.json", None, broken="RuntimeError: the disk is on fire")],
    **{f"hostile {i}": partial(hostile, words) for i, words in enumerate(HOSTILE)},
    "several": lambda: [outcome for case in (*REAL, "malformed") for outcome in CASES[case]],
}


class Cases(Mapping[str, list[FileOutcome]]):
    """The reports by name, each made when it is first used: every worker imports this, and few use it."""

    def __getitem__(self, name: str) -> list[FileOutcome]:
        return _make_case(name)

    def __iter__(self) -> Iterator[str]:
        return iter(MAKERS)

    def __len__(self) -> int:
        return len(MAKERS)


@cache
def _make_case(name: str) -> list[FileOutcome]:
    return MAKERS[name]()


CASES = Cases()


def as_student(reports: list[FileOutcome]) -> list[FileOutcome]:
    return [
        replace(outcome, report=None if outcome.report is None else to_student_view(outcome.report))
        for outcome in reports
    ]
