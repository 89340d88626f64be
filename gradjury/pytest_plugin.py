"""Pytest plugin with the fixture `gradients`, its marker, a summary table and `--gradients-report`.

pytest imports this module in every run. Therefore heavy imports are deferred until a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradjury.packages import ShadowedPackage, import_package

if TYPE_CHECKING:
    from verifier.testing.pytest_gradients import Gradients

_ATTRIBUTE = "gradjury"
_CHECKED = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradients", "gradient checks (GradJury)")
    group.addoption(
        "--gradients-report",
        metavar="FILE",
        help="write what the gradient checks found to FILE, in the format of its suffix: .json or .html",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "gradients(preset=…, rtol=…, atol=…, oracles=[…]): tolerance and oracles of this test's checks",
    )
    path = config.getoption("--gradients-report")
    if path is not None and not str(path).endswith((".json", ".html")):
        raise pytest.UsageError(f"--gradients-report: expected a name in .json or .html, got {path!r}")
    if path is not None and not Path(path).parent.is_dir():  # an error before the tests run, not after them
        rule = "a file in a folder that exists"
        raise pytest.UsageError(f"--gradients-report: expected {rule}, got {path!r}; create the folder first")
    config.pluginmanager.register(_CheckCollector(config), "gradjury-collected")


@pytest.fixture
def gradients(request: pytest.FixtureRequest, subtests: pytest.Subtests) -> Gradients:
    """Check gradients: `check` one set of them, `check_backprop` a function, `check_operation` a node's."""
    try:
        loaded = import_package("verifier.testing.pytest_gradients")  # loads numpy
    except ShadowedPackage as error:
        pytest.fail(str(error), pytrace=False)
    checked = request.node.stash.setdefault(_CHECKED, [])
    options = loaded.marker_options(request.node.get_closest_marker("gradients"))
    checker: Gradients = loaded.Gradients(subtests, checked.append, options)
    return checker


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and _CHECKED in item.stash:
        setattr(report, _ATTRIBUTE, item.stash[_CHECKED])  # plain data, which xdist can serialise
    return report


class _CheckCollector:
    """Collector of the checks of all tests. Under xdist it runs on the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.checks: list[tuple[str, dict[str, Any]]] = []
        self.write_error = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if type(report) is pytest.TestReport:  # the report of the test, not of a subtest
            self.checks += [(report.nodeid, check) for check in getattr(report, _ATTRIBUTE, [])]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.checks and not self.write_error:
            return
        terminalreporter.section("gradients")
        if self.write_error:
            terminalreporter.line(self.write_error)
        for node, check in self.checks:
            terminalreporter.line(f"{check['verdict']:10} {check['summary']}  {node}")
            for heading in check["diagnosis"]:
                terminalreporter.line(f"           {heading}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        path = self.config.getoption("--gradients-report")
        if path is None or hasattr(self.config, "workerinput"):
            return
        try:
            loaded = import_package("verifier.testing.pytest_gradients")  # loads numpy
        except ShadowedPackage as error:
            self.write_error = f"--gradients-report: {error}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        try:
            loaded.write_report(path, self.checks)
        except import_package("verifier").MalformedSubmission as error:
            (document_error,) = error.errors
            self.write_error = f"--gradients-report: {document_error.detail}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
