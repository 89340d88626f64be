"""What is asked of a judging process, and what it gives back: plain data that crosses between processes."""

from dataclasses import dataclass

from verifier.allowed import Allowed
from verifier.documents.bounds import GENEROUS, Bounds
from verifier.documents.mistakes import (
    MalformedSubmission,
    Mistake,
    OversizedSubmission,
    UnreadableSubmission,
)
from verifier.report import Audience
from verifier.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Task:
    """One submission to judge.

    content: the file. declared: `json`, `npz` or `safetensors`; None to tell it from the first bytes.
    problem: JSON of the problem that gradients alone answer; None where the file brings its own.
    allowed: what students may see; None where no student's report is asked for.
    media_type: of the answer to render for `audience`; None for none. section: the answer is a section of a
    web page instead.
    tolerance: the preset that replaces the document's tolerance; None to keep that, and for assignments.
    keep: whether the grader's JSON document is wanted, to be stored.
    bounds: of the content's size.
    """

    content: bytes
    declared: str | None = None
    problem: bytes | None = None
    name: str | None = None
    oracles: tuple[str, ...] | None = None
    entries: str = "worst"
    allowed: Allowed | None = None
    audience: Audience = Audience.GRADER
    media_type: str | None = None
    section: bool = False
    keep: bool = False
    bounds: Bounds = GENEROUS
    tolerance: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What is counted of a report: each parameter's verdict, (bug, layer) of a diagnosis.

    oracles: whether each agrees with the others; None for one that could not be asked.
    """

    verdict: Verdict
    parameters: tuple[tuple[str, Verdict], ...]
    bugs: tuple[tuple[str, int | None], ...]
    oracles: tuple[tuple[str, bool | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """answer: rendered as the task asked. document: the grader's report as JSON. student: the student's."""

    findings: Findings
    seconds: float
    answer: bytes = b""
    document: bytes = b""
    student: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a submission could not be judged. unreadable: not even its format could be read. oversized: beyond
    a bound."""

    mistakes: tuple[Mistake, ...]
    unreadable: bool = False
    oversized: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was stopped at a limit, and which."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An error of our own while judging: its kind, and where it rose. What it says may hold numbers."""

    kind: str
    where: str


def refused(error: MalformedSubmission) -> Refused:
    """Give what a submission's mistakes come to."""
    oversized, unreadable = (isinstance(error, kind) for kind in (OversizedSubmission, UnreadableSubmission))
    return Refused(error.mistakes, unreadable, oversized)


Outcome = Judged | Refused | Stopped
