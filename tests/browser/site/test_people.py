"""Graders and students at real browsers."""

import json
import re
from collections.abc import Callable

import httpx2
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.site.conftest import CLASS, EXAMPLE, Site, scaled_gradients
from tests.browser.site.test_checking import drop_file, hover_over_heatmap
from verifier.examples.layers import example_document


def test_a_grader_logs_in_looks_over_the_class_and_opens_a_submission(
    new_page: Callable[..., Page], site: Site, take_picture: Callable[[Page, str], None]
) -> None:
    page = new_page(foreseen=("status of 401",))
    page.goto(f"{site.address}/assignments/{site.homework}")
    page.fill("#token", site.grader)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Backpropagation by hand")
    take_picture(page, "site-class")
    assert page.locator("table.class tbody tr").count() >= len(CLASS)
    expect(page.locator(".commonest")).to_contain_text("2 of ")
    expect(page.locator(".groups li").first).to_contain_text("2 students")
    page.click("th >> text=points")
    expect(page.locator('th[aria-sort="ascending"]')).to_contain_text("points")
    page.click("table.class >> text=cleo")
    expect(page.locator("h1")).to_have_text("cleo, attempt 1")
    assert "expected" in hover_over_heatmap(page), "figures are drawn of what was stored without its arrays"
    take_picture(page, "site-submission")
    page.click("text=Log out")
    page.goto(f"{site.address}/assignments/{site.homework}")
    expect(page.locator("h1")).to_have_text("Unauthorized")


def test_a_grader_makes_an_assignment_and_names_the_students(
    new_page: Callable[..., Page], site: Site, take_picture: Callable[[Page, str], None]
) -> None:
    page = new_page(foreseen=("status of 422",))
    site.log_in(page, site.grader)
    page.goto(f"{site.address}/assignments")
    page.click("text=New assignment")
    page.click("ul.names >> text=pytorch")
    expect(page.locator("#preview")).to_contain_text("The network has 2 layers")
    page.fill("#points", "ten")
    expect(page.locator("#preview")).to_contain_text("/points")
    page.fill("#points", "10")
    page.fill("#title", "Homework 2")
    expect(page.locator("#preview h3")).to_have_text("Homework 2")
    expect(page.locator("#preview")).to_contain_text("It is worth 10 points.")
    page.locator("#rules").evaluate("head => head.scrollIntoView()")
    take_picture(page, "site-new-assignment")
    page.click("button.main")
    expect(page.locator("h1")).to_have_text("Homework 2")
    page.click("text=Students and tokens")
    page.fill("#text", "ada,4711\ngrace")
    page.click("text=Save the list")
    expect(page.locator("tbody tr")).to_have_count(2)
    take_picture(page, "site-students")
    with page.expect_download() as download:
        page.click("text=Make 2 tokens")
    head, *rows = download.value.path().read_text().splitlines()
    assert head == "name,token"  # as the commands write it
    assert [row.partition(",")[0] for row in rows] == ["ada", "grace"]
    page.reload()
    expect(page.locator("main")).to_contain_text("Every student has a token.")


