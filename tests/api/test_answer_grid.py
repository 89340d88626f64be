"""The step of students' answers follows what judging takes, and no student alone can lengthen it."""

import pytest

from api.service import Service
from api.services import answer_grid
from api.services.answer_grid import AnswerGrid, begin_answer, note_judged
from api.settings import Settings


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(answer_grid, "monotonic", lambda: now[0])
    return now


def judged(service: Service, clock: list[float], student: str, seconds: float, homework: str = "hw") -> None:
    begun = clock[0]
    clock[0] += seconds
    note_judged(service, homework, student, AnswerGrid(begun, 0.25))


def test_answers_come_at_the_step_or_powers_of_two_times_it(clock: list[float]) -> None:
    grid = AnswerGrid(clock[0], 0.5)
    moments = []
    for seconds in (0.0, 0.5, 0.01, 0.6, 1.9):
        clock[0] += seconds
        moments.append(grid.next() - 100)
    assert moments == [0.5, 0.5, 1.0, 2.0, 4.0]
    assert AnswerGrid(100.0, 0.0).next() == clock[0]


@pytest.mark.parametrize(
    ("seconds", "step"),
    [((), 0.25), ((0.1,), 0.25), ((0.3,) * 8, 0.5), ((0.5,) * 8, 1.0), ((99.0,) * 8, 4.0)],
)
def test_the_step_is_one_within_which_most_answers_were_judged(
    clock: list[float], seconds: tuple[float, ...], step: float
) -> None:
    service = Service(Settings(answer_grid=0.25))
    for number, each in enumerate(seconds):
        judged(service, clock, f"s{number}", each)
    assert begin_answer(service, "hw").step == step
    assert begin_answer(service, "another").step == 0.25
    assert begin_answer(Service(Settings(answer_grid=0)), "hw").step == 0.0


def test_one_student_does_not_make_the_others_wait(clock: list[float]) -> None:
    service = Service(Settings(answer_grid=0.25))
    for number in range(40):
        judged(service, clock, f"s{number}", 0.1)
        judged(service, clock, "slow", 30.0)
    assert begin_answer(service, "hw").step == 0.25


def test_a_busy_hour_is_forgotten(clock: list[float]) -> None:
    service = Service(Settings(answer_grid=0.25))
    for seconds in (1.0, 0.1):
        for number in range(32):
            judged(service, clock, f"{seconds} {number}", seconds)
    assert begin_answer(service, "hw").step == 0.25
