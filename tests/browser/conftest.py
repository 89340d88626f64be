"""A real browser for each file; a page that fails its test on any error or failed request."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

ASSETS = Path(__file__).parent / "assets"
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PHONE = {"width": 375, "height": 812}
WIDE = {"width": 1280, "height": 720}  # as a new page has it
Write = Callable[[str], str]
# one page at a time is looked at: few processes and threads, which leave the cores to other tests
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-gpu",
    "--in-process-gpu",
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
    "--num-raster-threads=1",
    "--disable-threaded-animation",
    "--disable-checker-imaging",
    "--disable-partial-raster",
)
_PATIENCE = 300_000  # milliseconds; a busy machine is no mistake
_HARMLESS = ("net::ERR_ABORTED",)  # a download, or a page that was left


@pytest.fixture(scope="module")  # Playwright's event loop runs until it ends, and hinders that of other tests
def browser() -> Iterator[Browser]:
    # the shell has no toolbar to draw and takes less time
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.fail(
            "expected Chromium on the path, found none; `apt-get install -y chromium` as root installs it",
            pytrace=False,
        )
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=ARGUMENTS,
            timeout=_PATIENCE,
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def write_page(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write a page to a file, and give its address."""
    folder = tmp_path_factory.mktemp("pages")
    count = iter(range(1000))

    def write(text: str) -> str:
        path = Path(folder) / f"{next(count)}.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return write


def open_watched_page(context: BrowserContext, wrong: list[str], foreseen: tuple[str, ...] = ()) -> Page:
    """Open a page that writes down its errors and failed requests."""

    def record(text: str) -> None:
        if not any(part in text for part in (*_HARMLESS, *foreseen)):
            wrong.append(text)

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            record(f"console: {message.text}")

    def record_failure(request: Request) -> None:
        record(f"failed: {request.url[:200]}: {request.failure}")

    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    page.on("console", console)
    page.on("pageerror", lambda error: record(f"error: {error}"))
    page.on("requestfailed", record_failure)
    return page


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages with contexts of their own: `new_page(color_scheme="dark", viewport=…)`.

    foreseen: parts of the errors that a test provokes, such as `status of 404`.
    """
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(foreseen: tuple[str, ...] = (), **options: object) -> Page:
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        return open_watched_page(contexts[-1], wrong, foreseen)

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def shared_page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what went wrong on it."""
    context = browser.new_context()
    wrong: list[str] = []
    yield open_watched_page(context, wrong), wrong
    context.close()


@pytest.fixture
def page(shared_page: tuple[Page, list[str]]) -> Iterator[Page]:
    """A page like a new one, which takes a second; what listens to it or runs in it needs `new_page`."""
    page, wrong = shared_page
    wrong.clear()
    yield page
    page.unroute_all()
    page.goto("about:blank")
    page.context.clear_cookies()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.emulate_media(media="null", color_scheme="null")
    assert wrong == []


@pytest.fixture(scope="session")
def find_violations() -> Callable[..., list[str]]:
    """Ask axe-core what in a page keeps people out, a line each with where.

    only: the rules of one tag, such as `cat.color` where nothing but the colours has changed.
    """
    source = (ASSETS / "axe.min.js").read_text()

    def violations_of(page: Page, only: str | None = None) -> list[str]:
        if not page.evaluate("typeof window.axe?.run == 'function'"):
            page.evaluate(source)  # not as an element, which the page's policy would refuse
        # lists of all that is well, and loading style sheets and sounds again, would take half of the time
        options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": only} if only else {})
        rows = page.evaluate("options => axe.run(options).then(result => result.violations)", options)
        return [
            f"{row['id']} ({row['impact']}): {node['html'][:200]}" for row in rows for node in row["nodes"]
        ]

    return violations_of


@pytest.fixture(scope="session")
def take_picture() -> Callable[[Page, str], None]:
    """Write a picture for the documentation, where SCREENSHOTS is set."""

    def write_picture(page: Page, name: str) -> None:
        if os.environ.get("SCREENSHOTS"):
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}.png")

    return write_picture
