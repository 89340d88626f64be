"""The judging processes survive what is done to them from outside, and stop what goes beyond a limit."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from threading import Timer

import pytest

from api.judging.pool import JudgingPool, Limits
from api.judging.process import JudgingError
from api.judging.task import Judged, Stopped, Task
from tests.api.large import network
from verifier.documents.files import write_document
from verifier.examples import example_document

TASK = Task(write_document(example_document("wrong-layer"), "json"))
SLOW = Task(  # many seconds
    write_document(network([200, 200, 200], 64), "npz"), oracles=("finite_differences_per_weight",)
)


@pytest.fixture
def pool() -> Iterator[JudgingPool]:
    made = JudgingPool(1, Limits(seconds=20.0))
    made.warm_up()
    yield made
    made.stop()


def test_a_pool_whose_idle_process_was_killed_judges_the_next_submission(pool: JudgingPool) -> None:
    for _ in range(2):
        for process in pool.process_ids:
            os.kill(process, signal.SIGKILL)
        assert isinstance(pool.judge_now(TASK), Judged)


def test_a_submission_whose_process_was_killed_from_outside_is_judged_by_another(pool: JudgingPool) -> None:
    Timer(0.01, os.kill, (pool.process_ids[0], signal.SIGKILL)).start()
    outcomes = [pool.judge_now(TASK) for _ in range(3)]
    assert {type(outcome) for outcome in outcomes} == {Judged}


def test_a_submission_that_takes_too_long_is_stopped_and_the_next_is_judged() -> None:
    short = JudgingPool(1, Limits(seconds=1.5))
    short.warm_up()
    outcomes = [short.judge_now(SLOW), short.judge_now(TASK)]
    short.stop()
    assert [type(outcome) for outcome in outcomes] == [Stopped, Judged]


def test_many_idle_processes_killed_are_no_tries_of_a_submission() -> None:
    many = JudgingPool(4, Limits())
    many.warm_up()
    for process in many.process_ids:
        os.kill(process, signal.SIGKILL)
    assert isinstance(many.judge_now(TASK), Judged)
    many.stop()


def test_an_answer_that_nobody_waits_for_any_more_is_given_to_nobody_else(pool: JudgingPool) -> None:
    async def left() -> list[object]:
        waiting = [asyncio.ensure_future(pool.judge(SLOW)) for _ in range(2)]  # one in work, one in line
        await asyncio.sleep(0.1)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        return list(await asyncio.gather(*[pool.judge(TASK) for _ in range(3)]))

    outcomes = asyncio.run(left())
    assert [type(outcome) for outcome in outcomes] == [Judged] * 3
    assert {outcome.findings.bugs[0][0] for outcome in outcomes} == {"preactivation-as-input"}  # type: ignore[attr-defined]
    assert pool.standing == 0


def test_an_error_of_our_own_is_told_by_its_kind_and_logged_by_its_place(
    pool: JudgingPool, caplog: pytest.LogCaptureFixture
) -> None:
    unforeseen = Task(TASK.content, media_type="no/such")
    with caplog.at_level(logging.ERROR), pytest.raises(JudgingError, match="KeyError"):
        pool.judge_now(unforeseen)
    assert "work.py" in caplog.text
    assert "no/such" not in caplog.text
    assert isinstance(pool.judge_now(TASK), Judged)


def test_a_pool_that_has_been_stopped_judges_nothing_and_starts_nothing(pool: JudgingPool) -> None:
    pool.stop()
    with pytest.raises(BrokenProcessPool):
        pool.judge_now(TASK)
    assert pool.process_ids == []


def test_starting_it_leaves_the_environment_of_its_process_as_it_was() -> None:
    before = dict(os.environ)
    own = JudgingPool(1, Limits())
    own.warm_up()
    own.stop()
    assert dict(os.environ) == before
