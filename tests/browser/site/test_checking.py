"""The first page in a real browser: from a submission to its figures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Request, expect

from tests.api.large import network
from tests.browser.site.conftest import Site
from tests.pairwise import check_rows
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

WRONG = example_document("wrong-layer")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name in ("json", "npz", "safetensors"):
        (tmp_path / f"wrong.{name}").write_bytes(write_document(WRONG, name))
    return {name: tmp_path / f"wrong.{name}" for name in ("json", "npz", "safetensors")}


def hover_over_heatmap(page: Page) -> str:
    """Let the figures of the first parameter be drawn, and hover over its heatmap."""
    page.locator(".figures").first.scroll_into_view_if_needed()
    page.locator('.figures[data-drawn="done"]').first.wait_for()
    heatmap = page.locator('[data-figure="heatmap"] .nsewdrag').first
    heatmap.hover(position={"x": 10, "y": 10})
    heatmap.hover(position={"x": 14, "y": 14})
    hover = page.locator(".hoverlayer .hovertext").first
    hover.wait_for()
    return hover.text_content() or ""


def test_a_chosen_file_becomes_a_report_whose_heatmap_tells_values(
    page: Page, site: Site, files: dict[str, Path]
) -> None:
    def check(name: str) -> None:
        page.goto(site.address)
        page.set_input_files("#file", files[name])
        expect(page.locator("#state")).to_contain_text(f"wrong.{name}")
        page.click("text=Check it")
        expect(page.locator("#outcome .gradjury-report")).to_contain_text("wrong-layer")
        expect(page.locator("#outcome")).to_be_focused()
        assert page.input_value("#file").endswith(f"wrong.{name}"), "what was chosen stays chosen"

    check_rows(check, files)
    text = hover_over_heatmap(page)
    assert all(word in text for word in ("index", "submitted", "expected", "error"))


def drop_file(page: Page, where: str, content: str) -> None:
    """Drop a file as a hand does."""
    data = page.evaluate_handle(
        """content => {
            const data = new DataTransfer();
            data.items.add(new File([content], "wrong.json", { type: "application/json" }));
            return data;
        }""",
        content,
    )
    page.dispatch_event(where, "dragover", {"dataTransfer": data})
    page.dispatch_event(where, "drop", {"dataTransfer": data})


def test_a_dropped_file_is_checked_at_once(page: Page, site: Site, files: dict[str, Path]) -> None:
    page.goto(site.address)
    drop_file(page, "#text", files["json"].read_text())
    expect(page.locator("#outcome .gradjury-report")).to_contain_text("wrong-layer")


def test_mistakes_are_named_what_was_typed_stays_and_mended_it_is_judged(
    new_page: Callable[..., Page], site: Site
) -> None:
    page = new_page(foreseen=("status of 422",))
    page.goto(site.address)
    text = json.dumps({**WRONG, "loss": "mes"})
    page.fill("#text", text)
    page.click("text=Check it")
    expect(page.locator("#outcome")).to_contain_text("1 mistake in the document")
    expect(page.locator("#outcome th code")).to_have_text("/loss/name")
    assert page.input_value("#text") == text
    page.fill("#text", json.dumps(WRONG))
    page.click("text=Check it")
    expect(page.locator("#outcome .gradjury-report")).to_be_visible()


def test_an_example_is_one_click_away_and_its_address_can_be_passed_on(
    page: Page, new_page: Callable[..., Page], site: Site, take_picture: Callable[[Page, str], None]
) -> None:
    page.goto(site.address)
    take_picture(page, "site-first-page")
    page.click("text=wrong-layer")
    assert page.url == f"{site.address}/examples/wrong-layer#outcome"
    assert "expected" in hover_over_heatmap(page)
    other = new_page()
    other.goto(page.url)
    expect(other.locator(".gradjury-report")).to_be_visible()


def test_without_scripts_all_of_it_works_too(
    new_page: Callable[..., Page], site: Site, files: dict[str, Path]
) -> None:
    page = new_page(java_script_enabled=False, foreseen=("status of 422",))
    page.goto(site.address)
    page.set_input_files("#file", files["safetensors"])
    page.click("text=Check it")
    expect(page.locator("#outcome .gradjury-report")).to_contain_text("wrong-layer")
    with page.expect_download() as saved:  # from the file that the page kept
        page.click("text=Save it as a file")
    assert "wrong-layer" in saved.value.path().read_text()
    page.fill("#text", '{"network": 1}')
    page.click("text=Check it")
    expect(page.locator("#outcome")).to_contain_text("mistakes in the document")
    assert page.input_value("#text") == '{"network": 1}'


def test_a_report_is_saved_as_a_file_that_opens_without_the_service(
    page: Page, new_page: Callable[..., Page], site: Site, tmp_path: Path
) -> None:
    page.goto(f"{site.address}/examples/wrong-layer")
    with page.expect_download() as saved:
        page.click("text=Save it as a file")
    saved.value.save_as(tmp_path / "report.html")
    alone = new_page(offline=True)
    alone.goto((tmp_path / "report.html").as_uri())
    assert "expected" in hover_over_heatmap(alone)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.locator(".skip").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[:5] == ["What is in a submission?", "file", "text", "Check it", "sigmoid-mse"]
    page.locator("a >> text=columns").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".gradjury-report")).to_be_visible()


def large() -> dict[str, Any]:
    """A network of 784-128-64-10 whose numbers differ, so that none of its figures is empty."""
    document = network([784, 128, 64, 10], examples=16)
    rng = np.random.default_rng(0)
    for arrays in (document["parameters"], document["gradients"]):
        for name, array in arrays.items():
            arrays[name] = 0.05 * rng.normal(size=array.shape)
    return document


def test_a_large_network_is_light_to_load(new_page: Callable[..., Page], site: Site, tmp_path: Path) -> None:
    page = new_page()
    weights: list[int] = []

    def add_size(request: Request) -> None:
        sizes = request.sizes()
        weights.append(sizes["responseBodySize"] + sizes["responseHeadersSize"])

    page.on("requestfinished", add_size)
    (tmp_path / "large.npz").write_bytes(write_document(large(), "npz"))
    page.goto(site.address)
    page.set_input_files("#file", tmp_path / "large.npz")
    page.click("text=Check it")
    assert "expected" in hover_over_heatmap(page)
    assert 10_000 < sum(weights) < 5_000_000
