"""The judging processes survive what is done to them from outside, and stop what goes beyond a limit."""

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from socket import socket
from threading import Event, Timer

import pytest
import uvloop

from api.workers import process, work
from api.workers.pool import Limits, WorkerPool
from api.workers.process import JudgingError, WorkerProcess
from api.workers.protocol import Judged, RenderRequest, Stopped, Task, encode_frames
from tests.api.large import network
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

TASK = Task(write_document(example_document("wrong-layer"), "json"), oracles=("backpropagation",))
TRIES = 30  # on a busy machine anything may take longer than a short limit
SLOW = Task(  # many seconds
    write_document(network([200, 200, 200], 64), "npz"), oracles=("finite_differences_per_weight",)
)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(1, Limits(seconds=300.0))
    made.warm_up()
    yield made
    made.stop()


@pytest.fixture
def task_sent(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """An event that is set as soon as a process has been sent a task."""
    event, read = asyncio.Event(), process.read_message_async

    async def read_task(connection: socket) -> object:
        event.set()
        return await read(connection)

    monkeypatch.setattr(process, "read_message_async", read_task)
    return event


def test_a_pool_whose_idle_process_was_killed_judges_the_next_submission(pool: WorkerPool) -> None:
    for _ in range(2):
        for each in pool.process_ids:
            os.kill(each, signal.SIGKILL)
        assert isinstance(pool.judge_sync(TASK), Judged)


def test_a_submission_whose_process_was_killed_is_judged_by_another(pool: WorkerPool) -> None:
    Timer(0.01, os.kill, (pool.process_ids[0], signal.SIGKILL)).start()
    outcomes = [pool.judge_sync(TASK) for _ in range(3)]
    assert {type(outcome) for outcome in outcomes} == {Judged}


def test_the_outcome_of_another_task_is_given_to_nobody(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = process.encode_frames
    monkeypatch.setattr(process, "encode_frames", lambda task, number: frames(task, number + 1))
    first = pool.process_ids
    outcome = pool.judge_sync(TASK)
    assert isinstance(outcome, Stopped)
    assert pool.process_ids != first
    monkeypatch.undo()
    assert isinstance(pool.judge_sync(TASK), Judged)


def test_a_submission_beyond_its_time_is_stopped_and_the_next_is_judged() -> None:
    short = WorkerPool(1, Limits(seconds=1.5))
    short.warm_up()
    assert isinstance(short.judge_sync(SLOW), Stopped)
    tries = (short.judge_sync(TASK) for _ in range(TRIES))
    assert any(isinstance(outcome, Judged) for outcome in tries)
    short.stop()


def test_many_idle_processes_killed_are_no_tries_of_a_submission() -> None:
    many = WorkerPool(4, Limits(seconds=300.0))
    many.warm_up()
    for each in many.process_ids:
        os.kill(each, signal.SIGKILL)
    assert isinstance(many.judge_sync(TASK), Judged)
    many.stop()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_an_answer_that_nobody_waits_for_any_more_is_given_to_nobody_else(
    pool: WorkerPool, task_sent: asyncio.Event, run: Callable[..., list[object]]
) -> None:
    async def cancel_and_judge() -> list[object]:
        waiting = [asyncio.ensure_future(pool.judge(SLOW)) for _ in range(2)]  # one in work, one in line
        await asyncio.wait_for(task_sent.wait(), 300)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        return list(await asyncio.gather(*[pool.judge(TASK) for _ in range(3)]))

    outcomes = run(cancel_and_judge())
    assert [type(outcome) for outcome in outcomes] == [Judged] * 3
    assert {outcome.findings.bugs[0][0] for outcome in outcomes} == {"preactivation-as-input"}  # type: ignore[attr-defined]
    assert pool.pending == 0


def test_an_error_of_our_own_is_told_by_its_kind_and_logged_by_its_place(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    unforeseen = Task(TASK.content, render=RenderRequest("no/such"))
    with caplog.at_level(logging.ERROR), pytest.raises(JudgingError, match="KeyError"):
        pool.judge_sync(unforeseen)
    assert "work.py" in caplog.text
    assert "no/such" not in caplog.text
    assert isinstance(pool.judge_sync(TASK), Judged)


def test_a_pool_that_has_been_stopped_judges_nothing_and_starts_nothing(pool: WorkerPool) -> None:
    pool.stop()
    with pytest.raises(BrokenProcessPool):
        pool.judge_sync(TASK)
    assert pool.process_ids == []


def test_starting_it_leaves_the_environment_of_its_process_as_it_was() -> None:
    before = dict(os.environ)
    pool = WorkerPool(1, Limits(seconds=300.0))
    pool.warm_up()
    pool.stop()
    assert dict(os.environ) == before


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_pool_that_is_stopped_at_work_tells_all_who_wait(
    task_sent: asyncio.Event, run: Callable[..., list[object]]
) -> None:
    busy = WorkerPool(1, Limits(seconds=300.0))
    busy.warm_up()
    (judge,) = [process._process for process in busy._processes]

    async def wait_for_all() -> list[object]:
        waiting = [asyncio.ensure_future(busy.judge(SLOW)) for _ in range(3)]
        await asyncio.wait_for(task_sent.wait(), 300)
        stopping = asyncio.get_running_loop().run_in_executor(None, busy.stop)
        connection.wait([judge.sentinel], 300)  # meanwhile the event loop has other things to do
        await stopping
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 300)

    assert [type(each) for each in run(wait_for_all())] == [BrokenProcessPool] * 3


def test_a_process_started_for_one_who_left_is_there_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    started, start = [], ForkServerProcess.start
    starting, second_request = Event(), Event()

    def start_slowly(process: ForkServerProcess) -> None:
        starting.set()
        second_request.wait(300)
        start(process)
        started.append(process)

    monkeypatch.setattr(ForkServerProcess, "start", start_slowly)
    pool = WorkerPool(1, Limits(seconds=300.0))

    async def cancel_and_judge() -> object:
        first = asyncio.ensure_future(pool.judge(TASK))
        await asyncio.to_thread(starting.wait, 300)
        first.cancel()
        second = asyncio.ensure_future(pool.judge(TASK))
        await asyncio.sleep(0)
        second_request.set()
        return await second

    assert isinstance(asyncio.run(cancel_and_judge()), Judged)
    assert len(started) == 1
    pool.stop()


@pytest.mark.parametrize(("failures", "outcome"), [(2, Judged), (3, BrokenProcessPool)])
def test_a_process_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, failures: int, outcome: type
) -> None:
    start, failing = ForkServerProcess.start, iter(range(failures))

    def start_once(process: ForkServerProcess) -> None:
        if next(failing, None) is not None:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", start_once)
    pool = WorkerPool(1, Limits(seconds=300.0))
    if outcome is Judged:
        assert isinstance(pool.judge_sync(TASK), Judged)
    else:
        with pytest.raises(BrokenProcessPool, match="temporarily unavailable"):
            pool.judge_sync(TASK)
    pool.stop()


def test_a_process_whose_service_is_gone_ends_its_task_by_itself() -> None:
    alone = WorkerProcess(memory=2**32, seconds=0.3)
    alone.start()
    alone._socket.setblocking(True)
    for piece in encode_frames(SLOW, 1):
        alone._socket.sendall(piece)
    alone._process.join(300)
    assert alone._process.exitcode == -signal.SIGALRM
    alone.end()


def test_a_submission_beyond_memory_takes_what_was_kept_of_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(work.judge(TASK), Judged)
    assert work._CACHE._kept

    def too_large(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(work, "verify", too_large)
    assert isinstance(work.judge(TASK), Stopped)
    assert not work._CACHE._kept
