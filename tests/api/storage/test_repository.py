"""The storage's contract, held by SQLite and by Postgres alike."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from api.storage.database import SqlRepository, UnusableDatabaseError, open_repository, read_url
from api.storage.records import (
    AssignmentGoneError,
    BatchItem,
    BatchKind,
    ItemState,
    RefusalRecord,
    RegradedItem,
    Role,
    RosterEntry,
    StoredAssignment,
    StoredBatch,
    StoredReport,
    StoredSubmission,
    SubmissionResult,
    Token,
)
from api.storage.repository import Repository
from api.storage.tables import metadata
from tests.api.conftest import DATABASES
from tests.verifier.builders import small_document
from verifier.documents.assignment import read_assignment_or_problem
from verifier.report.verdict import Verdict

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ASSIGNMENT = read_assignment_or_problem(small_document())


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, fresh_database: Callable[[str], str]) -> str:
    return fresh_database(request.param)


@pytest.fixture
def repository(database: str) -> Iterator[SqlRepository]:
    opened = open_repository(database, 300)
    yield opened
    opened.close()


def stored_assignment(repository: Repository, name: str = "hw1") -> StoredAssignment:
    stored = StoredAssignment(name, "prof", ASSIGNMENT, 1, NOON)
    repository.assignments.add(stored)
    return stored


def report(name: str, submission: str | None = None, assignment: str | None = None) -> StoredReport:
    return StoredReport(name, "prof", assignment, submission, b'{"a": 1}', "e" * 64, NOON)


def submission(name: str, student: str, report_id: str) -> StoredSubmission:
    verdicts = {"layers.0.weight": Verdict.INCORRECT}
    result = SubmissionResult(
        report_id, 1, Verdict.INCORRECT, 1.5, 2.0, verdicts, (("sign-flipped", 0), ("x", None))
    )
    return StoredSubmission(name, "hw1", student, 0, NOON, "json", b"\x00content", result)


def test_the_migrations_make_the_tables_that_the_queries_know(repository: SqlRepository) -> None:
    with repository.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_keeps_what_is_there(database: str) -> None:
    first = open_repository(database, 300)
    stored_assignment(first)
    first.close()
    second = open_repository(database, 300)
    assert [row.id for row in second.assignments.list("prof", ())] == ["hw1"]
    second.close()


def test_several_processes_may_open_a_new_database_at_once(database: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(lambda _: open_repository(database, 300), range(6)))
    stored_assignment(opened[0])
    for each in opened:
        each.check()
        assert [row.id for row in each.assignments.list("prof", ())] == ["hw1"]
        each.close()


def test_a_token_is_found_by_its_id_before_and_after_it_is_revoked(
    repository: Repository,
) -> None:
    token = Token("t1", Role.STUDENT, "ada", frozenset({"hw1", "hw2"}), NOON, NOON + timedelta(days=1))
    repository.tokens.add(token, b"digest")
    assert repository.tokens.find("t1") == (token, b"digest")
    assert repository.tokens.find("t2") is None
    assert repository.tokens.revoke("t1", NOON + timedelta(hours=1))
    assert not repository.tokens.revoke("t2", NOON)
    assert repository.tokens.list() == [replace(token, revoked=NOON + timedelta(hours=1))]


def test_an_assignment_is_changed_only_from_the_revision_that_was_read(repository: Repository) -> None:
    stored_assignment(repository)
    changed = repository.assignments.update("hw1", replace(ASSIGNMENT, title="Second"), 1)
    assert changed is not None
    assert (changed.revision, changed.assignment.title) == (2, "Second")
    assert repository.assignments.update("hw1", replace(ASSIGNMENT, title="Third"), 1) is None
    stored = repository.assignments.find("hw1")
    assert stored is not None
    assert stored.assignment.title == "Second"


def test_a_change_may_keep_the_results_of_the_revision_before(repository: Repository) -> None:
    stored_assignment(repository)
    repository.submissions.add(submission("s1", "ada", "r1"), report("r1", "s1", "hw1"), None)
    repository.assignments.update("hw1", ASSIGNMENT, 1, keeps_results=True)
    assert repository.submissions.outdated("hw1", 2) == []
    repository.assignments.update("hw1", ASSIGNMENT, 2)
    assert [row.id for row in repository.submissions.outdated("hw1", 3)] == ["s1"]


def test_an_assignment_is_deleted_with_all_that_belongs_to_it(repository: Repository) -> None:
    stored_assignment(repository)
    stored_assignment(repository, "hw2")
    repository.submissions.add(submission("s1", "ada", "r1"), report("r1", "s1", "hw1"), None)
    item = BatchItem("b1", 0, "ada", "json", b"x")
    repository.batches.add(StoredBatch("b1", "prof", "hw1", 1, NOON), [item])
    repository.roster.add("hw1", [RosterEntry("ada")])
    repository.roster.refuse("hw1", "ada", "why", NOON)
    assert not repository.assignments.delete("hw1", with_submissions=False)
    assert repository.assignments.delete("hw1", with_submissions=True)
    assert repository.assignments.find("hw1") is None
    assert repository.submissions.find("s1") is None
    assert repository.reports.find("r1") is None
    assert repository.batches.find("b1") is None
    assert repository.assignments.find("hw2") is not None
    reserved = replace(submission("s2", "ada", "r2"), result=None)
    with pytest.raises(AssignmentGoneError):
        repository.submissions.reserve(reserved, None, NOON)
    repository.roster.refuse("hw1", "ada", "why", NOON)
    assert repository.roster.refusals("hw1") == []


def test_the_roster_keeps_names_ids_and_the_last_refusal(repository: Repository) -> None:
    stored_assignment(repository)
    repository.roster.replace("hw1", [RosterEntry("eve"), RosterEntry("Ada", "1")])
    repository.roster.add("hw1", [RosterEntry("eve", "2"), RosterEntry("bob", "3")])
    entries = [RosterEntry("Ada", "1"), RosterEntry("bob", "3"), RosterEntry("eve", "2")]
    assert repository.roster.entries("hw1") == entries
    for minutes, reason in enumerate(("first", "second")):
        repository.roster.refuse("hw1", "bob", reason, NOON + timedelta(minutes=minutes))
    later = NOON + timedelta(minutes=1)
    assert repository.roster.refusals("hw1") == [RefusalRecord("bob", 2, "second", later)]


def test_a_student_is_forgotten_in_submissions_batches_and_tokens(repository: Repository) -> None:
    stored_assignment(repository)
    for number, student in enumerate(("ada", "bob")):
        name, report_id = f"s{number}", f"r{number}"
        judged = submission(name, student, report_id)
        repository.submissions.add(judged, report(report_id, name, "hw1"), None)
        token = Token(f"t{number}", Role.STUDENT, student, frozenset({"hw1"}), NOON)
        repository.tokens.add(token, b"digest")
    repository.tokens.add(Token("t2", Role.STUDENT, "ada", frozenset({"hw1", "x"}), NOON), b"digest")
    repository.tokens.add(Token("t3", Role.GRADER, "ada", frozenset({"hw1"}), NOON), b"digest")
    items = [BatchItem("b1", index, student, "json", b"x") for index, student in enumerate(("ada", "bob"))]
    repository.batches.add(StoredBatch("b1", "prof", "hw1", 2, NOON), items)
    assert repository.roster.reports("hw1", "ada") == ["r0"]
    repository.roster.forget("hw1", "ada")
    assert [row.student for row in repository.submissions.list("hw1")] == ["bob"]
    assert (repository.reports.find("r0"), repository.submissions.content("s0")) == (None, b"")
    assert [item.source for item in repository.batches.pending("b1", 0, 2)] == ["bob"]
    assert [item.source for item in repository.batches.items("b1", -1, 9)] == ["(deleted)"]
    assert [token.id for token in repository.tokens.of_students("hw1")] == ["t1"]
    assert [(token.id, set(token.assignments)) for token in repository.tokens.list()] == [
        ("t1", {"hw1"}), ("t2", {"x"}), ("t3", {"hw1"}),
    ]  # fmt: skip


def test_a_submission_comes_back_as_it_was_with_its_attempt_counted(repository: Repository) -> None:
    stored_assignment(repository)
    for number in (1, 2):
        made = submission(f"s{number}", "ada", f"r{number}")
        assert repository.submissions.add(made, report(f"r{number}", f"s{number}", "hw1"), None) == number
    kept = replace(submission("s2", "ada", "r2"), attempt=2, content=b"", shown=NOON)
    assert repository.submissions.find("s2") == kept
    assert repository.submissions.content("s2") == b"\x00content"
    assert repository.submissions.content("s3") == b""
    assert repository.submissions.size("hw1", "ada") == 2 * len(b'\x00content{"a": 1}')
    assert repository.submissions.count("hw1", "ada") == 2
    assert repository.submissions.count("hw1", "ben") == 0
    listed = repository.submissions.list("hw1", "ada")
    assert [(each.id, each.content) for each in listed] == [("s1", b""), ("s2", b"")]


def test_an_earlier_id_of_a_bug_comes_back_as_the_id_that_took_its_place(repository: Repository) -> None:
    stored_assignment(repository)
    first = submission("s1", "ada", "r1")
    assert first.result is not None
    earlier = replace(first.result, bugs=(("wrong-sign", None), ("missing-path", None)))
    repository.submissions.add(replace(first, result=earlier), report("r1", "s1", "hw1"), None)
    (stored,) = repository.submissions.list("hw1")
    assert stored.result is not None
    assert stored.result.bugs == (("sign-flipped", None), ("missing-path", None))


def test_of_many_attempts_at_once_only_as_many_as_allowed_are_kept(repository: Repository) -> None:
    stored_assignment(repository)

    def attempt(number: int) -> int | None:
        stored = submission(f"s{number}", "ada", f"r{number}")
        return repository.submissions.add(stored, report(f"r{number}"), attempts=3)

    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(attempt, range(12)))
    assert sorted(number for number in numbers if number is not None) == [1, 2, 3]
    assert repository.submissions.count("hw1", "ada") == 3
    kept = [number for number in range(12) if repository.reports.find(f"r{number}") is not None]
    assert len(kept) == 3


def test_judging_again_replaces_the_result_and_keeps_the_first_report(repository: Repository) -> None:
    stored_assignment(repository)
    repository.submissions.add(submission("s1", "ada", "r1"), report("r1"), None)
    better = SubmissionResult("r2", 2, Verdict.CORRECT, 2.0, 2.0, {"layers.0.weight": Verdict.CORRECT}, ())
    item = BatchItem("b1", 0, "ada", state=ItemState.JUDGED, verdict=Verdict.CORRECT, submission="s1")
    gone = RegradedItem(replace(item, index=1, submission="s2"), better, report("r3", "s2"))
    batch = StoredBatch("b1", "prof", "hw1", 2, NOON, kind=BatchKind.REGRADE)
    repository.batches.add(batch, [BatchItem("b1", index, "ada") for index in range(2)])
    outcome = RegradedItem(item, better, report("r2"))
    repository.batches.finish_regrades("hw1", [outcome, gone])
    repository.batches.finish_regrades("hw1", [])
    repository.batches.finish_regrades("hw2", [outcome])
    assert repository.batches.progress("b1").states[ItemState.JUDGED] == 2
    assert repository.reports.find("r3") is None
    kept = repository.submissions.find("s1")
    assert kept is not None
    assert kept.result == better
    assert repository.reports.find("r1") == replace(report("r1"), document=b"")
    assert repository.reports.document("r1") == report("r1").document


def test_a_reservation_counts_as_an_attempt_until_it_is_released_or_stale(repository: Repository) -> None:
    stored_assignment(repository)
    store, early = repository.submissions, NOON - timedelta(hours=1)
    first, second = (replace(submission(name, "ada", "r1"), result=None) for name in ("s1", "s2"))
    assert store.reserve(first, 1, early) == 1
    assert store.count("hw1", "ada") == 1
    assert store.reserve(second, 1, early) is None
    (listed,) = store.list("hw1", "ada")
    assert (listed.result, listed.shown, listed.content) == (None, None, b"")
    assert store.standings("hw1", best=False, summaries=True) == []
    assert store.outdated("hw1", 2) == []
    store.release("s1")
    assert store.reserve(second, 1, early) == 1
    third = replace(first, id="s3", received=NOON + timedelta(hours=1))
    assert store.reserve(third, 1, NOON + timedelta(minutes=1)) == 1  # the process of `s2` died
    assert not store.finish(submission("s2", "ada", "r1"), report("r1"))
    assert repository.reports.find("r1") is None
    assert store.finish(replace(submission("s3", "ada", "r1"), shown=NOON), report("r1"))
    assert not store.finish(submission("s3", "ada", "r1"), report("r1"))
    store.release("s3")
    assert store.content("s3") == b"\x00content"


def test_the_highest_number_is_the_latest_whatever_the_clock_said(repository: Repository) -> None:
    stored_assignment(repository)
    for number, (earned, minutes) in enumerate([(2.0, 0), (2.0, -60), (1.0, -30)], 1):
        made = submission(f"s{number}", "ada", f"r{number}")
        assert made.result is not None
        received = NOON + timedelta(minutes=minutes)
        result = replace(made.result, earned=earned, summary={"errors": {}})
        made = replace(made, received=received, result=result)
        repository.submissions.add(made, report(f"r{number}"), None)
    repository.submissions.add(submission("b1", "=ben", "rb"), report("rb"), None)
    assert [each.id for each in repository.submissions.list("hw1", "ada")] == ["s1", "s2", "s3"]
    for best, counted in ((False, "s3"), (True, "s1")):
        standings = repository.submissions.standings("hw1", best, summaries=best)
        assert [(each.submission.id, each.attempts) for each in standings] == [("b1", 1), (counted, 3)]
        assert [bool(each.result.summary) for each in standings] == [False, best]


def test_lists_of_assignments_hold_those_of_the_owner_and_those_named(repository: Repository) -> None:
    for name, owner in (("a1", "prof"), ("a2", "other"), ("a3", "other")):
        repository.assignments.add(StoredAssignment(name, owner, ASSIGNMENT, 1, NOON))
    assert [row.id for row in repository.assignments.list("prof", {"a3"})] == ["a1", "a3"]
    assert [row.id for row in repository.assignments.list(None, {"a2"})] == ["a2"]
    assert repository.assignments.list(None, ()) == []
    repository.assignments.update("a1", replace(ASSIGNMENT, title="New", attempts=3, closes=NOON), 1)
    (row, *_) = repository.assignments.list("prof", ())
    assert (row.title, row.attempts, row.opens, row.closes) == ("New", 3, None, NOON)


def batch_of(repository: Repository, total: int) -> StoredBatch:
    batch = StoredBatch("b1", "prof", None, total, NOON)
    items = [BatchItem("b1", index, f"{index}.json", "json", b"{}") for index in range(total)]
    repository.batches.add(batch, items)
    return batch


def test_an_item_of_a_batch_is_finished_once_however_many_try(repository: Repository) -> None:
    batch_of(repository, 2)
    item = repository.batches.pending("b1", 0, 2)[0]

    def finish(attempt: int) -> bool:
        judged_item = replace(item, state=ItemState.JUDGED, report=f"r{attempt}", verdict=Verdict.CORRECT)
        return repository.batches.finish(judged_item, report(f"r{attempt}"))

    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(finish, range(8)))
    assert kept.count(True) == 1
    stored_attempts = [attempt for attempt in range(8) if repository.reports.find(f"r{attempt}") is not None]
    assert stored_attempts == [kept.index(True)]
    (finished,) = repository.batches.items("b1", -1, 10)
    assert (finished.index, finished.report, finished.state) == (
        0,
        f"r{stored_attempts[0]}",
        ItemState.JUDGED,
    )
    assert [each.index for each in repository.batches.pending("b1", 0, 2)] == [1]


def test_progress_counts_states_and_verdicts_until_nothing_is_left(repository: Repository) -> None:
    batch = batch_of(repository, 3)
    assert repository.batches.unfinished() == [batch]
    first, second, _ = repository.batches.pending("b1", 0, 3)
    done = replace(first, state=ItemState.JUDGED, report="r1", verdict=Verdict.INCORRECT)
    repository.batches.finish(done, report("r1"))
    refused = replace(second, state=ItemState.REFUSED, refusal="/: expected JSON")
    repository.batches.finish(refused, None)
    repository.batches.cancel("b1", NOON)
    progress = repository.batches.progress("b1")
    assert dict(progress.states) == {
        ItemState.PENDING: 0,
        ItemState.JUDGED: 1,
        ItemState.REFUSED: 1,
        ItemState.CANCELLED: 1,
    }
    assert progress.verdicts == {Verdict.INCORRECT: 1}
    assert progress.finished == 3
    assert repository.batches.unfinished() == []
    assert repository.batches.find("b1") == replace(batch, cancelled=NOON)


def test_a_key_is_claimed_once_and_its_answer_given_to_whoever_comes_later(repository: Repository) -> None:
    replies = repository.replies
    assert replies.claim("t1", "key", b"f", NOON) is None
    in_work = replies.claim("t1", "key", b"f", NOON)
    assert in_work is not None
    assert in_work.status is None
    assert replies.claim("t2", "key", b"f", NOON) is None
    replies.complete("t1", "key", 202, {"Location": "/v1/batches/1"}, b"{}")
    kept = replies.claim("t1", "key", b"other", NOON)
    assert kept is not None
    assert (kept.fingerprint, kept.status, kept.headers, kept.body) == (
        b"f",
        202,
        {"Location": "/v1/batches/1"},
        b"{}",
    )
    replies.release("t2", "key")
    assert replies.claim("t2", "key", b"f", NOON) is None
    replies.delete_before(NOON + timedelta(seconds=1))
    assert replies.claim("t1", "key", b"f", NOON) is None


def test_all_processes_share_the_first_secret_of_a_name(repository: Repository) -> None:
    with ThreadPoolExecutor(6) as threads:
        secrets = list(threads.map(lambda n: repository.secrets.get_or_create("s", bytes([n])), range(6)))
    assert len(set(secrets)) == 1


def test_workers_not_heard_of_since_a_moment_are_named(repository: Repository) -> None:
    repository.workers.record_heartbeat("one", NOON)
    repository.workers.record_heartbeat("two", NOON)
    repository.workers.record_heartbeat("two", NOON + timedelta(seconds=20))
    assert repository.workers.silent_since(NOON + timedelta(seconds=10)) == ["one"]
    repository.workers.remove("one")
    assert repository.workers.silent_since(NOON + timedelta(minutes=1)) == ["two"]


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:"])
def test_a_url_of_no_known_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UnusableDatabaseError, match="expected sqlite:///FILE") as caught:
        read_url(url)
    assert "secret" not in str(caught.value)
