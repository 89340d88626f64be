"""How a class does: verdicts, bugs counted, who made the same mistakes, students by parameters."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.storage.records import Result, StoredSubmission
from verifier.verdict import Verdict

Signature = tuple[tuple[tuple[str, int | None], ...], tuple[str, ...]]


class Counts(StrEnum):
    """Which of a student's attempts counts."""

    LATEST = "latest"
    BEST = "best"  # the one that earned most; of equals the first


@dataclass(frozen=True, slots=True)
class Standing:
    """One student: the submission that counts, and how many there were."""

    submission: StoredSubmission
    result: Result
    attempts: int


@dataclass(frozen=True, slots=True)
class BugCount:
    """How many students have a bug in a layer."""

    bug: str
    layer: int | None
    students: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Students with the same bugs in the same layers and the same wrong parameters, most students first."""

    bugs: tuple[tuple[str, int | None], ...]
    parameters: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """verdicts: students by verdict; None for what could not be judged. wrong: students by parameter."""

    standings: tuple[Standing, ...]
    submissions: int
    verdicts: Mapping[Verdict | None, int]
    wrong: Mapping[str, int]
    bugs: tuple[BugCount, ...]
    clusters: tuple[Cluster, ...]


def standings(submissions: Iterable[StoredSubmission], counts: Counts) -> tuple[Standing, ...]:
    """Give each student's counting submission, by name. submissions: oldest first."""
    by_student: dict[str, list[tuple[StoredSubmission, Result]]] = defaultdict(list)
    for each in submissions:
        if each.result is not None:
            by_student[each.student].append((each, each.result))
    found = []
    for _, own in sorted(by_student.items()):
        best = max(own, key=lambda pair: (pair[1].earned, -pair[0].attempt))
        submission, result = best if counts is Counts.BEST else own[-1]
        found.append(Standing(submission, result, len(own)))
    return tuple(found)


def overview(submissions: Sequence[StoredSubmission], counts: Counts) -> Overview:
    """Look over a class's submissions, oldest first."""
    rows = standings(submissions, counts)
    bugs = Counter(pair for row in rows for pair in set(row.result.bugs))
    return Overview(
        standings=rows,
        submissions=len(submissions),
        verdicts=Counter(row.result.verdict for row in rows),
        wrong=Counter(name for row in rows for name in _wrong(row.result)),
        bugs=tuple(
            BugCount(bug, layer, number)
            for (bug, layer), number in sorted(bugs.items(), key=lambda item: (-item[1], str(item[0])))
        ),
        clusters=tuple(_clusters(rows)),
    )


def _clusters(rows: Iterable[Standing]) -> list[Cluster]:
    alike: dict[Signature, list[str]] = defaultdict(list)
    for row in rows:
        wrong = _wrong(row.result)
        if wrong:
            alike[tuple(sorted(row.result.bugs, key=str)), wrong].append(row.submission.student)
    found = [Cluster(bugs, wrong, tuple(students)) for (bugs, wrong), students in alike.items()]
    return sorted(found, key=lambda cluster: (-len(cluster.students), cluster.students))


def _wrong(result: Result) -> tuple[str, ...]:
    return tuple(name for name, verdict in result.parameters.items() if verdict is not Verdict.CORRECT)
