"""Logging in: a cookie that only this site's own pages send, and that no script reads."""

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import person
from tests.api.conftest import Serve
from tests.api.pages.clients import COOKIE, HERE, Page, Visitor, token_of


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation")


@pytest.fixture(scope="module")
def token(client: TestClient) -> str:
    return token_of(person(client, Role.GRADER, "prof").headers)


def test_a_token_becomes_a_cookie_of_this_site_alone(client: TestClient, token: str) -> None:
    answer = Visitor(client).send("/login", token=f" {token}\n", to="/batches")
    assert (answer.status_code, answer.headers["location"]) == (303, "/batches")
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name == f"{COOKIE}={token}"
    assert {each.lower() for each in attributes} == {"httponly", "path=/", "samesite=strict"}


def test_over_https_the_cookie_is_secure_and_of_this_host_alone(serve: Serve) -> None:
    app = serve(oracles="backpropagation").app
    client = TestClient(app, base_url="https://testserver")
    token = token_of(person(client, Role.GRADER, "prof").headers)
    answer = Visitor(client).send("/login", origin="https://testserver", token=token)
    assert answer.headers["set-cookie"].startswith(f"__Host-{COOKIE}={token}; ")
    assert "secure" in answer.headers["set-cookie"].lower()
    headers = {"cookie": f"__Host-{COOKIE}={token}"}
    assert client.get("/assignments", headers=headers).status_code == 200
    assert client.get("/assignments", headers={"cookie": f"{COOKIE}={token}"}).status_code == 401


def test_who_is_logged_in_stands_on_the_page_and_the_way_out(client: TestClient, token: str) -> None:
    page = visitor_page(client, token, "/assignments")
    assert "prof, grader" in page
    answer = Visitor(client, token).send("/logout")
    assert answer.headers["location"] == "/"
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


def visitor_page(client: TestClient, token: str, path: str) -> str:
    return Page(Visitor(client, token).get(path).text).text


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\tb"]
)
def test_logging_in_leads_nowhere_but_to_this_site(client: TestClient, token: str, to: str) -> None:
    assert Visitor(client).send("/login", token=token, to=to).headers["location"] == "/assignments"
    assert "evil" not in Visitor(client).get(f"/login?to={quote(to)}").text


def test_a_wrong_token_is_answered_by_the_form_again(client: TestClient) -> None:
    answer = Visitor(client).send("/login", token="gradjury_0123456789abcdef_x", to="/batches")
    assert answer.status_code == 401
    assert "unknown, expired or revoked" in answer.text
    assert 'value="/batches"' in answer.text
    assert "set-cookie" not in answer.headers


def test_a_cookie_that_is_no_good_is_forgotten(client: TestClient) -> None:
    answer = Visitor(client, "gradjury_0123456789abcdef_x").get("/")
    assert answer.status_code == 401
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_page_that_asks_for_a_token_leads_back_to_itself(client: TestClient) -> None:
    answer = Visitor(client).get("/batches")
    assert answer.status_code == 401
    assert 'name="to" value="/batches"' in answer.text


def test_guesses_of_tokens_are_counted_like_the_apis(serve: Serve) -> None:
    client = serve(oracles="backpropagation", refused_per_minute=3)
    statuses = [Visitor(client).send("/login", token="gradjury_guess").status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert client.get("/v1/assignments", headers={"authorization": "Bearer guess"}).status_code == 429


ORIGINS = {
    "its own": ({"origin": HERE}, 200),
    "another": ({"origin": "http://evil.example"}, 403),
    "another port": ({"origin": f"{HERE}:81"}, 403),
    "hidden": ({"origin": "null"}, 403),
    "not said": ({}, 403),
    "not said, to no host": ({"host": ""}, 403),
    "the browser says its own": ({"sec-fetch-site": "same-origin", "origin": "https://behind.a.proxy"}, 200),
    "the browser says another": ({"sec-fetch-site": "cross-site", "origin": HERE}, 403),
    "the browser says a neighbour": ({"sec-fetch-site": "same-site", "origin": HERE}, 403),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_forms_are_taken_from_this_sites_own_pages_alone(client: TestClient, token: str, origin: str) -> None:
    headers, status = ORIGINS[origin]
    cookie = {"cookie": f"{COOKIE}={token}"}
    files = {"text": (None, '{"title": ""}')}
    answer = client.post("/assignments", files=files, headers=cookie | headers)
    assert answer.status_code == (422 if status == 200 else status)


ADDRESSES = {
    "/nowhere": ("text/html", 404),
    "/assignments/": ("text/html", 404),
    "/logout": ("text/html", 405),
    "/v1/nowhere": ("application/problem+json", 404),
    "/evaluate": ("application/problem+json", 405),
}


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_address_that_is_none_is_answered_by_a_page_for_who_reads_pages(
    client: TestClient, path: str
) -> None:
    kind, status = ADDRESSES[path]
    answer = client.get(path, headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)
    plain = client.get(path)
    assert (plain.status_code, plain.headers["content-type"]) == (status, "application/problem+json")
