"""The service shows the built documentation, or says how to build it."""

from pathlib import Path

from fastapi.testclient import TestClient
from starlette.applications import Starlette

from api.pages.guide import guide_routes
from tests.api.conftest import Serve


def client_of(folder: Path) -> TestClient:
    return TestClient(Starlette(routes=guide_routes(folder)), follow_redirects=False)


def test_pages_are_shown_with_a_policy(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>Welcome")
    client = client_of(tmp_path)
    answer = client.get("/guide/")
    assert answer.text == "<p>Welcome"
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/guide").headers["Location"] == "/guide/"
    assert client.get("/guide/nowhere.html").status_code == 404
    assert client.get("/guide/..%2f..%2fetc/passwd").status_code == 404


def test_one_line_says_how_to_build_it(tmp_path: Path) -> None:
    answer = client_of(tmp_path / "absent").get("/guide/")
    assert answer.status_code == 404
    assert len(answer.text.splitlines()) == 1
    assert "make docs" in answer.text


def test_every_page_of_the_service_links_to_it(serve: Serve) -> None:
    client = serve()
    assert 'href="/guide/"' in client.get("/").text
    assert client.get("/guide/").status_code in (200, 404)  # 404 where it was not built
