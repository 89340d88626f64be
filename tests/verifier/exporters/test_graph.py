"""How reports of graphs read in every format: where the chain first breaks, and the operations around it."""

import json
import xml.etree.ElementTree as ET
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from verifier import verify
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.student_view import to_student_view
from verifier.problem.errors import MalformedSubmission
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report
from verifier.report.wording import first_wrong_lines


@cache
def wrong_relu() -> Report:
    """The residual block, the derivative of relu forgotten; all behind it follows from that."""
    document = example_document("residual-block")
    gradients = {name: np.asarray(gradient) for name, gradient in document["gradients"].items()}
    x, w1, skip = (
        np.asarray(document["inputs"]["x"]),
        np.asarray(document["parameters"]["W1"]),
        gradients["nodes.z"],
    )
    delta = gradients["nodes.h"]
    gradients |= {"nodes.a2": delta, "nodes.a1": delta, "b1": delta.sum(axis=0), "W1": x.T @ delta}
    gradients["inputs.x"] = delta @ w1.T + skip
    return verify({**document, "gradients": gradients})


def render(report: Report, name: str) -> str:
    return EXPORTERS[name].render([FileOutcome("graph.json", report)], ExportOptions())


LINE = "first wrong: nodes.a2 = add(nodes.a1, b1), used by nodes.h = relu(nodes.a2)"


@each(product(["text", "markdown"], ["grader", "student"]))
def test_the_first_wrong_gradient_is_told_with_the_operations_around_it(
    format_name: str, audience: str
) -> None:
    report = wrong_relu()
    text = render(report if audience == "grader" else to_student_view(report), format_name)
    assert LINE in text.replace("\\", "")
    assert "| gradient |" in text or "\n  gradient " in text
    assert "missing-activation-derivative in nodes.a2\n" in text.replace("\\", "") or audience == "student"


@each(EXPORTERS)
def test_every_format_names_the_nodes_that_are_wrong(format_name: str) -> None:
    text = render(wrong_relu(), format_name)
    assert "nodes.a2" in text
    assert "local_rule" not in text or format_name in ("json", "csv")


def test_a_node_s_bug_is_the_type_of_its_failure() -> None:
    suites = ET.fromstring(render(wrong_relu(), "junit"))
    cases = {case.get("name"): case for case in suites.iter("testcase")}
    failures = {name: case.find("failure") for name, case in cases.items()}
    types = {name: failure.get("type") for name, failure in failures.items() if failure is not None}
    assert types["nodes.a2"] == "missing-activation-derivative"
    assert types["W1"] == "incorrect-gradient"  # it only inherits


def test_code_scanning_has_a_rule_with_formulas_for_a_broken_node() -> None:
    (run,) = json.loads(render(wrong_relu(), "sarif"))["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    rule = rules["missing-activation-derivative"]
    assert rule["shortDescription"]["text"] == "The operation's own derivative is missing"
    assert rule["fullDescription"]["text"] == "right: v̄ = ū · ∂u/∂v; used: v̄′ = ū"
    assert rule["help"]["text"] == "By what does the chain rule multiply on the way back through the node?"
    named = [
        location["logicalLocations"][0]["name"]
        for result in run["results"]
        for location in result["locations"]
    ]
    assert set(named) == {"nodes.a2", "nodes.a1", "b1", "W1", "inputs.x"}


def test_what_cannot_be_explained_in_a_graph_is_told_without_layers() -> None:
    document = example_document("olah")
    document["gradients"]["b"] = 17.25
    (run,) = json.loads(render(verify(document), "sarif"))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "unexplained"
    (result,) = run["results"]
    assert "The error starts at b" in result["message"]["text"]


def test_many_first_wrong_gradients_are_counted() -> None:
    document = example_document("elman-5-steps")
    for name in document["gradients"]:
        document["gradients"][name] = (np.asarray(document["gradients"][name]) + 1.0).tolist()
    lines = list(first_wrong_lines(verify(document)))
    assert lines[0].startswith("first wrong: nodes.loss = mse(nodes.output, inputs.y)")
    assert len(lines) <= 6


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\u202eb", "a\x00", "\ud800"])
def test_a_name_that_does_not_print_is_refused(name: str) -> None:
    document: dict[str, Any] = {
        "network": {"nodes": [{"name": name, "op": "tanh", "args": ["x"]}], "output": name},
        "parameters": {"x": 0.5},
        "gradients": {"x": 1.0},
    }
    with pytest.raises(MalformedSubmission, match="characters that print"):
        verify(document)


@each(product(["::error::forged", "<b>bold</b>", "`code`", "**x**", "|"], ["text", "markdown", "github"]))
def test_a_name_of_a_node_commands_neither_a_runner_nor_a_renderer(name: str, format_name: str) -> None:
    document: dict[str, Any] = {
        "network": {"nodes": [{"name": name, "op": "tanh", "args": ["x"]}], "output": name},
        "parameters": {"x": 0.5},
        "gradients": {"x": 1.0, f"nodes.{name}": 2.0},
    }
    text = render(verify(document), format_name)
    if format_name == "text":
        assert "::error::" not in text
    elif format_name == "markdown":
        assert "::error::" not in text
        for plain in ("<b>", "**x**", "nodes.`code`"):
            assert plain not in text
    else:
        assert all(not line.startswith("::error::forged") for line in text.splitlines())
