"""What is said of one student's bug: judged once, and asked about its name, place, budget and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.support.diagnosing import single
from benchmarks.support.diagnosing.outcome import PROVENANCE, Outcome
from benchmarks.support.diagnosing.summary import DiagnosisSummary, read
from reference_impl import Problem
from verifier import verify
from verifier.diagnosis import search
from verifier.diagnosis.budget import Budget, budget_for
from verifier.problem.submission import Submission
from verifier.report.report import Report

# seeds of the benchmark's cases, by the manner in which the bug is handed in
BY_DAY = {"single": (0, 1), "float32": (2,), "missing": (3,), "conventions": (2,)}
AT_NIGHT = {"single": range(2, 10), "float32": (0, 1, 3), "missing": (0, 1, 2), "conventions": (0, 1)}


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """outcome: how the benchmark counts the report. budgets: of its searches."""

    outcome: Outcome
    report: Report | None
    budgets: tuple[Budget, ...]

    def __repr__(self) -> str:
        return str(self.outcome)


def told(bug: str, seed: int, manner: str) -> Told | None:
    """Judge a case by one oracle; return None where the bug could not be made or does not show."""
    reports: list[Report] = []
    budgets: list[Budget] = []

    def kept_report(given: Submission) -> DiagnosisSummary:
        reports.append(verify(given, oracles=("backpropagation",)))
        return read(reports[-1])

    def kept_budget(problem: Problem) -> Budget:
        budgets.append(budget_for(problem))
        return budgets[-1]

    with (
        patch.object(single, "summarize", kept_report),
        patch.object(search, "budget_for", kept_budget),
    ):
        outcome = single.measure((bug, seed, manner))
    if outcome is None or outcome.kind == "invisible":
        return None
    return Told(outcome, reports[0] if reports else None, tuple(budgets))


def all_told(bug: str, seeds: Mapping[str, Sequence[int]]) -> list[Told]:
    """Judge the cases of a bug in every manner that can tell of it."""
    # in float32 the document says so, and what tells of a lower precision tells nothing
    asked = {manner: own for manner, own in seeds.items() if manner != "float32" or bug not in PROVENANCE}
    found = [told(bug, seed, manner) for manner, own in asked.items() for seed in own]
    return [own for own in found if own is not None]
