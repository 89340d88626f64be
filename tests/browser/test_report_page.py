"""A report in a real browser: its figures, its policy, its colours, on a phone, by keyboard."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from playwright.sync_api import TimeoutError as PageTimeoutError

from tests.browser.conftest import PHONE, Write
from tests.pairwise import check_rows
from tests.verifier.builders import small_document, with_value
from tests.verifier.exporters.builders import CASES, HOSTILE, parameter, report
from verifier import inspect, verify
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.page import ASSETS, fragment
from verifier.exporters.page.page import render_inspection as inspection_page
from verifier.exporters.student_view import to_student_view
from verifier.report.model import Entries
from verifier.report.outcome import FileOutcome, InspectionOutcome
from verifier.report.report import Report
from verifier.report.verdict import Verdict


def page_of(*reports: FileOutcome) -> str:
    return EXPORTERS["html"].render(reports, ExportOptions())


@cache
def tripled() -> Report:
    document = small_document(name="hw3-q2")
    gradient = np.asarray(document["gradients"]["layers.0.weight"])
    document = with_value(document, ["gradients", "layers.0.weight"], (3 * gradient).tolist())
    return verify(document, entries="all")


@cache
def handwritten_digits() -> Report:
    """784-128-64-10, of which the first layer forgot relu's derivative."""
    generator = np.random.default_rng(0)
    sizes = (784, 128, 64, 10)
    shapes = list(pairwise(sizes))
    weights = [generator.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in shapes]
    biases = [0.1 * generator.normal(size=outputs) for _, outputs in shapes]
    inputs, targets = generator.uniform(size=(32, 784)), generator.integers(0, 10, size=32)
    z, a = [inputs], []
    for weight, bias in zip(weights, biases, strict=True):
        a.append(z[-1] @ weight + bias)
        z.append(np.maximum(a[-1], 0.0))
    chances = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
    delta = (chances / chances.sum(axis=1, keepdims=True) - np.eye(10)[targets]) / 32
    gradients = {}
    for layer in (2, 1, 0):
        gradients |= {f"layers.{layer}.weight": z[layer].T @ delta, f"layers.{layer}.bias": delta.sum(axis=0)}
        delta = delta @ weights[layer].T
        if layer == 2:
            delta = delta * (a[1] > 0)
    parameters = {f"layers.{i}.weight": weight for i, weight in enumerate(weights)}
    parameters |= {f"layers.{i}.bias": bias for i, bias in enumerate(biases)}
    layers = [
        {"in": a, "out": b, "activation": "relu" if b != 10 else "identity"} for a, b in shapes
    ]  # fmt: skip
    document: dict[str, Any] = {
        "name": "784-128-64-10", "network": {"layers": layers}, "loss": "cross_entropy",
        "parameters": parameters, "inputs": inputs, "targets": targets, "gradients": gradients,
    }  # fmt: skip
    return verify(document, entries="all")


def wrong_tanh() -> Report:
    """The report on a backward pass with 1 + tanh² for the derivative of tanh."""
    generator = np.random.default_rng(2)
    w1, b1 = generator.normal(size=(3, 4)).round(1), generator.normal(size=4).round(1)
    w2, b2 = generator.normal(size=(4, 2)).round(1), generator.normal(size=2).round(1)
    inputs, targets = generator.normal(size=(5, 3)).round(1), generator.normal(size=(5, 2)).round(1)
    hidden = np.tanh(inputs @ w1 + b1)
    delta2 = (hidden @ w2 + b2 - targets) / len(inputs)
    delta1 = delta2 @ w2.T * (1 + hidden**2)
    names = ("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias")
    gradients = (inputs.T @ delta1, delta1.sum(axis=0), hidden.T @ delta2, delta2.sum(axis=0))
    document: dict[str, Any] = {
        "name": "homework-3",
        "network": {"layers": [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]},
        "loss": "mse",
        "parameters": dict(zip(names, (w1, b1, w2, b2), strict=True)),
        "inputs": inputs,
        "targets": targets,
        "gradients": dict(zip(names, gradients, strict=True)),
    }
    return verify(document)


@pytest.fixture(scope="session")
def wrong_page(write_page: Write) -> str:
    return write_page(page_of(FileOutcome("wrong.json", tripled())))


@pytest.fixture(scope="session")
def digits(write_page: Write) -> str:
    return write_page(page_of(FileOutcome("digits.npz", handwritten_digits())))


