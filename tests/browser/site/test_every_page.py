"""Every page: axe-core finds nothing, a phone shows it whole, the console stays silent."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.site.conftest import Site
from verifier.examples.layers import example_document

PHONE = {"width": 375, "height": 812}
WIDE = {"width": 1280, "height": 800}
FORESEEN = tuple(f"status of {status}" for status in (401, 403, 404, 405, 422))


def pages(site: Site) -> dict[str, list[str]]:
    """Every kind of page, by who looks at it."""
    homework, ada = f"/assignments/{site.homework}", site.submissions["ada"]
    batch = site.batch([json.dumps(example_document("wrong-layer")), "{}"])
    return {
        "": [
            "/",
            "/gallery",
            "/examples/gallery/neuroph",
            "/examples/wrong-layer",
            "/login",
            "/nowhere",
            "/assignments",
        ],
        site.student: ["/", "/assignments", homework, ada, "/batches"],
        site.grader: [
            "/assignments",
            "/assignments/new?example=pytorch",
            f"{homework}/edit",
            f"{homework}/students",
            homework,
            ada,
            site.submissions["bob"],
            "/batches",
            batch,
        ],
    }


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_every_page_is_open_to_everybody_and_fits_a_phone(
    new_page: Callable[..., Page], find_violations: Callable[..., list[str]], site: Site, scheme: str
) -> None:
    failures: dict[str, object] = {}
    for token, paths in pages(site).items():
        page = new_page(foreseen=FORESEEN, color_scheme=scheme, viewport=WIDE)
        if token:
            site.log_in(page, token)
        for path in paths:
            page.set_viewport_size(WIDE)
            page.goto(site.address + path)
            who = (
                path if not token else f"{path} of {'the student' if token == site.student else 'the grader'}"
            )
            if wrong := find_violations(page):
                failures[who] = wrong
            page.set_viewport_size(PHONE)
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > PHONE["width"]:
                failures[f"{who}, phone"] = width
    assert failures == {}


def test_mistakes_in_a_document_are_open_to_everybody(
    new_page: Callable[..., Page], find_violations: Callable[..., list[str]], site: Site
) -> None:
    for scheme, rules in (("light", None), ("dark", "cat.color")):
        page = new_page(foreseen=FORESEEN, color_scheme=scheme)
        page.goto(site.address)
        page.fill("#text", '{"network": 1, "losses": 2}')
        page.click("text=Check it")
        page.locator("#outcome table").wait_for()
        assert find_violations(page, rules) == []
