"""The judging processes survive what is done to them from outside, and stop what goes beyond a limit."""

import os
import signal
from collections.abc import Iterator
from threading import Timer

import pytest

from api.judging.pool import JudgingPool, Limits
from api.judging.task import Judged, Stopped, Task
from tests.api.large import network
from verifier.documents.files import write_document
from verifier.examples import example_document

TASK = Task(write_document(example_document("wrong-layer"), "json"))


@pytest.fixture
def pool() -> Iterator[JudgingPool]:
    made = JudgingPool(1, Limits(seconds=20.0))
    made.warm_up()
    yield made
    made.stop()


def processes(pool: JudgingPool) -> list[int]:
    assert pool._pool is not None
    return list(pool._pool._pool_manager.worker_manager.workers)


def test_a_pool_whose_idle_process_was_killed_judges_the_next_submission(pool: JudgingPool) -> None:
    for _ in range(2):
        for process in processes(pool):
            os.kill(process, signal.SIGKILL)
        assert isinstance(pool.judge_now(TASK), Judged)


def test_a_submission_whose_process_was_killed_from_outside_is_judged_by_another(pool: JudgingPool) -> None:
    Timer(0.01, os.kill, (processes(pool)[0], signal.SIGKILL)).start()
    outcomes = [pool.judge_now(TASK) for _ in range(3)]
    assert {type(outcome) for outcome in outcomes} == {Judged}


def test_a_submission_that_takes_too_long_is_stopped_and_the_next_is_judged() -> None:
    short = JudgingPool(1, Limits(seconds=0.2))
    short.warm_up()
    content = write_document(network([64, 64, 64], 16), "json")
    slow = Task(content, oracles=("finite_differences_per_weight",))  # seconds
    assert isinstance(short.judge_now(slow), Stopped)
    assert isinstance(short.judge_now(TASK), Judged)
    short.stop()


def test_starting_it_leaves_the_environment_of_its_process_as_it_was() -> None:
    before = dict(os.environ)
    own = JudgingPool(1, Limits())
    own.warm_up()
    own.stop()
    assert dict(os.environ) == before
