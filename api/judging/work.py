"""What a judging process does with a task. It imports the numerics once, before it is forked."""

import gc
import resource
import signal
from dataclasses import replace
from socket import socket
from traceback import format_tb

from api.judging.frames import framed, next_frame
from api.judging.task import Failed, Findings, Judged, Outcome, Stopped, Task, refused
from api.media_types import MEDIA_TYPES
from api.rendering import section
from verifier.audience import for_student
from verifier.claim import Claim, read_claim
from verifier.documents.bounds import check_document
from verifier.documents.files import parse_bytes
from verifier.documents.gradients_reading import parse_gradients, read_handed_in
from verifier.documents.json_text import parse, write
from verifier.documents.mistakes import MalformedSubmission
from verifier.expected import Expectations
from verifier.memory import keep_freed_memory
from verifier.pipeline import verify
from verifier.report import Audience, Report
from verifier.tolerance import TOLERANCES
from verifier.whole_arrays import without_arrays

_EXPECTATIONS = Expectations()  # of this process: a class answers one problem


def work(end: socket, memory: int, seconds: float) -> None:
    """Judge what comes through a socket until nobody is at its other end.

    memory: bytes of data that this process may have; beyond, Python raises MemoryError.
    seconds: that one task may take. The service kills a process that takes longer; one whose service is gone
    dies by itself, at twice the time.
    An interrupt from a terminal reaches all processes: this one goes on with what was accepted.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    keep_freed_memory()
    gc.freeze()  # what is imported stays, and need not be looked at again
    with end:
        try:
            while isinstance(task := next_frame(end), Task):
                signal.setitimer(signal.ITIMER_REAL, 2 * seconds)
                for piece in _answer(task):
                    end.sendall(piece)
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (EOFError, OSError, MemoryError):  # nobody is there, or a frame is too large to be held
            return


def _answer(task: Task) -> tuple[bytes, bytes]:
    try:
        return framed(judge(task))
    except MemoryError:
        raise
    except Exception as error:
        return framed(Failed(type(error).__name__, "".join(format_tb(error.__traceback__))))


def judge(task: Task) -> Outcome:
    """Parse, verify, and render what is wanted. Whatever the content holds, this returns."""
    try:
        entries = "all" if _shows_arrays(task) else task.entries
        report = verify(_submission(task), oracles=task.oracles, entries=entries, expectations=_EXPECTATIONS)
        return _judged(task, report)
    except MalformedSubmission as error:
        return refused(error)
    except MemoryError:
        _EXPECTATIONS.forget()  # the next one is to have all of it
        return Stopped("it needs more memory than one submission may use here")


def findings_of(report: Report) -> Findings:
    """Give what is counted of a report."""
    return Findings(
        report.verdict,
        tuple((name, row.verdict) for name, row in report.parameters.items()),
        tuple((row.bug, row.layer) for row in report.diagnosis),
        tuple((row.oracle, row.agrees) for row in report.evidence),
    )


def _judged(task: Task, report: Report) -> Judged:
    allowed = task.allowed
    student = None
    if task.audience is Audience.STUDENT or allowed is not None:
        student = for_student(report) if allowed is None else for_student(report, allowed)
    shown = report if task.audience is Audience.GRADER or student is None else student
    return Judged(
        findings_of(report),
        report.seconds,
        section(shown).encode() if task.section else _rendered(shown, task.media_type),
        _json(without_arrays(report)) if task.keep else b"",
        b"" if student is None or not task.keep else _json(student),
    )


def _shows_arrays(task: Task) -> bool:
    """Say whether the answer draws whole arrays, which is never stored."""
    exporter = None if task.media_type is None else MEDIA_TYPES[task.media_type]
    return exporter is not None and exporter.whole_arrays and task.audience is Audience.GRADER


def _rendered(report: Report, media_type: str | None) -> bytes:
    if media_type is None:
        return b""
    return (MEDIA_TYPES[media_type].export(report) + "\n").encode()


def _json(report: Report) -> bytes:
    return write(report.to_dict()).encode()


def _submission(task: Task) -> Claim:
    read = parse_bytes if task.problem is None else parse_gradients
    document = read(task.content, task.bounds, task.declared)
    check_document(document, task.bounds)
    if task.problem is not None:
        submission = read_handed_in(parse(task.problem), document)
    else:
        submission = read_claim(document)
        if task.tolerance is not None:
            submission = replace(submission, tolerance=TOLERANCES[task.tolerance])
    return submission if task.name is None else replace(submission, name=task.name)
