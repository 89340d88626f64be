"""A report in a real browser: its figures, its policy, its colours, on a phone, by keyboard."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.verifier.documenting import changed, small_document
from verifier import verify
from verifier.exporters import EXPORTERS, ExportChoices
from verifier.sourced import Sourced

PHONE = {"width": 375, "height": 812}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Sourced]], str]:
    folder = tmp_path_factory.mktemp("pages")
    count = iter(range(1000))

    def write(reports: list[Sourced]) -> str:
        path = Path(folder) / f"{next(count)}.html"
        path.write_text(EXPORTERS["html"].render(reports, ExportChoices()), encoding="utf-8")
        return path.as_uri()

    return write


@pytest.fixture(scope="session")
def wrong(written: Callable[[list[Sourced]], str]) -> str:
    document = small_document(name="hw3-q2")
    gradient = np.asarray(document["gradients"]["layers.0.weight"])
    document = changed(document, ["gradients", "layers.0.weight"], (3 * gradient).tolist())
    return written([Sourced("wrong.json", verify(document, entries="all"))])


def drawn(page: Page) -> Page:
    page.locator(".figures").first.scroll_into_view_if_needed()
    page.locator('.figures[data-drawn="done"]').first.wait_for()
    return page


def test_a_wrong_parameter_shows_its_figures_and_hovering_tells_index_and_values(
    page: Page, wrong: str
) -> None:
    page.goto(wrong)
    drawn(page)
    heatmap = page.locator('[data-figure="heatmap"] .nsewdrag').first
    heatmap.hover(position={"x": 10, "y": 10})
    heatmap.hover(position={"x": 14, "y": 14})  # Plotly tells nothing at the first move onto a figure
    hover = page.locator(".hoverlayer .hovertext")
    hover.wait_for()
    text = hover.text_content() or ""
    assert all(word in text for word in ("index [0, 0]", "submitted", "expected", "error"))
    assert page.locator('[data-figure="scatter"] .annotation-text').text_content() == "slope 3"


def test_a_page_under_its_policy_draws_without_a_word_in_the_console_light_and_dark(
    new_page: Callable[..., Page], violations: Callable[[Page], list[str]], wrong: str
) -> None:
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme)
        page.goto(wrong)
        drawn(page)
        assert violations(page) == []


def test_on_a_phone_only_tables_scroll_sideways(new_page: Callable[..., Page], wrong: str) -> None:
    page = new_page(viewport=PHONE)
    page.goto(wrong)
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
