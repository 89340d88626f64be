"""An item of an assignment's batch is its student's submission, once, whatever dies between."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest

from api.batches.judging import judge_item
from api.service import Service, new_id
from api.settings import Settings
from api.storage.records import BatchItem, ItemState, StoredAssignment, StoredBatch
from tests.api.batches.conftest import gradients, problem_of_example
from tests.api.conftest import DATABASES
from verifier.documents.assignment import read_assignment

Send = Callable[..., tuple[StoredBatch, StoredAssignment, BatchItem]]


@pytest.fixture(scope="module", params=DATABASES)
def service(request: pytest.FixtureRequest, module_database: Callable[[str], str]) -> Iterator[Service]:
    database = module_database(request.param)
    made = Service(Settings(database_url=database, processes=2, oracles="backpropagation"))
    made.start()
    yield made
    made.stop()


def store_batch(service: Service, **rules: object) -> tuple[StoredBatch, StoredAssignment, BatchItem]:
    assignment = read_assignment({"problem": problem_of_example(), **rules})
    stored = StoredAssignment(new_id(), "prof", assignment, 1, service.now())
    service.repository.assignments.add(stored)
    batch = StoredBatch(new_id(), "grader:prof", stored.id, 1, service.now())
    item = BatchItem(batch.id, 0, "ada", "json", gradients())
    service.repository.batches.add(batch, [item])
    return batch, stored, item


@pytest.mark.parametrize("attempts", [None, 1])
def test_judging_it_again_after_a_crash_finds_the_submission_that_was_kept(
    service: Service, attempts: int | None
) -> None:
    batch, stored, item = store_batch(service, **({} if attempts is None else {"attempts": attempts}))
    first, _ = judge_item(service, batch, stored, item)
    second, _ = judge_item(service, batch, stored, item)
    assert first == second
    assert first.state is ItemState.JUDGED
    (kept,) = service.repository.submissions.list(stored.id)
    assert kept.result is not None
    assert kept.result.report == first.report


@pytest.mark.parametrize("attempts", [None, 1])
def test_two_workers_at_it_keep_one_submission(service: Service, attempts: int | None) -> None:
    batch, stored, item = store_batch(service, **({} if attempts is None else {"attempts": attempts}))
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: judge_item(service, batch, stored, item)[0], range(4)))
    assert len({outcome.report for outcome in outcomes}) == 1
    assert len(service.repository.submissions.list(stored.id)) == 1


def test_an_item_that_another_worker_stored_uses_no_further_attempt(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, stored, item = store_batch(service, attempts=1)
    first, _ = judge_item(service, batch, stored, item)
    store = service.repository.submissions
    find, looks = type(store).find, count()
    monkeypatch.setattr(
        type(store), "find", lambda store, wanted: find(store, wanted) if next(looks) else None
    )
    second, _ = judge_item(service, batch, stored, item)
    assert (second.state, second.report) == (ItemState.JUDGED, first.report)


def test_a_batch_that_came_after_the_window_is_refused_item_by_item(service: Service) -> None:
    closes = (service.now() - timedelta(hours=1)).isoformat()
    batch, stored, item = store_batch(service, closes=closes)
    outcome, report = judge_item(service, batch, stored, item)
    assert (outcome.state, report) == (ItemState.REFUSED, None)
    assert "takes submissions from" in outcome.refusal


def test_numbers_of_a_students_own_are_judged_by_those_numbers(service: Service) -> None:
    batch, stored, item = store_batch(service, instances="per_student")
    outcome, _ = judge_item(service, batch, stored, item)
    assert outcome.verdict == "incorrect"  # the gradients of the shared numbers
    kept = service.repository.submissions.list(stored.id)
    assert [submission.student for submission in kept] == ["ada"]