def show_figures(page: Page) -> Page:
    """Look at the first parameter's figures, as a reader who scrolls down."""
    draw_in_sight(page, page.locator(".figures").first)
    return page


def draw_in_sight(page: Page, figures: Locator) -> None:
    """Scroll to figures until they are drawn. Raise AssertionError with the state of the page if not."""
    page.bring_to_front()  # a page behind another one draws nothing
    drawn = "at => { at.scrollIntoView({ block: 'center' }); return at.dataset.drawn === 'done'; }"
    try:
        page.wait_for_function(drawn, arg=figures.element_handle(), polling=200)
    except PageTimeoutError:
        state = figures.evaluate(
            "at => [at.dataset.drawn, at.closest('details').open, document.visibilityState,"
            " at.getBoundingClientRect().top, at.getBoundingClientRect().height, at.innerText]"
        )
        raise AssertionError(f"figures are not drawn: {state}") from None


def hover_text(page: Page | Locator, figure: str, x: int, y: int) -> str:
    place = page.locator(f'[data-figure="{figure}"] .nsewdrag').first
    place.hover(position={"x": x, "y": y})
    place.hover(position={"x": x + 2, "y": y})  # Plotly tells nothing at the first move onto a figure
    label = page.locator(".hoverlayer .hovertext").first
    label.wait_for()
    return label.text_content() or ""


def test_hovering_over_a_wrong_number_tells_its_index_and_values(page: Page, wrong_page: str) -> None:
    page.goto(wrong_page)
    show_figures(page)
    tooltip = hover_text(page, "heatmap", 10, 10)
    assert tooltip.startswith("index [0, 0]")
    assert all(word in tooltip for word in ("submitted", "expected", "error"))
    assert page.locator('[data-figure="scatter"] .annotation-text').text_content() == "slope 3"