def test_no_script_can_read_the_token(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page(foreseen=("status of 401",))
    page.goto(f"{site.address}/login")
    page.fill("#token", site.grader)
    page.click("button.main")
    page.wait_for_url("**/assignments")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("fetch('/v1/assignments').then(answer => answer.status)") == 401


def expectations(site: Site) -> set[str]:
    """The digits of every number that a student must not learn: expected values, errors, norms."""
    headers = {"authorization": f"Bearer {site.grader}"}
    document = {
        **{k: v for k, v in EXAMPLE.items() if k != "gradients"},
        **scaled_gradients(0.37, *EXAMPLE["gradients"]),
    }
    with httpx2.Client(base_url=site.address, headers=headers, timeout=300) as client:
        report = client.post("/v1/checks?entries=all", json=document).json()
    report.pop("versions")
    report.pop("seconds")
    decimals = set(re.findall(r"\d\.\d{4,}", json.dumps(report)))
    mine = json.dumps(
        [scaled_gradients(0.37, *EXAMPLE["gradients"]), EXAMPLE["parameters"], EXAMPLE["inputs"]]
    )
    return {digits[:6] for digits in decimals} - {digits[:6] for digits in re.findall(r"\d\.\d{4,}", mine)}


def test_a_student_hands_in_and_no_answer_holds_what_is_expected(
    students_page: Page, site: Site, take_picture: Callable[[Page, str], None]
) -> None:
    page = students_page
    answers: list[APIResponse] = []

    def forward_response(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        answers.append(answer)
        route.fulfill(response=answer)

    page.route(re.compile(r"^(?!.*/assets/)"), forward_response)
    page.goto(f"{site.address}/assignments")
    page.click("text=Backpropagation by hand")
    page.fill("#text", json.dumps(scaled_gradients(0.37, *EXAMPLE["gradients"])))
    page.click("text=Hand it in")
    expect(page.locator("h1")).to_contain_text("ada, attempt")
    expect(page.locator(".gradjury-report")).to_contain_text("incorrect")
    take_picture(page, "site-student")
    seen = [page.content()]
    with page.expect_download() as saved:
        page.click("text=Save the stored report as a file")
    seen.append(saved.value.path().read_text())
    report = page.locator("a[href^='/reports/']").get_attribute("href") or ""
    page.goto(site.address + report.removesuffix("/file"))
    seen.append(page.content())
    page.goto(f"{site.address}/assignments/{site.homework}")
    seen.append(page.content())
    seen += [answer.text() + json.dumps(answer.headers) for answer in answers]
    secret = expectations(site)
    assert len(secret) > 50
    assert len(answers) >= 6  # and that of the redirect, whose page is in `seen`
    for text in seen:
        assert not [digits for digits in secret if digits in text]


def test_a_file_dropped_on_a_form_is_chosen_and_nothing_else_happens(graders_page: Page, site: Site) -> None:
    graders_page.goto(f"{site.address}/batches")
    drop_file(graders_page, ".drop label", "{}")
    assert graders_page.input_value("#file").endswith("wrong.json")
    assert graders_page.url == f"{site.address}/batches"


def test_a_student_is_shown_no_page_of_a_classmate_or_of_graders(
    new_page: Callable[..., Page], site: Site
) -> None:
    page = new_page(foreseen=("status of 404", "status of 403"))
    site.log_in(page, site.student)
    for path in (site.submissions["bob"], f"/assignments/{site.homework}/grades.csv", "/batches"):
        page.goto(site.address + path)
        assert page.locator("h1").text_content() in ("Not Found", "Forbidden")


def test_the_progress_of_a_batch_moves_by_itself_until_it_is_over(
    new_page: Callable[..., Page], site: Site, take_picture: Callable[[Page, str], None]
) -> None:
    page = new_page(foreseen=("ERR_INCOMPLETE_CHUNKED_ENCODING",))
    site.log_in(page, site.grader)
    values: list[int] = []
    page.expose_function("toldValue", lambda value: values.append(value))
    page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const bar = document.querySelector("#progress");
            if (bar) new MutationObserver(() => toldValue(bar.value)).observe(bar, { attributes: true });
        });"""
    )
    lines = [json.dumps(example_document("every-equation")), json.dumps(example_document("wrong-layer"))] * 40
    page.goto(site.address + site.batch(lines))
    expect(page.locator("#batch[data-over='true']")).to_be_visible()
    assert len(set(values)) >= 2, values
    assert values == sorted(values)
    expect(page.locator("#batch")).to_contain_text("80 of 80 finished")
    take_picture(page, "site-batch")
    page.locator("a[href^='/reports/']").nth(1).click()
    expect(page.locator(".gradjury-report")).to_contain_text("wrong-layer")
