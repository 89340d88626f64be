"""Information that HTTP responses leak to students beside the document: headers, times, counters."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from api.rendering import MEDIA_TYPES
from api.storage.records import Role
from tests.api.clients import WRONG, Person, person, problem_of, service_of
from tests.api.conftest import Serve
from tests.api.test_submissions import right_gradients

ALL = ["verdict", "parameters", "layer", "bug", "hint"]
PROBLEM = problem_of(WRONG)
OTHER = PROBLEM | {"inputs": [[1.5 * x for x in row] for row in PROBLEM["inputs"]]}
RIGHT = {name: right_gradients(problem)["gradients"] for name, problem in (("one", PROBLEM), ("two", OTHER))}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation,complex_step", answer_grid=0, open_checks=False)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def mistakes_seen(*shown: list[str]) -> list[Any]:
    """Pair what students see with mistakes: by day each with a few, and the last, the most, with all."""
    hows = ["right", "sign", "constant", "entry", "part", "nan"]
    return [
        pytest.param(seen, how, marks=() if by_day else pytest.mark.nightly)
        for row, seen in enumerate(shown)
        for column, how in enumerate(hows)
        for by_day in [seen is shown[-1] or column % len(shown) == row]
    ]


def wrong_gradients(right: dict[str, Any], how: str) -> dict[str, Any]:
    made = {name: np.array(array) for name, array in right.items()}
    if how == "sign":
        made = {name: -array for name, array in made.items()}
    if how == "constant":
        made = {name: 0.37 * array for name, array in made.items()}
    if how == "entry":
        made["layers.0.weight"][1, 2] += 0.25
    if how == "part":
        made = {"layers.1.bias": made["layers.1.bias"] + 0.1}
    if how == "nan":
        made["layers.0.bias"] = np.array(["NaN", *made["layers.0.bias"].tolist()[1:]], dtype=object)
    return {name: array.tolist() for name, array in made.items()}


def comparable_parts(answer: Response) -> tuple[int, dict[str, str], str]:
    """Return a response without ids, times, request ids, and the count of requests."""

    def without_ids(text: str) -> str:
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+", "MOMENT", text)
        return re.sub(r"[0-9a-f]{32}(?![0-9a-f-])|(?<=/)[A-Za-z0-9_-]{16,}", "ID", text)

    omitted = ("x-request-id", "ratelimit")
    headers = {name: without_ids(value) for name, value in answer.headers.items() if name not in omitted}
    return answer.status_code, headers, without_ids(answer.text)


@pytest.mark.parametrize(("seen", "how"), mistakes_seen([], ALL[:1], ALL[:2], ["verdict", "hint"], ALL))
def test_the_same_mistake_on_two_problems_is_answered_alike(
    client: TestClient, grader: Person, seen: list[str], how: str
) -> None:
    answers = []
    for problem, right in ((PROBLEM, RIGHT["one"]), (OTHER, RIGHT["two"])):
        rules = {"problem": problem, "title": "Homework", "students_see": seen}
        hw = grader.post("/v1/assignments", rules).json()["id"]
        ada = person(client, Role.STUDENT, "ada", hw)
        path = f"/v1/assignments/{hw}/submissions"
        responses = [ada.post(path, {"gradients": wrong_gradients(right, how)})]
        where = responses[0].headers["location"]
        responses += [ada.get(where, accept=media_type) for media_type in MEDIA_TYPES]
        responses += [ada.get(path), ada.get(f"{path}/{ada.get(path).json()[0]['id']}")]
        answers.append([comparable_parts(each) for each in responses])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("seen", [[], ALL[:1]])
def test_what_is_hidden_does_not_show_in_lengths(client: TestClient, grader: Person, seen: list[str]) -> None:
    rules = {"problem": PROBLEM, "students_see": seen}
    hw = grader.post("/v1/assignments", rules).json()["id"]
    ada = person(client, Role.STUDENT, "ada", hw)
    path = f"/v1/assignments/{hw}/submissions"
    hows = ("sign", "constant", "entry", "part") if seen else ("right", "sign", "entry", "part")
    answers = [
        comparable_parts(ada.post(path, {"gradients": wrong_gradients(RIGHT["one"], how)})) for how in hows
    ]
    responses = [(status, headers, re.sub(r'"attempt": ?\d', "", text)) for status, headers, text in answers]
    assert all(each == responses[0] for each in responses)


def test_no_moment_tells_how_long_judging_took(
    client: TestClient, grader: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    hw = grader.post("/v1/assignments", {"problem": PROBLEM, "title": "Homework"}).json()["id"]
    ada = person(client, Role.STUDENT, "ada", hw)
    service = service_of(client)
    start, judging = datetime(2026, 12, 1, tzinfo=UTC), timedelta(seconds=0)
    pool_judge = service.pool.judge

    async def slow(task: Any) -> Any:
        nonlocal judging
        judging = timedelta(seconds=1.2345)
        return await pool_judge(task)

    monkeypatch.setattr(service.pool, "judge", slow)
    monkeypatch.setattr(service, "now", lambda: start + judging)
    answer = ada.post(f"/v1/assignments/{hw}/submissions", {"gradients": WRONG["gradients"]})
    report = service.repository.reports.find(answer.headers["location"].rsplit("/", 1)[1])
    assert report is not None
    assert report.created == start


@pytest.mark.parametrize("reading", [0.0, 0.1, 0.7])
def test_answers_keep_to_the_grid_however_slowly_the_body_comes(
    client: TestClient, grader: Person, monkeypatch: pytest.MonkeyPatch, reading: float
) -> None:
    from api.routes import submissions as routes
    from api.services import answer_grid, submissions

    hw = grader.post("/v1/assignments", {"problem": PROBLEM}).json()["id"]
    ada = person(client, Role.STUDENT, "ada", hw)
    clock, waited = [100.0], []
    read_body, judge_and_store = routes.read_body, submissions.judge_and_store

    async def slow_body(*arguments: Any) -> Any:
        clock[0] += reading
        return await read_body(*arguments)

    async def slow_judging(*arguments: Any) -> Any:
        clock[0] += 0.3
        return await judge_and_store(*arguments)

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(routes, "read_body", slow_body)
    monkeypatch.setattr(submissions, "judge_and_store", slow_judging)
    monkeypatch.setattr(answer_grid, "monotonic", lambda: clock[0])
    monkeypatch.setattr(answer_grid.anyio, "sleep", sleep)
    monkeypatch.setattr(
        service_of(client), "settings", service_of(client).settings.model_copy(update={"answer_grid": 0.25})
    )
    ada.post(f"/v1/assignments/{hw}/submissions", {"gradients": WRONG["gradients"]})
    assert waited == [pytest.approx(0.2)]


def test_where_checks_are_closed_they_and_their_counters_are_for_graders(
    client: TestClient, grader: Person
) -> None:
    ada = person(client, Role.STUDENT, "ada")
    submission = {"submission": {"type": "MODEL", "content": WRONG}, "user": {"type": "TEACHER"}}
    assert [ada.post("/v1/checks", WRONG).status_code, ada.post("/evaluate", submission).status_code] == [
        403,
        403,
    ]
    assert [client.post(path, json=WRONG).status_code for path in ("/v1/checks",)] == [401]
    assert grader.post("/v1/checks", WRONG).status_code == 200
    everything = grader.get("/metrics").text
    for counted in ("gradjury_verdicts", "gradjury_bugs", "gradjury_judging", "gradjury_waiting"):
        assert counted in everything
        assert counted not in ada.get("/metrics").text + client.get("/metrics").text
    assert "gradjury_request_seconds" in client.get("/metrics").text


def test_an_answer_is_judged_against_nothing_but_its_own_numbers(client: TestClient, grader: Person) -> None:
    """A second attempt with the same numbers reads like the first: nothing is remembered between attempts."""
    hw = grader.post("/v1/assignments", {"problem": PROBLEM, "students_see": ALL}).json()["id"]
    ada = person(client, Role.STUDENT, "ada", hw)
    hows = ["entry", "right", "entry", "sign", "entry"]
    texts = [
        ada.post(f"/v1/assignments/{hw}/submissions", {"gradients": wrong_gradients(RIGHT["one"], how)}).text
        for how in hows
    ]
    assert len({text for how, text in zip(hows, texts, strict=True) if how == "entry"}) == 1