def test_a_site_embeds_a_section_under_a_policy_of_its_own_files_alone(page: Page) -> None:
    head = "<link rel='stylesheet' href='/report/report.css'><script src='/report/report.js' defer></script>"
    section = fragment(FileOutcome("wrong.json", tripled()))
    site = f"<!doctype html><html lang='en'><title>Site</title>{head}<main>{section}</main>"
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"

    def serve_page(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/":
            route.fulfill(body=site, content_type="text/html", headers={"content-security-policy": policy})
        elif path == "/favicon.ico":
            route.fulfill(status=204)
        else:
            route.fulfill(path=ASSETS / path.removeprefix("/report/"))

    page.route("**/*", serve_page)
    page.goto("http://site.test/")
    show_figures(page)
    assert hover_text(page, "heatmap", 10, 10).startswith("index [0, 0]")


def test_a_cell_of_a_large_matrix_tells_of_its_worst_number(
    new_page: Callable[..., Page], take_picture: Callable[[Page, str], None], digits: str
) -> None:
    page = new_page(viewport={"width": 1000, "height": 900})
    page.goto(digits)
    weight = page.locator("details.parameter").filter(has_text="layers.0.weight").first
    weight.evaluate("details => { details.open = true; }")
    draw_in_sight(page, weight.locator(".figures"))
    expect(weight.locator('[data-figure="heatmap"] image')).to_have_css("image-rendering", "pixelated")
    place = weight.locator('[data-figure="heatmap"] .nsewdrag')
    for x in (300, 302):
        place.hover(position={"x": x, "y": 100})
    tooltip = weight.locator('[data-figure="heatmap"] .hovertext')
    expect(tooltip).to_contain_text("index [")
    expect(weight.locator('[data-figure="heatmap"] figcaption')).to_contain_text("a block of 13 × 2 numbers")
    take_picture(page, "report-large")


def test_the_first_screen_has_the_verdict_the_mistake_and_both_formulas(
    page: Page, take_picture: Callable[[Page, str], None], write_page: Write
) -> None:
    page.set_viewport_size({"width": 1000, "height": 820})
    page.goto(write_page(page_of(FileOutcome("homework.json", wrong_tanh()))))
    for shown in (".verdict", ".diagnosis h4", ".formulas div >> nth=0", ".formulas div >> nth=1"):
        box = page.locator(shown).first.bounding_box()
        assert box is not None, shown
        assert box["y"] + box["height"] <= 820, shown
    spoken = page.locator(".formulas").aria_snapshot()
    assert "math: δ 0 = ( δ 1 W 1 \N{DOWN TACK} ) ∘ ( 1 − z 0 2 )" in spoken
    used = page.locator('.formulas math[alttext="δ₀′ = (δ₁ W₁ᵀ) ∘ (1 + z₀²)"]')
    heights = "at => [at, at.querySelector('mi')].map(each => each.getBoundingClientRect().height)"
    formula, symbol = used.evaluate(heights)  # drawn with scripts above and below, not as a line of text
    assert formula > symbol > 0
    assert used.evaluate("at => at.closest('dd').scrollWidth <= at.closest('dd').clientWidth")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        take_picture(page, f"first-report-{scheme}")


@pytest.mark.parametrize("size", ["small", pytest.param("large", marks=pytest.mark.nightly)])
def test_a_report_keeps_nobody_out(
    new_page: Callable[..., Page],
    find_violations: Callable[..., list[str]],
    take_picture: Callable[[Page, str], None],
    wrong_page: str,
    digits: str,
    size: str,
) -> None:
    page = new_page(viewport={"width": 1000, "height": 900})
    page.goto(wrong_page if size == "small" else digits)
    for scheme in ("dark", "light") if size == "small" else ():
        page.emulate_media(color_scheme=scheme)
        take_picture(page, f"report-{scheme}")
    show_figures(page)
    if size == "small":
        take_picture(page, "report-figures")
    for scheme, rules in (("light", None), ("dark", "cat.color")):
        page.emulate_media(color_scheme=scheme)
        assert find_violations(page, rules) == [], scheme


def test_on_a_phone_only_tables_scroll_sideways(
    new_page: Callable[..., Page], take_picture: Callable[[Page, str], None], wrong_page: str, digits: str
) -> None:
    for address in (digits, wrong_page):
        page = new_page(viewport=PHONE)
        page.goto(address)
        take_picture(page, "report-phone")
        show_figures(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_everything_is_reached_by_keyboard(page: Page, wrong_page: str) -> None:
    page.goto(wrong_page)
    missing = {"BUTTON.", "SUMMARY.", "DIV.scroll", "PRE.command"}
    for _ in range(60):
        page.keyboard.press("Tab")
        missing -= {page.evaluate("document.activeElement.tagName + '.' + document.activeElement.className")}
        if not missing:
            break
    assert not missing
    second = page.locator("details.parameter").nth(1)
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    second.locator('.figures[data-drawn="done"]').wait_for()
    assert second.locator(".main-svg").count() > 0


def test_a_table_is_sorted_by_the_column_that_is_asked_for(page: Page, digits: str) -> None:
    page.goto(digits)
    table = page.locator("table.sortable")

    def column(number: int) -> list[str]:
        return [text.strip() for text in table.locator(f"tbody tr > :nth-child({number})").all_inner_texts()]

    sizes = sorted(float(text) for text in column(5))
    for order, expected in (("descending", sizes[::-1]), ("ascending", sizes)):
        table.get_by_role("button", name="max error").click()
        assert [float(text) for text in column(5)] == expected
        assert table.locator(f'th[aria-sort="{order}"]').inner_text().startswith("max error")
    table.get_by_role("button", name="verdict").click()
    assert column(3)[0] == "incorrect"


def test_a_large_report_is_light_and_draws_only_what_is_looked_at(page: Page, digits: str) -> None:
    page.goto(digits)
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    assert timing["transferSize"] < 5_000_000
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    show_figures(page)
    assert page.locator('.figures[data-drawn="done"]').count() == 1


def test_figures_take_the_colours_of_the_reader_when_they_change(page: Page, wrong_page: str) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(wrong_page)
    show_figures(page)
    title = page.locator('[data-figure="histogram"] .xtitle')
    expect(title).to_have_css("fill", "rgb(26, 28, 31)")
    page.emulate_media(color_scheme="dark")
    expect(title).to_have_css("fill", "rgb(232, 234, 237)")


WORDS = (*HOSTILE, "</script><img src=x onerror=alert(1)>")


@pytest.mark.parametrize(
    "words", [("".join(WORDS),), pytest.param(WORDS, marks=pytest.mark.nightly)], ids=["in one", "each"]
)
def test_no_word_of_a_submitter_runs_or_breaks_the_page(
    new_page: Callable[..., Page], write_page: Write, words: tuple[str, ...]
) -> None:
    page = new_page(viewport=PHONE)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    reports = []
    for word in words:
        arrays = Entries(*(np.full((2, 3), value) for value in (0.25, 0.5, 0.25, 1e-9)))
        made = report([parameter(word, Verdict.INCORRECT, entries=arrays)], name=word)
        reports += [FileOutcome(word, made), FileOutcome(word, None, broken=word)]
    page.goto(write_page(page_of(*reports)))
    figures = page.locator(".figures")
    expect(figures).to_have_count(len(reports) // 2)
    for place in range(figures.count()):
        figures.nth(place).scroll_into_view_if_needed()
        expect(figures.nth(place)).to_have_attribute("data-drawn", "done")
    assert page.locator("main img, main failure, main b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


ODD = {
    "not finite": ["NaN", "Infinity", "-Infinity"],
    "huge": [1e308, -1e308, 1e300],
    "tiny": [5e-324, 1e-300, 0.0],
}


def test_whatever_numbers_are_handed_in_are_drawn(page: Page, write_page: Write) -> None:
    reports = []
    for name, numbers in ODD.items():
        document = small_document()
        row = document["gradients"]["layers.0.weight"][0]
        document = with_value(document, ["gradients", "layers.0.weight", 0], [*numbers, *row][: len(row)])
        judged = verify(document, oracles=("backpropagation",), entries="all")
        reports.append(FileOutcome(f"{name}.json", judged))
    page.goto(write_page(page_of(*reports)))

    def check(number: int) -> None:
        section = page.locator(f"#s{number}")
        figures = section.locator(".figures").first
        figures.scroll_into_view_if_needed()
        expect(figures).to_have_attribute("data-drawn", "done")
        assert "index [0, 0]" in hover_text(section, "heatmap", 10, 10)
        assert figures.locator("[data-figure] .main-svg").count() >= 3

    check_rows(check, range(1, len(ODD) + 1))


def test_many_reports_are_listed_and_led_to(
    page: Page, find_violations: Callable[..., list[str]], write_page: Write
) -> None:
    page.goto(write_page(page_of(*CASES["several"])))
    assert find_violations(page) == []
    page.get_by_role("link", name="wrong.json").click()
    assert page.url.endswith("#s2")
    assert page.locator("#s2").is_visible()


def test_a_student_sees_verdicts_and_hints_and_no_telling_number(
    page: Page, find_violations: Callable[..., list[str]], write_page: Write
) -> None:
    graded = tripled()
    page.goto(write_page(page_of(FileOutcome("wrong.json", to_student_view(graded)))))
    assert "The gradient is wrong" in page.locator("main").inner_text()
    assert page.locator("[data-figure], script[type]").count() == 0
    held = page.content()
    for row in graded.parameters.values():
        assert row.entries is not None
        for array in (row.entries.expected, row.entries.difference):
            assert not [value for value in array.ravel() if value and f"{abs(value):.10g}"[:7] in held]
    assert find_violations(page) == []


def test_a_notebooks_report_needs_no_script_and_changes_no_notebook(
    new_page: Callable[..., Page], find_violations: Callable[..., list[str]]
) -> None:
    cell = "<main><h1 class='word'>Mine</h1><div id='output'></div></main>"
    look = """JSON.stringify([...getComputedStyle(document.querySelector('h1'))].map(
        name => [name, getComputedStyle(document.querySelector('h1')).getPropertyValue(name)]))"""
    for scheme, rules in (("light", None), ("dark", "cat.color")):
        page = new_page(color_scheme=scheme)
        page.set_content(f"<!doctype html><html lang='en'><title>Notebook</title>{cell}")
        before = page.evaluate(look)
        page.evaluate("html => document.querySelector('#output').innerHTML = html", tripled()._repr_html_())
        assert "The gradient is wrong" in page.locator("#output").inner_text()
        assert page.evaluate(look) == before
        assert find_violations(page, rules) == []


def test_an_inspection_keeps_nobody_out(
    page: Page,
    find_violations: Callable[..., list[str]],
    take_picture: Callable[[Page, str], None],
    write_page: Write,
) -> None:
    inspected = inspect(example_document("pytorch"))
    page.goto(write_page(inspection_page([InspectionOutcome("weak.json", inspected)])))
    for scheme, viewport in (("light", {"width": 1000, "height": 900}), ("dark", PHONE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        if scheme == "light":
            take_picture(page, "inspection")
        assert find_violations(page) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.get_by_role("button", name="caught").click()
    assert page.locator('th[aria-sort="ascending"]').count() == 1
