"""Judge the cases of a student's bug, and keep their reports and budgets."""

from collections.abc import Iterable
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.support.buggy_students import STUDENTS
from benchmarks.support.diagnosing import single
from benchmarks.support.diagnosing.outcome import PROVENANCE, DiagnosisOutcome
from benchmarks.support.diagnosing.summary import DiagnosisSummary, read
from reference_impl import Problem
from verifier import verify
from verifier.diagnosis import search
from verifier.diagnosis.budget import SearchBudget, budget_for
from verifier.problem.submission import Submission
from verifier.report.report import Report

# how many seeds of the benchmark's cases, by the mode in which the bug is handed in
SEEDS = {"single": 10, "float32": 4, "missing": 4, "conventions": 3}
# at this seed they do not show, or do as another bug does
NOT_NAMED_AT_0 = {"softmax-jacobian-missing", "mask-from-wrong-tensor", "bias-summed-over-units"}


@dataclass(frozen=True, slots=True, repr=False)
class JudgedCase:
    """outcome: how the benchmark counts the report. budgets: of its searches."""

    outcome: DiagnosisOutcome
    report: Report | None
    budgets: tuple[SearchBudget, ...]

    def __repr__(self) -> str:
        return str(self.outcome)


def judge_case(bug: str, seed: int, mode: str) -> JudgedCase | None:
    """Judge a case by one oracle; return None where the bug could not be made or does not show."""
    reports: list[Report] = []
    budgets: list[SearchBudget] = []

    def verify_and_keep(submission: Submission) -> DiagnosisSummary:
        reports.append(verify(submission, oracles=("backpropagation",)))
        return read(reports[-1])

    def keep_budget(problem: Problem) -> SearchBudget:
        budgets.append(budget_for(problem))
        return budgets[-1]

    with (
        patch.object(single, "summarize", verify_and_keep),
        patch.object(search, "budget_for", keep_budget),
    ):
        outcome = single.measure((bug, seed, mode))
    if outcome is None or outcome.kind == "invisible":
        return None
    return JudgedCase(outcome, reports[0] if reports else None, tuple(budgets))


def submission_options(bug: str) -> list[str]:
    """Return the modes that can tell of a bug."""
    # in float32 the document says so, and what tells of a lower precision tells nothing
    return [mode for mode in SEEDS if mode != "float32" or bug not in PROVENANCE]


def daily_cases(bug: str) -> list[tuple[str, int]]:
    """Return two cases: one handed in as it is, and one in the mode whose turn it is among the bugs."""
    others = submission_options(bug)[1:]
    mode = others[list(STUDENTS).index(bug) % len(others)]
    return [("single", int(bug in NOT_NAMED_AT_0)), (mode, SEEDS[mode] - 1)]


def nightly_cases(bug: str) -> list[tuple[str, int]]:
    """Return all cases but those by day."""
    cases = [(mode, seed) for mode in submission_options(bug) for seed in range(SEEDS[mode])]
    return [case for case in cases if case not in daily_cases(bug)]


def judge_cases(bug: str, cases: Iterable[tuple[str, int]]) -> list[JudgedCase]:
    """Judge the cases of a bug that can be made and show."""
    outcomes = [judge_case(bug, seed, mode) for mode, seed in cases]
    return [outcome for outcome in outcomes if outcome is not None]
