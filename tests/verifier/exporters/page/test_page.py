"""A page that stands alone: all is in it, it loads nothing, and it stays light whatever there is to show."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import unescape
from itertools import pairwise

import numpy as np
import pytest

from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.page import ASSETS, render
from verifier.exporters.page.figures import BUDGET
from verifier.report.outcome import FileOutcome, ReportBuffer, drop_arrays


@cache
def right_report():
    return verify(small_document(name="right"), entries="all")


@cache
def wrong_report():
    document = with_value(small_document(name="wrong"), ["gradients", "layers.0.weight", 1, 2], 0.5)
    return verify(document, entries="all")


def page(*reports: FileOutcome) -> str:
    return render(reports, ExportOptions())


def content_hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_by_their_hashes_exactly_what_may_run():
    text = page(FileOutcome("wrong.json", wrong_report()))
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', text)
    allowed = set(unescape(policy).split("script-src ")[1].split(";")[0].split())
    scripts = re.findall(
        r"<script(?: type=\"text/plain\" id=\"gradjury-plotly\")?>(.*?)</script>", text, re.S
    )
    assert allowed == {content_hash(script) for script in scripts}
    assert unescape(policy).startswith("default-src 'none'; ")
    assert f"style-src {content_hash(re.findall('<style>(.*?)</style>', text, re.S)[0])};" in policy


def test_a_page_names_nothing_to_load():
    text = re.sub(r"<script.*?</script>", "", page(FileOutcome("wrong.json", wrong_report())), flags=re.S)
    assert not re.search(r"\b(src|action|data)=|url\(|@import|<link|<iframe|https?:", text)


def test_what_is_put_into_a_script_or_a_style_cannot_end_it():
    for name in ("report.js", "report.css", "plotly/plotly-cartesian.min.js"):
        text = (ASSETS / name).read_text(encoding="utf-8")
        assert not re.search(r"</(script|style)|<!--", text, re.IGNORECASE)


def test_a_page_without_figures_is_light():
    assert len(page(FileOutcome("wrong.json", drop_arrays(wrong_report())))) < 60_000


def large(index: int) -> FileOutcome:
    generator = np.random.default_rng(index)
    sizes = (60, 50, 40)
    layers = [{"in": a, "out": b, "activation": "tanh"} for a, b in pairwise(sizes)]
    parameters = {}
    for place, (a, b) in enumerate(pairwise(sizes)):
        parameters[f"layers.{place}.weight"] = generator.normal(size=(a, b)) / 8
        parameters[f"layers.{place}.bias"] = generator.normal(size=b)
    document = {
        "network": {"layers": layers}, "loss": "mse", "parameters": parameters,
        "inputs": generator.normal(size=(3, 60)), "targets": generator.normal(size=(3, 40)),
        "gradients": {name: array * 0.1 for name, array in parameters.items()},
    }  # fmt: skip
    return FileOutcome(f"{index}.json", verify(document, entries="all", diagnosis=False))


def test_of_many_reports_as_many_have_figures_as_a_page_can_bear():
    reports = [FileOutcome("right.json", right_report()), *(large(index) for index in range(12))]
    text = page(*reports)
    assert len(text.encode()) < 5_000_000
    drawn = text.count("data-figure=") // 3
    total = sum(len(outcome.report.parameters) for outcome in reports)
    assert 0 < drawn < total
    assert f"The figures of {total - drawn} parameters are left out" in text
    assert "gradjury check 11.json --preset standard --format html --output report.html" in text
    first = text[text.index('id="s2"') : text.index('id="s3"')]
    assert first.count("data-figure=") == 12  # of what is wrong
    assert len("".join(re.findall(r'<script type="application/json">(.*?)</script>', text))) <= BUDGET


def test_memory_for_arrays_goes_to_what_is_wrong_and_nothing_else_is_lost():
    size = sum(int(np.prod(row.shape)) for row in right_report().parameters.values())
    kept = ReportBuffer(most=2 * size)
    outcomes = [
        FileOutcome(str(i), report)
        for i, report in enumerate(
            (right_report(), right_report(), wrong_report(), right_report(), wrong_report(), wrong_report())
        )
    ]
    for one in [*outcomes, FileOutcome("broken", None, broken="it broke")]:
        kept.add(one)
    having = [
        None if report is None else any(row.entries is not None for row in report.parameters.values())
        for report in (one.report for one in kept.reports)
    ]
    assert having == [False, False, True, False, True, False, None]
    assert [one.source for one in kept.reports] == ["0", "1", "2", "3", "4", "5", "broken"]
    assert [one.status for one in kept.reports[:-1]] == [one.status for one in outcomes]


@pytest.mark.parametrize("name", [name for name, row in EXPORTERS.items() if row.whole_arrays])
def test_a_format_that_draws_whole_arrays_does_without_them_too(name):
    with_arrays, without = (
        EXPORTERS[name].export(report) for report in (wrong_report(), drop_arrays(wrong_report()))
    )
    assert len(with_arrays) > len(without)
    assert all(row in without for row in wrong_report().parameters)
