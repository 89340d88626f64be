"""The code that runs in a worker process. It is imported once, before the process is forked."""

import gc
import json
import resource
import signal
from dataclasses import asdict, replace
from pathlib import Path
from socket import socket
from traceback import format_tb
from typing import Any

from api.problem import StoredProblem
from api.rendering import MEDIA_TYPES, render, render_section
from api.workers.protocol import (
    Failed,
    Findings,
    Judged,
    Outcome,
    ReadDocument,
    Reading,
    ReadTask,
    Refusal,
    Stopped,
    Task,
    encode_frames,
    read_message,
)
from verifier.documents.assignment import (
    change_document,
    generate_instance,
    read_assignment,
    rules_to_document,
    without_answer,
)
from verifier.documents.files import parse_bytes, resolve_format, write_document
from verifier.documents.gradients import parse_gradients, read_uploaded_gradients
from verifier.documents.json import check_document, encode, parse, to_json
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.documents.starter import write_starter
from verifier.documents.writing import arrays_to_lists
from verifier.engine.threads import disable_heap_trimming
from verifier.exporters.student_view import to_student_view
from verifier.judging.cache import ProblemCache
from verifier.pipeline.layers import verify
from verifier.problem.errors import ErrorCollector, MalformedSubmission
from verifier.problem.submission import TOLERANCES
from verifier.report.assignment import DEFAULT
from verifier.report.model import Audience
from verifier.report.outcome import drop_arrays
from verifier.report.reading import read_report
from verifier.report.report import Report

ARTEFACTS = ("TEXT", "CODE", "MODEL", "MATH", "OTHER")  # types of submissions in the uEd API
USERS = ("LEARNER", "TEACHER", "EDU_ADMIN", "SYS_ADMIN", "OTHER")
_CACHE = ProblemCache()  # one per process: many submissions of a class answer the same problem


def worker_main(connection: socket, memory: int, seconds: float) -> None:
    """Judge tasks from a socket until it is closed.

    memory: bytes that this process may allocate beside what its libraries have. Python raises MemoryError
        beyond that.
    seconds: time limit of a task. The service kills a process that exceeds it. If the service has died, an
    alarm ends this process after twice that time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: finish accepted tasks
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    limit = _allocated() + memory  # a build of PyTorch for GPUs has 0.8 GB from its import on
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    disable_heap_trimming()
    gc.freeze()  # imported modules stay for good: exclude them from garbage collection
    with connection:
        try:
            while True:
                task, number = read_message(connection)
                assert isinstance(task, Task | ReadTask)
                signal.setitimer(signal.ITIMER_REAL, 2 * seconds)
                for frame in _answer(task, number):
                    connection.sendall(frame)
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (EOFError, OSError, MemoryError):  # connection closed, or a frame too large for memory
            return


def _allocated() -> int:
    """Return the bytes of data that this process has; 0 if the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _answer(task: Task | ReadTask, number: int) -> tuple[bytes, bytes]:
    try:
        return encode_frames(judge(task) if isinstance(task, Task) else read(task), number)
    except MemoryError:
        raise
    except Exception as error:
        failed = Failed(type(error).__name__, "".join(format_tb(error.__traceback__)))
        return encode_frames(failed, number)


def judge(task: Task) -> Outcome:
    """Parse, verify and render a submission. Malformed content is an outcome, not an exception."""
    try:
        entries = "all" if _shows_arrays(task) else task.render.entries
        document = _read_document(task)
        report = verify(_submission(task, document), oracles=task.oracles, entries=entries, cache=_CACHE)
        return _render_all(task, report, document)
    except MalformedSubmission as error:
        return Refusal.from_error(error)
    except MemoryError:
        _CACHE.forget()  # free the memory for the next task
        return Stopped("it needs more memory than one submission may use here")


def read(task: ReadTask) -> Reading:
    """Read a document. Malformed content is an outcome, not an exception."""
    try:
        stored = task.kind in ("instance", "report", "starter")
        if task.kind == "form":
            document = _read_form(task)
        else:
            document = parse(task.content, None if stored else task.bounds)
        if task.kind == "evaluation":
            return _read_evaluation(document)
        if task.kind == "instance":
            return ReadDocument(encode(generate_instance(document, task.key)))
        if task.kind == "starter":
            return ReadDocument(encode(asdict(write_starter(document, **parse(task.base)))))
        if task.kind == "report":
            return ReadDocument(_render_stored(task, read_report(document)))
        revision = document.get("revision") if isinstance(document, dict) else None
        if task.kind == "changes":
            document = change_document(parse(task.base), document)
        check_document(document.get("problem") if isinstance(document, dict) else None, task.bounds)
        assignment = read_assignment(document)
        problem = StoredProblem.from_document(assignment.problem)
        rules, shapes = encode(rules_to_document(assignment)), tuple(problem.shapes.items())
        return ReadDocument(
            problem.json,
            rules=rules,
            shapes=shapes,
            of_graph=problem.of_graph,
            warnings=assignment.warnings,
            revision=revision if type(revision) is int else None,
        )
    except MalformedSubmission as error:
        return Refusal.from_error(error)
    except MemoryError:
        return Stopped("it needs more memory than one document may use here")


