"""The fixture `gradients` on computation graphs, run as a student's pytest would run it."""

import json

import pytest

from tests.gradjury.pytest_plugin.runs import run

pytest_plugins = ["pytester"]

# z = Σ tanh(x W) · x W, by hand: the product a is used twice
QUESTION = """
import numpy as np

GRAPH = {
    "inputs": ["x"],
    "nodes": [
        {"name": "a", "op": "matmul", "args": ["x", "W"]},
        {"name": "h", "op": "tanh", "args": ["a"]},
        {"name": "p", "op": "multiply", "args": ["h", "a"]},
        {"name": "z", "op": "sum", "args": ["p"]},
    ],
    "output": "z",
}
X, W = np.array([[0.5, -1.0]]), np.array([[0.25, 1.0], [0.5, -0.75]])


def by_hand(forgotten=False):
    a = X @ W
    h = np.tanh(a)
    through_tanh = a * (1 - h**2)
    delta = through_tanh if forgotten else through_tanh + h
    return {"W": X.T @ delta, "nodes.a": delta, "nodes.h": a, "nodes.p": np.ones_like(a)}
"""
ALL = f"""{QUESTION}

def test_keywords(gradients):
    report = gradients.check(network=GRAPH, inputs={{"x": X}}, parameters={{"W": W}}, gradients=by_hand())
    assert report.verdict == "correct"

def test_a_whole_document(gradients):
    document = {{"name": "hw5", "network": GRAPH, "inputs": {{"x": X}}, "parameters": {{"W": W}}}}
    report = gradients.check(document, gradients=by_hand())
    assert (report.verdict, report.name) == ("correct", "hw5")
    assert gradients.check({{**document, "gradients": by_hand()}}, name="other").name == "other"

def test_wrong(gradients):
    gradients.check(GRAPH, inputs={{"x": X}}, parameters={{"W": W}}, gradients=by_hand(forgotten=True))

def test_missing(gradients):
    gradients.check(GRAPH, inputs={{"x": X}}, parameters={{"W": W}}, gradients={{}})
"""


@pytest.fixture
def run_result(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makepyfile(ALL)
    return run(pytester, "--gradients-report=report.json")


def test_a_graph_is_checked_by_keywords_or_as_a_document(
    run_result: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    text = run_result.stdout.str()
    assert run_result.parseoutcomes()["passed"] == 2, text
    # the two wrong gradients of one test, the missing one of the other, and both tests
    assert run_result.parseoutcomes()["failed"] == 5, text
    run_result.stdout.fnmatch_lines(
        [
            "nodes.a: 2 of 2 numbers are wrong",
            "  nodes.a = matmul(inputs.x, W)",
            "*bug: missing-path in nodes.a",
            "*lacks what comes back through nodes.p.",
        ]
    )
    assert "W: no gradient was given; give one of shape (2, 2)" in text
    assert "bug: none of its own; it inherits from missing-path in nodes.a" in text
    assert "\nW: 4 of 4 numbers are wrong" in text

    document = json.loads((pytester.path / "report.json").read_text())
    networks = {check["test"].split("::")[1]: check["network"] for check in document["checks"]}
    assert networks["test_wrong"]["first_wrong"] == ["nodes.a"]


def test_the_page_of_a_run_draws_its_graphs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ALL)
    run(pytester, "-k", "wrong", "--gradients-report=report.html")
    page = (pytester.path / "report.html").read_text()
    assert page.count('<figure class="network graph">') == 1
    assert "first-wrong" in page


def test_what_is_malformed_is_told_with_its_pointer(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""{QUESTION}

def test_it(gradients):
    gradients.check(GRAPH, inputs={{"y": X}}, parameters={{"W": W}}, gradients=by_hand())
"""
    )
    result = run(pytester)
    assert result.ret == 1
    assert "/network/inputs/0" in result.stdout.str()
