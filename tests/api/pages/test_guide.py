"""The service shows the built documentation, or says how to build it."""

import re
from pathlib import Path

from fastapi.testclient import TestClient
from starlette.applications import Starlette

from api.pages import templating
from api.pages.guide import guide_routes
from tests.api.conftest import Serve

DOCS = Path(__file__).parents[3] / "docs"


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


def test_links_in_pages_lead_to_headings_of_the_guide() -> None:
    templates = (Path(templating.__file__).parent / "templates").iterdir()
    texts = [template.read_text(encoding="utf-8") for template in templates]
    links = {link for text in texts for link in re.findall(r'href="/guide/([^"{]+)"', text)}
    assert len(links) > 10
    for link in links:
        page, _, anchor = link.partition("#")
        source = DOCS / page.replace(".html", ".md")
        headings = re.findall("^#+ (.+)$", source.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, link
