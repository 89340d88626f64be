"""The command that gives the same report again."""

from shlex import quote

from verifier.exporters.harmless import shortened
from verifier.oracles import ORACLES
from verifier.report import Report
from verifier.sourced import Sourced


def command(own: Sourced) -> str:
    """Give a line for a shell; where the submission came from no file, it names one to save it as."""
    words = ["gradjury", "check", _file(own)]
    if own.report is not None:
        words += [*_tolerance(own.report), *_oracles(own.report)]
    return " ".join(words)


def _file(own: Sourced) -> str:
    if own.source in ("", "-") or "::" in own.source:  # so tests are named, which are no files
        return "submission.json"
    name = quote(shortened(own.source))
    return f"./{name}" if name.startswith("-") else name


def _tolerance(report: Report) -> list[str]:
    own = report.tolerance or {}
    if own.get("preset"):
        return ["--preset", quote(str(own["preset"]))]
    return [f"--{name} {own[name]!r}" for name in ("rtol", "atol") if own.get(name) is not None]


def _oracles(report: Report) -> list[str]:
    """Name the oracles where they are not the usual ones; what only settled a dispute comes by itself."""
    asked = {item.oracle for item in report.evidence}
    usual = {name for name, row in ORACLES.items() if row.by_default}
    return [] if not asked or usual <= asked else ["--oracles", ",".join(sorted(map(quote, asked)))]
