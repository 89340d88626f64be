"""Reports made by hand, with whatever a submission could put into them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.verifier.builders import changed, small_document
from verifier import verify
from verifier.exporters.student_view import for_student
from verifier.problem.errors import Caution, Mistake
from verifier.report.model import Diagnosis, Entry, Evidence, LossReport, ParameterReport, Uncertainty
from verifier.report.outcome import Sourced
from verifier.report.report import Report
from verifier.report.verdict import Verdict, of_whole

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
        "verdict": of_whole(row.verdict for row in rows.values()),
        "loss": LossReport(0.7, 1e-16, {"name": "mse"}),
        "warnings": (Caution("one-example", "the batch has one example"),),
        "evidence": (Evidence("autograd", 6, True, 1e-16, Uncertainty.ESTIMATE),),
        "versions": {"gradjury": "0"},
        "seconds": 0.01,
        "diagnosis": (diagnosis,) if bad else (),
    }
    return Report(parameters=rows, **(default | fields))


def hostile(words: str) -> list[Sourced]:
    """Put words wherever a name, a file or a mistake can carry them, parameters included."""
    rows = [parameter(words, Verdict.INCORRECT), parameter("layers.0.bias", Verdict.CORRECT)]
    mistake = Mistake(f"/{words}", "a number", f"the string {words!r} or {words}", words)
    return [
        Sourced(words, report(rows, name=words)),
        Sourced(words, None, (mistake,)),
        Sourced("z.json", None, broken=f"RuntimeError: {words}"),
    ]


WRONG = changed(small_document(name="hw3-q2"), ["gradients", "layers.0.weight", 1, 2], 0.5)
REAL = {
    "right": [Sourced("right.json", verify(small_document(name="hw3-q2")))],
    "wrong": [Sourced("wrong.json", verify(WRONG))],
    "missing": [Sourced("-", verify(small_document(gradients={})))],
    "NaN": [Sourced("", verify(changed(small_document(), ["gradients", "layers.0.bias", 0], "NaN")))],
    "undecided": [
        Sourced("u", verify(changed(small_document(), ["parameters", "layers.1.bias"], [1e308] * 2)))
    ],
}
MADE = {
    "not finite": [
        Sourced(
            "a", report([parameter("layers.0.weight", Verdict.INCORRECT, v)], loss=LossReport(v, v, {"l": v}))
        )
        for v in (np.nan, np.inf, -np.inf)
    ],
    "10,000 parameters": [
        Sourced(
            "many.json",
            report(parameter(f"layers.{i}.weight", list(Verdict)[i % 4]) for i in range(10_000)),
        )
    ],
    "malformed": [Sourced("m.json", None, (Mistake("/loss", "a loss", "nothing", "add it"),))],
    "broken": [Sourced("m.json", None, broken="RuntimeError: the disk is on fire")],
    **{f"hostile {i}": hostile(words) for i, words in enumerate(HOSTILE)},
}
CASES = REAL | MADE | {"several": [own for case in REAL.values() for own in case] + MADE["malformed"]}


def as_student(reports: list[Sourced]) -> list[Sourced]:
    return [
        Sourced(own.source, own.report and for_student(own.report), own.mistakes, own.broken)
        for own in reports
    ]
