"""The drawing of a graph in a real browser: light, dark, on a phone, on paper, without scripts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Write
from tests.pairwise import check_rows
from verifier import verify
from verifier.examples.graphs import GRAPH_EXAMPLES, correct_gradients
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.student_view import to_student_view
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report
from verifier.testing.random_graphs import seeded_graph


def page_of(report: Report) -> str:
    return EXPORTERS["html"].render([FileOutcome("graph.json", report)], ExportOptions())


def forgotten_path() -> Report:
    """The residual block whose skip connection was forgotten on the way back."""
    document = example_document("residual-block")
    wrong = np.asarray(document["gradients"]["inputs.x"]) - np.asarray(document["gradients"]["nodes.z"])
    document["gradients"]["inputs.x"] = wrong.tolist()
    return verify(document)


def report_of_60_nodes() -> Report:
    document = seeded_graph(7, 60)
    gradients = correct_gradients(document)
    name = f"nodes.{document['network']['nodes'][10]['name']}"
    gradients[name] = np.asarray(gradients[name]) + 1.0
    return verify({**document, "gradients": gradients})


@pytest.fixture(scope="session")
def wrong_page(write_page: Write) -> str:
    return write_page(page_of(forgotten_path()))


def test_a_graph_keeps_nobody_out_and_marks_the_first_wrong_gradient(
    new_page: Callable[..., Page],
    find_violations: Callable[..., list[str]],
    take_picture: Callable[[Page, str], None],
    wrong_page: str,
) -> None:
    page = new_page(viewport={"width": 1180, "height": 560})
    page.goto(wrong_page)
    marked = page.locator(".graph .first-wrong")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("✗ x")
    expect(marked).to_contain_text("first wrong")
    expect(page.locator(".graph svg")).to_have_accessible_name(
        "From the output back, the error begins at inputs.x. A table below says the same."
    )
    for scheme, rules in (("light", None), ("dark", "cat.color")):
        page.emulate_media(color_scheme=scheme)
        page.locator(".graph details.nodes summary").click()
        assert find_violations(page, rules) == [], scheme
        page.locator(".graph details.nodes summary").click()
        page.locator(".graph h3").evaluate("head => head.scrollIntoView()")
        take_picture(page, f"graph-{scheme}")


def test_on_a_phone_the_graph_scrolls_and_a_link_leads_to_the_wrong_node(
    new_page: Callable[..., Page], write_page: Write
) -> None:
    document = example_document("elman-5-steps")
    document["gradients"]["nodes.h4"] = (2 * np.asarray(document["gradients"]["nodes.h4"])).tolist()
    page = new_page(viewport=PHONE)
    page.goto(write_page(page_of(verify(document))))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    marked = page.locator(".graph .first-wrong rect")
    expect(marked).not_to_be_in_viewport()
    page.get_by_role("link", name="Show nodes.h4").click()
    expect(marked).to_be_in_viewport()


def test_every_node_of_an_example_is_drawn_and_stands_in_the_table(page: Page, write_page: Write) -> None:
    def check(name: str) -> None:
        document = example_document(name)
        page.goto(write_page(page_of(verify(document, oracles=("backpropagation",)))))
        drawn = page.locator(".graph svg .name").all_text_contents()
        nodes = [node["name"] for node in document["network"]["nodes"]]
        assert {text.split()[-1] for text in drawn} == {*nodes, *document["inputs"], *document["parameters"]}
        page.locator(".graph details.nodes summary").click()
        expect(page.locator(".graph details.nodes tbody tr")).to_have_count(len(drawn))

    check_rows(check, GRAPH_EXAMPLES)


@pytest.fixture(scope="session")
def page_of_60_nodes(write_page: Write) -> str:
    return write_page(page_of(report_of_60_nodes()))


def test_of_sixty_nodes_no_text_overlaps_another(page: Page, page_of_60_nodes: str) -> None:
    page.goto(page_of_60_nodes)
    overlapping: list[Any] = page.evaluate(
        """() => {
            const texts = [...document.querySelectorAll('.graph svg text')].filter(text => text.textContent);
            const boxes = texts.map(text => text.getBoundingClientRect());
            const apart = (a, b) => a.right <= b.left || b.right <= a.left
                || a.bottom <= b.top + 4 || b.bottom <= a.top + 4;
            return texts.flatMap((text, at) => texts.slice(0, at)
                .filter((other, index) => !apart(boxes[at], boxes[index]))
                .map(other => [text.textContent, other.textContent]));
        }"""
    )
    assert overlapping == []


def test_texts_fit_into_their_boxes(page: Page, page_of_60_nodes: str) -> None:
    page.goto(page_of_60_nodes)
    beyond: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.graph svg g.box')].flatMap(group => {
            const box = group.querySelector('rect').getBoundingClientRect();
            return [...group.querySelectorAll('.name, .operation')]
                .filter(text => text.getBoundingClientRect().width > box.width - 4)
                .map(text => text.textContent);
        })"""
    )
    assert beyond == []


def test_what_is_printed_fits_the_paper(page: Page, wrong_page: str) -> None:
    page.goto(wrong_page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})
    width = page.evaluate("document.querySelector('.graph svg').getBoundingClientRect().width")
    assert 0 < width <= 794


def test_a_notebook_draws_the_graph_without_a_script(page: Page) -> None:
    page.set_content(
        f"<!doctype html><html lang='en'><title>n</title><main>{forgotten_path()._repr_html_()}</main>"
    )
    expect(page.locator(".graph .first-wrong")).to_contain_text("first wrong")
    assert page.locator("script").count() == 0


def test_a_student_s_graph_has_no_number_but_the_student_s_own(
    page: Page, find_violations: Callable[..., list[str]], write_page: Write
) -> None:
    document = example_document("cs231n-circuit")
    document["gradients"]["nodes.below"] = 0.0123
    report = verify(document)
    page.goto(write_page(page_of(to_student_view(report))))
    drawn = page.locator(".graph svg").text_content() or ""
    assert "∂ 0.0123" in drawn
    assert "first wrong" in drawn
    assert "0.7311" not in page.content()  # the output's value
    assert "0.5344" not in (page.locator(".graph g", has_text="below").text_content() or "")  # what was asked
    assert find_violations(page) == []


def test_no_name_of_a_node_runs_or_breaks_the_drawing(
    new_page: Callable[..., Page], write_page: Write
) -> None:
    page = new_page(viewport=PHONE)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))

    def check(words: str) -> None:
        nodes = [{"name": words, "op": "tanh", "args": ["x"]}]
        document = {
            "network": {"nodes": nodes, "output": words},
            "parameters": {"x": 0.5},
            "gradients": {"x": 1.0, f"nodes.{words}": 1.0},
        }
        page.goto(write_page(page_of(verify(document))))
        assert page.locator("main img, main b").count() == 0
        assert page.locator(".graph svg g.box").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    check_rows(check, ["</svg><img/src=x/onerror=alert(1)>", "&lt;b&gt;", "“層”", "x" * 100])
