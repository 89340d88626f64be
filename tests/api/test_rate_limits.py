"""Requests are counted by token, or by address, and every answer says what is left."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient

from api.http import rate_limits
from api.http.problems import ProblemError
from api.http.rate_limits import DEFAULT, POLICIES, RateLimits, address_key
from api.pages.site import PAGES
from api.services.tokens import issue
from api.settings import Settings
from api.storage.records import Role
from tests.api.conftest import Serve
from verifier.examples.layers import example_document

FEW = {"checks_per_minute": 2, "submissions_per_minute": 2, "requests_per_minute": 3, "refused_per_minute": 2}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", **FEW)


def holder(client: TestClient, role: Role = Role.CI, days: int = 1) -> dict[str, str]:
    service = client.app.state.service
    _, text = issue(service.repository.tokens, role, "x", frozenset(), service.now(), timedelta(days=days))
    return {"authorization": f"Bearer {text}"}


def check(client: TestClient, **headers: str):
    return client.post("/v1/checks", json=example_document("pytorch"), headers=headers)


def test_one_request_too_many_waits_and_is_told_how_long(client: TestClient) -> None:
    answers = [check(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == ['"checks";q=2;w=60'] * 3
    left = [re.fullmatch(r'"checks";r=(\d+);t=(\d+)', answer.headers["ratelimit"]) for answer in answers]
    assert [int(match[1]) for match in left] == [1, 0, 0]
    assert all(1 <= int(match[2]) <= 60 for match in left)
    last = answers[-1]
    assert last.headers["retry-after"] == left[-1][2]
    assert last.headers["content-type"] == "application/problem+json"
    assert "2 requests a minute" in last.json()["detail"]


def test_each_token_and_each_address_has_a_count_of_its_own(client: TestClient) -> None:
    one, other = holder(client), holder(client)
    for headers in (one, other, {}):
        assert [check(client, **headers).status_code for _ in range(3)] == [200, 200, 429]


def test_other_requests_are_counted_apart_from_checks(client: TestClient) -> None:
    assert [check(client).status_code for _ in range(3)][-1] == 429
    answers = [client.get("/v1/catalogue") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=60'


def test_errors_say_what_is_left_too(client: TestClient) -> None:
    answer = client.get("/v1/examples/nothing")
    assert (answer.status_code, answer.headers["ratelimit"][:13]) == (404, '"default";r=2')


def test_bad_tokens_are_counted_by_address_and_stop_no_good_one(client: TestClient) -> None:
    bad = {"authorization": "Bearer gradjury_0123456789abcdef_guess"}
    answers = [client.get("/v1/assignments", headers=bad) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert client.get("/v1/assignments", headers=holder(client)).status_code == 200


def test_a_minute_after_its_first_request_a_caller_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(rate_limits, "monotonic", lambda: now)
    limits = RateLimits(Settings(requests_per_minute=2))

    def limit_header(caller: str) -> str:
        return limits.count(DEFAULT, caller)["RateLimit"]

    assert [limit_header("ada"), limit_header("ada")] == ['"default";r=1;t=60', '"default";r=0;t=60']
    now = 1059.5
    assert limit_header("bob") == '"default";r=1;t=60'
    with pytest.raises(ProblemError) as refused:
        limit_header("ada")
    assert refused.value.headers["Retry-After"] == "1"
    now = 1060.0
    assert [limit_header("ada"), limit_header("bob")] == ['"default";r=1;t=60', '"default";r=0;t=60']
    now = 1200.0
    limit_header("cleo")
    assert len(limits._windows) == 1


def test_a_crowd_of_callers_is_forgotten_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(rate_limits, "monotonic", lambda: now)
    limits = RateLimits(Settings())
    kept = []
    for crowd in range(3):
        for caller in range(1000):
            limits.count(DEFAULT, f"{crowd}.{caller}")
            kept.append(len(limits._windows))
        now += 60
    assert max(kept) <= 1001
    assert max(abs(one - other) for one, other in pairwise(kept)) == 1


def test_health_is_never_limited(client: TestClient) -> None:
    assert {client.get("/health/live").status_code for _ in range(10)} == {200}


def test_policies_name_operations_that_exist(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"].values()
    operations = {each["operationId"] for path in paths for each in path.values()}
    operations |= {str(route.operation_id) for pages in PAGES for route in pages.router.routes}  # type: ignore[attr-defined]
    assert POLICIES.keys() <= operations


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        (None, None, True),
    ],
)
def test_an_address_is_a_host_or_an_ipv6_network(one: str | None, other: str | None, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same
