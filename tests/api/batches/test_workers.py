"""Processes killed at any moment lose no submission and double none; workers come and go in good order."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import api.command_line  # noqa: F401 -- adds the service's commands to the verifier's
from api.batches.judging import judge_chunk
from api.batches.retry import Interrupted, retry_while_unavailable
from api.batches.worker import BatchWorker, maintain_queue
from api.service import Service, new_id
from api.settings import Settings
from api.storage.records import BatchItem, ItemState, StoredBatch
from api.storage.work_queue import Chunk, WorkQueue, chunks_of
from api.workers.turns import CALLER, background
from tests.api.batches.conftest import RIGHT, WRONG
from tests.without_torch import without_torch
from verifier.cli import main

ORACLES = "backpropagation"
AT_NIGHT = pytest.param("sqlite", marks=pytest.mark.nightly)


@pytest.fixture
def service(database: str) -> Iterator[Service]:
    made = Service(Settings(database_url=database, processes=1, oracles=ORACLES, database_wait=300))
    yield made
    made.stop()


def store_batch(service: Service, *contents: bytes) -> StoredBatch:
    batch = StoredBatch(new_id(), "grader:prof", None, len(contents), service.now())
    items = [BatchItem(batch.id, at, f"{at}", "json", each) for at, each in enumerate(contents)]
    service.repository.batches.add(batch, items)
    return batch


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@pytest.fixture
def worker_process(database: str, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start workers as the command line does; what is left of them at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-c", "from api.command_line import main; main()", "worker", "--name", "w"]
    environment = without_torch(tmp_path) | {
        "GRADJURY_DATABASE_URL": database, "GRADJURY_ORACLES": ORACLES, "GRADJURY_PROCESSES": "1",
        "GRADJURY_DATABASE_WAIT": "300",
    }  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("database", ["postgres", AT_NIGHT], indirect=True)
def test_after_a_worker_is_killed_another_finishes_with_one_report_each(
    service: Service, worker_process: Callable[[], subprocess.Popen[bytes]]
) -> None:
    batch = store_batch(service, *[WRONG, RIGHT] * 20)
    first = worker_process()
    wait_until(lambda: service.repository.batches.progress(batch.id).finished >= 3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = service.repository.batches.items(batch.id, -1, 100)
    assert len(before) < batch.total
    second = worker_process()
    wait_until(lambda: not service.repository.batches.unfinished())
    second.send_signal(signal.SIGTERM)
    output, errors = second.communicate(timeout=300)
    assert (second.returncode, output) == (0, b"")
    log = [json.loads(line) for line in errors.splitlines()]
    assert [line["event"] for line in log if line["event"].startswith("worker")] == [
        "worker ready", "worker stopping", "worker stopped",
    ]  # fmt: skip
    assert "chunks of another worker taken up" in {line["event"] for line in log}
    assert {line["batch"] for line in log if line["event"] == "chunk"} == {batch.id}
    items = service.repository.batches.items(batch.id, -1, 100)
    assert [str(item.verdict) for item in items] == ["incorrect", "correct"] * 20
    assert {item.index: item.report for item in before}.items() <= {
        item.index: item.report for item in items
    }.items()
    assert all(service.repository.reports.find(item.report or "") for item in items)


@pytest.mark.parametrize("database", ["postgres", AT_NIGHT], indirect=True)
def test_a_worker_told_to_stop_finishes_its_work_and_the_next_goes_on(
    service: Service,
) -> None:
    service.start()
    batch = store_batch(service, *[WRONG] * 40)
    with running_worker(service):
        wait_until(lambda: service.repository.batches.progress(batch.id).finished >= 1)
        with pytest.raises(RuntimeError, match="one worker a process"):
            BatchWorker(service).start()
    done = service.repository.batches.progress(batch.id)
    assert done.states[ItemState.PENDING] > 0
    assert done.states[ItemState.REFUSED] == 0
    with running_worker(service):
        wait_until(lambda: not service.repository.batches.unfinished())
    assert service.repository.batches.progress(batch.id).states[ItemState.JUDGED] == 40


def test_a_database_that_is_away_for_a_while_fails_no_item(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store_batch(service, WRONG, RIGHT)
    store = type(service.repository.batches)
    finish, tries = store.finish, iter(range(100))

    def finish_after_loss(*arguments: object) -> bool:
        if next(tries) < 3:
            raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "finish", finish_after_loss)
    judge_chunk(service, Chunk(batch.id, 0, 2), Event())
    assert service.repository.batches.progress(batch.id).states[ItemState.JUDGED] == 2


def test_a_worker_that_stops_while_the_database_is_away_leaves_its_items(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store_batch(service, WRONG)
    stopping = Event()

    def lose_connection(*_: object) -> bool:
        stopping.set()
        raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))

    with monkeypatch.context() as patch:
        patch.setattr(type(service.repository.batches), "finish", lose_connection)
        with pytest.raises(Interrupted):
            judge_chunk(service, Chunk(batch.id, 0, 1), stopping)
    assert service.repository.batches.progress(batch.id).states[ItemState.PENDING] == 1


def test_an_error_of_the_service_is_an_outcome_and_holds_up_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store_batch(service, WRONG, RIGHT)
    judge_sync = service.pool.judge_sync

    def judge_or_fail(task: object) -> object:
        if task.content == WRONG:  # type: ignore[attr-defined]
            raise ValueError("unforeseen 0.123")
        return judge_sync(task)  # type: ignore[arg-type]

    monkeypatch.setattr(service.pool, "judge_sync", judge_or_fail)
    judge_chunk(service, Chunk(batch.id, 0, 2), Event())
    first, second = service.repository.batches.items(batch.id, -1, 10)
    assert (first.state, first.refusal) == (
        ItemState.REFUSED,
        "an error of the service, not of the submission",
    )
    assert second.state is ItemState.JUDGED


def test_items_are_judged_in_the_turn_of_their_batchs_owner(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, callers = store_batch(service, WRONG, RIGHT), []
    judge_sync = service.pool.judge_sync

    def noting(task: object) -> object:
        callers.append(CALLER.get())
        return judge_sync(task)  # type: ignore[arg-type]

    monkeypatch.setattr(service.pool, "judge_sync", noting)
    judge_chunk(service, Chunk(batch.id, 0, 2), Event())
    assert callers == [background(batch.owner)] * 2


def test_of_two_workers_at_one_chunk_each_item_has_one_report(service: Service) -> None:
    service.start()
    batch = store_batch(service, *[WRONG] * 8)
    threads = [Thread(target=judge_chunk, args=(service, Chunk(batch.id, 0, 8), Event())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = service.repository.batches.items(batch.id, -1, 10)
    assert len({item.report for item in items}) == 8


def test_a_cancelled_chunk_is_left_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = store_batch(service, *[WRONG] * 10)
    judge_sync = service.pool.judge_sync

    def judge_and_cancel(task: object) -> object:
        service.repository.batches.cancel(batch.id, service.now())
        return judge_sync(task)  # type: ignore[arg-type]

    monkeypatch.setattr(service.pool, "judge_sync", judge_and_cancel)
    judge_chunk(service, Chunk(batch.id, 0, 10), Event())
    assert service.repository.batches.progress(batch.id).states[ItemState.CANCELLED] == 10


def test_a_round_recovers_the_work_of_workers_that_are_gone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store_batch(service, *[WRONG] * 3)
    queue = WorkQueue(service.settings.database_url)
    workers, now = service.repository.workers, service.now()
    workers.record_heartbeat("alive", now)
    workers.record_heartbeat("silent", now - timedelta(seconds=11))
    assert maintain_queue(service, queue, "own", bool) == []
    states = queue.states(batch)
    assert {state.status for state in states.values()} == {"ENQUEUED"}
    assert set(states) == {chunk.first for chunk in chunks_of(batch)}
    holders = iter(["alive", "silent", "never heard of"])
    held = {
        first: replace(state, status="PENDING", executor=next(holders)) for first, state in states.items()
    }
    with monkeypatch.context() as patch:
        patch.setattr(queue, "states", lambda _: held)
        assert maintain_queue(service, queue, "own", bool) == ["never heard of", "silent"]
    again = queue.states(batch)
    assert [again[first].attempt for first in sorted(again)] == [0, 1, 1]
    assert {state.status for state in again.values()} == {"ENQUEUED"}
    assert workers.silent_since(now + timedelta(days=1)) == ["alive"]
    monkeypatch.setattr(queue, "states", lambda _: held)
    assert maintain_queue(service, queue, "alive", lambda chunks: len(chunks) == 1) == [
        "alive",
        "never heard of",
        "silent",
    ]
    queue.close()


def test_what_kills_worker_after_worker_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store_batch(service, WRONG)
    queue = WorkQueue(service.settings.database_url)
    maintain_queue(service, queue, "own", bool)
    dead = {
        first: replace(state, status="PENDING", executor="dead", attempt=49)
        for first, state in queue.states(batch).items()
    }
    monkeypatch.setattr(queue, "states", lambda _: dead)
    maintain_queue(service, queue, "own", bool)
    (item,) = service.repository.batches.items(batch.id, -1, 10)
    assert (item.state, item.refusal) == (
        ItemState.REFUSED,
        "the service gave it up after 50 attempts",
    )
    queue.close()


def test_connections_lost_in_the_middle_cost_no_submission(
    fresh_database: Callable[[str], str], worker_of: Callable[[Service], BatchWorker]
) -> None:
    service = Service(
        Settings(database_url=fresh_database("postgres"), processes=1, oracles=ORACLES, database_wait=300)
    )
    service.start()
    worker_of(service)
    batch = store_batch(service, *[WRONG, RIGHT] * 30)
    engine = service.repository.engine  # type: ignore[attr-defined]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    for done in (1, 10, 20, 30):
        wait_until(lambda least=done: progress(service, batch) >= least)
        with suppress(OperationalError), engine.connect() as connection:
            connection.execute(text(cut))  # its own too
    wait_until(lambda: progress(service, batch) == 60)
    items = retry_while_unavailable(lambda: service.repository.batches.items(batch.id, -1, 100), Event())
    assert [str(item.verdict) for item in items] == ["incorrect", "correct"] * 30


@contextmanager
def running_worker(service: Service) -> Iterator[None]:
    """Run a worker until the end of the block, also if that fails: it would disturb the tests that follow."""
    worker = BatchWorker(service)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


@pytest.fixture
def worker_of() -> Iterator[Callable[[Service], BatchWorker]]:
    """Start a worker, and stop it and its service at the end."""
    with ExitStack() as stack:

        def start(service: Service) -> BatchWorker:
            worker = BatchWorker(service)
            stack.callback(service.stop)
            worker.start()
            stack.callback(worker.stop)
            return worker

        yield start


def progress(service: Service, batch: StoredBatch) -> int:
    return retry_while_unavailable(lambda: service.repository.batches.progress(batch.id), Event()).finished


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@h/d", "expected sqlite:///FILE"),
        ("postgresql://u:secret@127.0.0.1:1/d", "127.0.0.1, port 1 cannot be reached"),
        (
            "sqlite:////nowhere/at/all.sqlite",
            "there is no database at /nowhere/at/all.sqlite; run this",
        ),
    ],
)
def test_a_worker_without_a_database_says_so_and_exits_2(
    url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.raises(SystemExit) as caught:
        main.app(["worker", "--database-url", url])
    for number, handler in before.items():
        signal.signal(number, handler)
    assert caught.value.code == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "secret" not in errors


def test_workflows_of_finished_batches_are_deleted(
    service: Service, worker_of: Callable[[Service], BatchWorker]
) -> None:
    service.start()
    worker_of(service)
    batch = store_batch(service, WRONG)
    queue = WorkQueue(service.settings.database_url)
    wait_until(lambda: progress(service, batch) == 1)
    wait_until(lambda: {state.status for state in queue.states(batch).values()} == {"SUCCESS"})
    assert queue.prune([batch.id]) == 0
    assert queue.prune([]) == 1
    assert queue.states(batch) == {}
    queue.close()


def test_a_pickled_row_of_the_queue_runs_nothing(service: Service) -> None:
    queue = WorkQueue(service.settings.database_url)
    batch = store_batch(service, WRONG)
    queue.put_batch(batch)
    queue.close()
    from dbos._serialization import DefaultSerializer  # what a row that says so is read by

    with service.repository.engine.connect() as connection:  # type: ignore[attr-defined]
        schema = "dbos." if connection.dialect.name == "postgresql" else ""
        tables = f"{schema}workflow_status JOIN {schema}workflow_input USING (workflow_uuid)"
        query = f"SELECT workflow_input.inputs, serialization FROM {tables}"
        inputs, serialization = connection.execute(text(query)).one()
    assert serialization == "portable_json"
    assert json.loads(inputs)["positionalArgs"] == [batch.id, 0, 1, 0]
    reader = DefaultSerializer()
    assert reader.deserialize(reader.serialize([1, "two"])) == [1, "two"]
    with pytest.raises(RuntimeError, match="writes JSON alone"):
        reader.deserialize(reader.serialize(Path))
