"""Write the command line that reproduces a report."""

from shlex import quote

from verifier.exporters.harmless import shortened
from verifier.oracles import ORACLES
from verifier.report import Report
from verifier.sourced import Sourced


def command(outcome: Sourced) -> str:
    """Return the shell command. If the submission is not from a file, it has a placeholder file name."""
    words = ["gradjury", "check", _file(outcome)]
    if outcome.report is not None:
        words += [*_tolerance(outcome.report), *_oracles(outcome.report)]
    return " ".join(words)


def _file(outcome: Sourced) -> str:
    if (
        outcome.source in ("", "-") or "::" in outcome.source
    ):  # "::" is in names of tests, which are not files
        return "submission.json"
    name = quote(shortened(outcome.source))
    return f"./{name}" if name.startswith("-") else name


def _tolerance(report: Report) -> list[str]:
    tolerance = report.tolerance or {}
    if tolerance.get("preset"):
        return ["--preset", quote(str(tolerance["preset"]))]
    return [f"--{name} {tolerance[name]!r}" for name in ("rtol", "atol") if tolerance.get(name) is not None]


def _oracles(report: Report) -> list[str]:
    """Return the option --oracles if a default oracle was not used.

    Further oracles are left out: they run by themselves to settle disagreements.
    """
    used = {item.oracle for item in report.evidence}
    defaults = {name for name, row in ORACLES.items() if row.by_default}
    return [] if not used or defaults <= used else ["--oracles", ",".join(sorted(map(quote, used)))]
