"""Store a class of thousands of judged submissions without judging each."""

from dataclasses import replace

from api.service import Service, new_id
from api.services.submissions import records_of, submission_task
from api.storage.records import StoredAssignment, StoredReport, StoredSubmission
from api.workers.protocol import Judged
from verifier.documents.files import write_document
from verifier.examples.layers import EXAMPLES


def fill_class(service: Service, stored: StoredAssignment, students: int, attempts: int) -> None:
    """Store judged submissions, each a copy of one of a few that were judged."""
    kinds = [_judged(service, stored, name) for name in ("wrong-layer", "sigmoid-mse")]
    store = service.repository.submissions
    for student in range(students):
        for attempt in range(attempts):
            submission, report = kinds[(student + attempt) % len(kinds)]
            assert submission.result is not None
            copy = replace(report, id=new_id(), owner=f"student:s{student:05}")
            result = replace(submission.result, report=copy.id)
            copied = replace(submission, id=new_id(), student=f"s{student:05}", result=result)
            store.add(copied, replace(copy, submission=copied.id), None)


def _judged(
    service: Service, stored: StoredAssignment, example: str
) -> tuple[StoredSubmission, StoredReport]:
    document = EXAMPLES[example].document()
    content = write_document({"gradients": document["gradients"]}, "json")
    submission = StoredSubmission(new_id(), stored.id, "s", 0, service.now(), "json", content)
    outcome = service.pool.judge_sync(submission_task(service, stored, submission))
    if not isinstance(outcome, Judged):
        raise RuntimeError(f"{example}: {outcome}")
    judged, report = records_of(stored, submission, outcome, service.now())
    assert report is not None
    return judged, report
