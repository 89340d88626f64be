"""The whole site is built, and read in a browser without a network."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Page, expect
from starlette.applications import Starlette

from api.pages.guide import guide_routes
from guide import sources
from guide.__main__ import build
from tests.browser.conftest import browser, find_violations, new_page, take_picture

__all__ = ["browser", "find_violations", "new_page", "take_picture"]
pytestmark = pytest.mark.nightly
KINDS = ("index", "quickstart-student", "method", "bugs/sign-flipped", "reference/python", "reference/http")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide") / "built"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=guide_routes(site)), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/guide/"
    server.should_exit = True
    thread.join()


def test_every_page_of_the_documentation_is_there(site: Path) -> None:
    for page in (sources.ROOT / "docs").rglob("*.md"):
        name = page.relative_to(sources.ROOT / "docs").with_suffix(".html")
        assert (site / (name.with_name("index.html") if name.stem == "README" else name)).is_file(), name
    assert all(
        (site / name).is_file() for name in ("gallery/index.html", "contributing.html", "changelog.html")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_every_kind_keep_nobody_out(
    new_page: Callable[..., Page],
    find_violations: Callable[..., list[str]],
    take_picture: Callable[[Page, str], None],
    address: str,
    scheme: str,
) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": 1280, "height": 800})
    failures = {}
    for kind in KINDS:
        page.goto(f"{address}{kind}.html")
        if kind == "method":
            take_picture(page, f"guide-{scheme}")
        serious = [row for row in find_violations(page) if "(serious)" in row or "(critical)" in row]
        if serious:
            failures[kind] = serious
    assert failures == {}


def test_search_finds_a_mistake_by_its_name(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(address, wait_until="networkidle")  # then its scripts have started
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("/")
    page.keyboard.type("dropout mask")
    expect(page.get_by_role("option").first).to_contain_text("dropout")
    page.keyboard.press("Enter")
    page.wait_for_url("**/bugs/dropout-*")
    assert all(url.startswith((address, "blob:", "data:")) for url in asked), asked


def test_a_broken_link_or_reference_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in ("[a](nowhere.md)", "[a](method.md#nowhere)", "::: gradjury.nowhere"):
        monkeypatch.setattr(
            "guide.__main__.write_sources", lambda folder, text=broken: write_page(folder, text)
        )
        with pytest.raises(subprocess.CalledProcessError):
            build(tmp_path / "built")


def write_page(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "README.md").write_text(f"# A page\n\n{text}\n")
    (folder / "method.md").write_text("# Method\n")
