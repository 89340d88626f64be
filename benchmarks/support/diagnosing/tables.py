"""Print the results as tables."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from benchmarks.support.diagnosing.outcome import FALSE, KINDS, RIGHT, DiagnosisOutcome


def print_bugs(title: str, outcomes: Iterable[DiagnosisOutcome | None]) -> None:
    """Print one row per bug, the totals, and every failure with its seed."""
    valid = [outcome for outcome in outcomes if outcome is not None]
    by_bug: dict[str, list[DiagnosisOutcome]] = defaultdict(list)
    for outcome in valid:
        by_bug[outcome.bug].append(outcome)
    print(f"\n{title}")
    heads = ("invisible", *KINDS)
    print(
        f"{'bug':34} {'cases':>6} "
        + " ".join(f"{kind[:9]:>9}" for kind in heads)
        + f" {'located':>8} {'eq.':>5}"
    )
    for bug, rows in [*by_bug.items(), ("all", valid)]:
        counts = Counter(outcome.kind for outcome in rows)
        seen = [outcome for outcome in rows if outcome.kind != "invisible"]
        cells = " ".join(f"{counts[kind]:9}" for kind in heads)
        located, equation = _share(seen, "located"), _share(seen, "equation_right")
        print(f"{bug:34} {len(rows):6} {cells} {located:8.1%} {equation:5.0%}")
    seen = [outcome for outcome in valid if outcome.kind != "invisible"]
    named = sum(outcome.kind in RIGHT for outcome in seen) / max(len(seen), 1)
    false = sum(outcome.kind in FALSE for outcome in seen)
    residual = max((outcome.residual for outcome in seen if np.isfinite(outcome.residual)), default=0.0)
    print(
        f"visible {len(seen)}: named {named:.2%} (target 99 %), located {_share(seen, 'located'):.2%} "
        f"(target 99 %), false names {false} (target 0), largest residual of an explanation {residual:.1e}"
    )
    print_failures(outcome for outcome in seen if outcome.kind not in RIGHT or not outcome.located)


def print_failures(outcomes: Iterable[DiagnosisOutcome]) -> None:
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.kind, outcome.bug, outcome.seed)):
        print(f"  {outcome}")


def print_pairs(outcomes: Iterable[DiagnosisOutcome | None]) -> None:
    valid = [outcome for outcome in outcomes if outcome is not None and outcome.kind != "invisible"]
    counts = Counter(outcome.kind for outcome in valid)
    print(f"\n{len(valid)} pairs of bugs in different layers")
    print("  " + ", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
    both = counts["both"] / max(len(valid), 1)
    print(f"both named {both:.2%} (target 95 %), both located {_share(valid, 'located'):.2%}")
    print_failures(outcome for outcome in valid if outcome.kind != "both")


def print_unknown(outcomes: Iterable[DiagnosisOutcome | None]) -> None:
    valid = [outcome for outcome in outcomes if outcome is not None and outcome.kind != "invisible"]
    by_name: dict[str, list[DiagnosisOutcome]] = defaultdict(list)
    for outcome in valid:
        by_name[outcome.bug].append(outcome)
        by_name[f"all, {outcome.form}"].append(outcome)
        by_name["all"].append(outcome)
    print("\nmistakes of no catalogue: unexplained, in the right layer and equation (target 90 %)")
    kinds = ("unexplained", "coincident", "false", "silent", "raised")
    print(f"{'mistake':34} {'cases':>6} {'located':>8} " + " ".join(f"{kind:>11}" for kind in kinds))
    for name, rows in sorted(by_name.items(), key=lambda item: item[0].startswith("all")):
        counts = Counter(outcome.kind for outcome in rows)
        cells = " ".join(f"{counts[kind]:11}" for kind in kinds)
        print(f"{name:34} {len(rows):6} {_share(rows, 'located'):8.1%} {cells}")
    print_failures(outcome for outcome in valid if not outcome.located)


def _share(outcomes: list[DiagnosisOutcome], attribute: str) -> float:
    return sum(getattr(outcome, attribute) for outcome in outcomes) / max(len(outcomes), 1)