def _read_form(task: ReadTask) -> dict[str, Any]:
    """Return the assignment of a form: the rules that were filled in, and the problem of a file.

    The file is an assignment, whose rules count where the form has none, or a problem or a submission in any
    format, whose gradients are left out.
    """
    document = parse_bytes(task.content, task.bounds)
    check_document(document, task.bounds)
    rules = parse(task.base)
    if not isinstance(document, dict):
        return {"problem": document, **rules}
    if "problem" in document and "network" not in document:
        return {**document, **rules}
    return {"problem": arrays_to_lists(without_answer(document)), **rules}


def findings_of(report: Report) -> Findings:
    """Return the parts of a report that are counted."""
    return Findings(
        report.verdict,
        tuple((name, row.verdict) for name, row in report.parameters.items()),
        tuple((row.bug, row.layer) for row in report.diagnosis),
        tuple((row.oracle, row.agrees) for row in report.evidence),
    )


def _render_all(task: Task, report: Report, document: Any) -> Judged:
    shown = report
    if task.render.audience is Audience.STUDENT:
        shown = to_student_view(report, task.visibility or DEFAULT)
    answer = _render_answer(task, shown)
    if not task.store:
        return Judged(findings_of(report), report.seconds, answer)
    stored = drop_arrays(report).to_dict()
    if task.problem is None:
        return Judged(findings_of(report), report.seconds, answer, _to_json(stored))
    for row, finding in zip(stored["diagnosis"], report.diagnosis, strict=True):
        if finding.for_students:
            row["for_students"] = finding.for_students
    content, declared = _canonical(task, document)
    return Judged(findings_of(report), report.seconds, answer, _to_json(stored), content, declared)


def _canonical(task: Task, document: Any) -> tuple[bytes, str | None]:
    """Return a file with nothing but what was read of the submitted one, and its format.

    The file is empty if it would be no shorter: what was submitted then has no padding.
    """
    declared = resolve_format(task.content, task.declared)
    if declared is None:
        return b"", None
    content = write_document(document, declared)
    return (content if len(content) < len(task.content) else b""), declared


def _render_stored(task: ReadTask, report: Report) -> bytes:
    """Return a stored report, which lists only the worst entries, in the format that is asked for."""
    if task.render.section or task.render.media_type is None:
        return render_section(report).encode()
    return render(report, task.render.media_type)


def _render_answer(task: Task, report: Report) -> bytes:
    if task.render.section:
        return render_section(report).encode()
    if task.render.media_type is None:
        return b""
    return render(report, task.render.media_type)


def _shows_arrays(task: Task) -> bool:
    """True if the rendered report draws whole arrays. They are never stored."""
    media_type = task.render.media_type
    exporter = None if media_type is None else MEDIA_TYPES[media_type]
    return exporter is not None and exporter.whole_arrays and task.render.audience is Audience.GRADER


def _to_json(document: Any) -> bytes:
    return to_json(document).encode()


def _read_document(task: Task) -> Any:
    read = parse_bytes if task.problem is None else parse_gradients
    document = read(task.content, task.bounds, task.declared)
    check_document(document, task.bounds)
    return document


def _submission(task: Task, document: Any) -> AnySubmission:
    if task.problem is not None:
        problem = parse(task.problem)
        if task.key:
            problem = generate_instance(problem, task.key)
        submission = read_uploaded_gradients(problem, document)
    else:
        submission = read_any_submission(document)
        if task.tolerance is not None:
            submission = replace(submission, tolerance=TOLERANCES[task.tolerance])
    return submission if task.name is None else replace(submission, name=task.name)


def _read_evaluation(document: object) -> ReadDocument:
    """Read a request of the uEd API. Raise MalformedSubmission with all mistakes; ignore other fields."""
    errors = ErrorCollector()
    submission = _read_field(document, "submission", "", errors, required=True)
    content = _read_field(submission, "content", "/submission", errors, required=submission is not None)
    kind = None if submission is None else submission.get("type")
    if submission is not None and kind not in ARTEFACTS:
        errors.add("/submission/type", f"one of {', '.join(ARTEFACTS)}", repr(kind)[:60])
    task = _read_field(document, "task", "", errors) or {}
    task_id = task.get("taskId")
    if not isinstance(task_id, str | None):
        errors.add("/task/taskId", "the id of an assignment", type(task_id).__name__)
    user = _read_field(document, "user", "", errors) or {}
    user_type = user.get("type", "LEARNER")
    if user_type not in USERS:
        errors.add("/user/type", f"one of {', '.join(USERS)}", repr(user_type)[:60])
    errors.raise_if_any()
    callback = isinstance(document, dict) and document.get("callbackUrl") is not None
    submission_json = json.dumps(content).encode()
    return ReadDocument(submission_json, user=str(user_type), task=task_id, callback=callback)


def _read_field(
    document: object, name: str, at: str, errors: ErrorCollector, required: bool = False
) -> dict[str, Any] | None:
    """Return an object in a field; None if it is absent or something else."""
    value = document.get(name) if isinstance(document, dict) else None
    if isinstance(value, dict):
        return value
    if value is not None or required:
        errors.add(f"{at}/{name}", "an object", "nothing" if value is None else type(value).__name__)
    return None
