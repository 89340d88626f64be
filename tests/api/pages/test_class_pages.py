"""Pages for graders: assignments, the class as a table, groups with the same mistake, judging again."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import Person, person, problem_of
from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor, as_text, token_of
from verifier.examples.layers import example_document

EXAMPLE = example_document("every-equation")
NAMES = list(EXAMPLE["gradients"])
FIRST = NAMES[0]
HOSTILE = '<img src=x onerror="alert(1)">'


def scaled_gradients(factor: float, *names: str) -> dict[str, Any]:
    changed = {name: (factor * np.array(EXAMPLE["gradients"][name])).tolist() for name in names}
    return {"gradients": {**EXAMPLE["gradients"], **changed}}


CLASS = {
    "ada": scaled_gradients(1.0),
    "bob": scaled_gradients(2.0, *NAMES),
    "cleo": scaled_gradients(2.0, *NAMES),
    "dan": scaled_gradients(0.5, *NAMES),
    "eve": scaled_gradients(1.0 + 1e-5, FIRST),
    HOSTILE: {"gradients": {name: EXAMPLE["gradients"][name] for name in NAMES[1:]}},
}


@dataclass(frozen=True)
class ClassPages:
    grader: Person
    visitor: Visitor
    homework: str

    @property
    def path(self) -> str:
        return f"/assignments/{self.homework}"


def create_class(client: TestClient) -> ClassPages:
    grader = person(client, Role.GRADER, "prof")
    document = {"problem": problem_of(EXAMPLE), "title": "Homework 1", "points": 10}
    homework = grader.post("/v1/assignments", document).json()["id"]
    for student, body in CLASS.items():
        answer = grader.client.post(
            f"/v1/assignments/{homework}/submissions",
            params={"student": student},
            json=body,
            headers=grader.headers,
        )
        assert answer.status_code == 201, answer.text
    return ClassPages(grader, Visitor(client, token_of(grader.headers)), homework)


@pytest.fixture(scope="module")
def class_pages(serve: Serve) -> ClassPages:
    return create_class(serve(oracles="backpropagation"))


def students(html: str) -> list[str]:
    body = html.partition('<table class="class">')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [Page(each).text for each in re.findall(r"<th scope=\"row\">(.*?)</th>", body)]


def test_the_list_leads_to_the_assignment(class_pages: ClassPages) -> None:
    assert class_pages.path in Page(class_pages.visitor.get("/assignments").text).links


def test_a_document_becomes_an_assignment(class_pages: ClassPages) -> None:
    document = {"problem": problem_of(EXAMPLE), "title": "Homework 2"}
    answer = class_pages.visitor.send("/assignments", text=as_text(document))
    assert answer.status_code == 303
    assert "Homework 2" in class_pages.visitor.get(answer.headers["location"]).text


def test_a_document_with_mistakes_comes_back_with_all_of_them(class_pages: ClassPages) -> None:
    answer = class_pages.visitor.send("/assignments", text='{"points": -1, "attempts": 0}')
    assert answer.status_code == 422
    assert all(pointer in answer.text for pointer in ("/problem", "/points", "/attempts"))
    assert "&#34;points&#34;: -1" in answer.text


def test_every_cell_is_in_words_and_coloured_by_how_large_the_error_is(class_pages: ClassPages) -> None:
    html = class_pages.visitor.get(class_pages.path).text
    cells = re.findall(r'<td class="band (\w+)">([^<]+)</td>', html)
    assert len(cells) == len(CLASS) * len(NAMES)
    bands = dict(cells)
    assert bands["correct"] == "right"
    assert bands["large"].startswith("wrong ")
    assert bands["small"] == "wrong by 0.001 %"
    assert bands["missing"] == "missing"


def test_a_column_says_what_most_did(class_pages: ClassPages) -> None:
    words = Page(class_pages.visitor.get(class_pages.path).text).text
    assert f"2 of {len(CLASS)}: " in words
    assert "(factor 2)" in words


def test_who_made_the_same_mistake_by_the_same_factor_stands_together(
    class_pages: ClassPages,
) -> None:
    html = class_pages.visitor.get(class_pages.path).text
    groups = [
        Page(each).text for each in re.findall(r"<li>(.*?)</li>", html.partition('class="groups"')[2], re.S)
    ]
    assert "2 students" in groups[0]
    assert "bob" in groups[0]
    assert "cleo" in groups[0]
    (dan,) = [group for group in groups if "dan" in group]
    assert "factor 0.5" in dan
    assert "1 student" in dan


ORDERS = {
    "": sorted(CLASS),
    "sort=student&down=true": sorted(CLASS, reverse=True),
    "sort=points&down=true": ["ada"],
    f"sort={FIRST}": ["ada"],
    "sort=nothing": sorted(CLASS),
}


@pytest.mark.parametrize("query", ORDERS)
def test_the_table_is_sorted_as_asked(class_pages: ClassPages, query: str) -> None:
    html = class_pages.visitor.get(f"{class_pages.path}?{query}").text
    expected = ORDERS[query]
    assert students(html)[: len(expected)] == expected
    if query in ("sort=student&down=true",):
        assert 'aria-sort="descending"' in html


def test_names_are_words_and_no_markup(class_pages: ClassPages) -> None:
    html = class_pages.visitor.get(class_pages.path).text
    assert HOSTILE not in html
    assert HOSTILE in Page(html).text


def test_grades_are_the_apis(class_pages: ClassPages) -> None:
    answer = class_pages.visitor.get(f"{class_pages.path}/grades.csv")
    assert answer.text == class_pages.grader.get(f"/v1{class_pages.path}/grades.csv").text
    assert "attachment" in answer.headers["content-disposition"]


def test_a_graders_submission_has_the_whole_report(class_pages: ClassPages) -> None:
    html = class_pages.visitor.get(class_pages.path).text
    (link,) = [link for link in Page(html).links if "/submissions/" in link and f'{link}">bob<' in html][:1]
    page = Page(class_pages.visitor.get(link).text).text
    assert "bob, attempt 1" in page
    assert "0 of 10 points" in page


def test_what_was_judged_by_earlier_rules_is_said_and_judged_again(serve: Serve) -> None:
    school = create_class(serve(oracles="backpropagation"))
    rules = {"problem": problem_of(EXAMPLE) | {"tolerance": {"preset": "lenient"}}, "title": "Homework 1"}
    assert school.grader.put(f"/v1{school.path}", rules).status_code == 200
    html = school.visitor.get(school.path).text
    assert f"{len(CLASS)} of these results follow earlier rules" in html
    links = [link for link in Page(html).links if "/submissions/" in link]
    pages = (Page(school.visitor.get(link).text).text for link in links)
    assert any("was judged by revision 1" in page and "revision 2, as correct" in page for page in pages)
    preview = school.visitor.get(school.visitor.send(f"{school.path}/regrade-previews").headers["location"])
    words = f"{len(CLASS)} submissions were judged by the present rules (revision 2)"
    assert words in Page(preview.text).text
    assert "Nothing is changed yet" in preview.text
    assert "another verdict" in Page(preview.text).text
    changes = [link for link in Page(preview.text).links if "/submissions/" in link]
    assert changes
    assert "was judged by revision 1" in school.visitor.get(changes[0]).text
    assert school.visitor.get(school.path).text == html
    again = school.visitor.get(school.visitor.send(f"{school.path}/regrades").headers["location"])
    assert words in Page(again.text).text
    assert [link for link in Page(again.text).links if "/submissions/" in link] == changes
    assert "Nothing is changed yet" not in again.text
    assert "earlier rules" not in school.visitor.get(school.path).text


def test_a_grader_hands_in_for_a_student_and_keeps_what_was_typed(class_pages: ClassPages) -> None:
    path = f"{class_pages.path}/submissions"
    wrong = class_pages.visitor.send(path, student="fay", text='{"gradients": 1}')
    assert wrong.status_code == 422
    assert "{&#34;gradients&#34;: 1}" in wrong.text
    assert class_pages.visitor.send(path, text=as_text(scaled_gradients(1.0))).status_code == 422
    made = class_pages.visitor.send(path, student="fay", text=as_text(scaled_gradients(1.0)))
    assert "fay, attempt 1" in class_pages.visitor.get(made.headers["location"]).text


def test_a_class_is_the_same_from_postgres(
    serve: Serve, class_pages: ClassPages, module_database: Callable[[str], str]
) -> None:
    other = create_class(serve(oracles="backpropagation", database_url=module_database("postgres")))
    cells = [
        re.findall(r'<td class="band (\w+)">([^<]+)</td>', grader.visitor.get(grader.path).text)[: len(CLASS)]
        for grader in (class_pages, other)
    ]
    assert cells[0] == cells[1]
    assert students(other.visitor.get(other.path).text) == sorted(CLASS)
