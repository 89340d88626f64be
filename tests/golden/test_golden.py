"""The product says what its golden reports say, and a changed constant would show."""

import pytest

from tests.golden import reports
from verifier.engine import rounding_allowance as rounding_passes


@pytest.mark.parametrize("most", [60, pytest.param(None, marks=pytest.mark.nightly)])
def test_every_golden_report_is_still_what_is_said(most):
    assert list(reports.differences(most=most))[:20] == []


def test_a_changed_constant_shows(monkeypatch, tmp_path):
    _, rows = reports.read()
    few = [(name, document) for name, document, _ in rows if name.startswith("network")][:3]
    path = tmp_path / "few.json.xz"
    reports.write(iter(few), path)
    assert list(reports.differences(path, exact=True)) == []
    monkeypatch.setattr(rounding_passes, "STORED", 1.01 * rounding_passes.STORED)
    assert list(reports.differences(path, exact=True)) != []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1.0, 1.001, False),
        ("correct", "incorrect", False),
        ([1.0], [1.0, 2.0], False),
    ],
)
def test_on_another_machine_only_the_last_digits_may_differ(one, other, same):
    assert (list(reports._unequal(one, other, "", False)) == []) is same
