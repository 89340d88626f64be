"""One incorrect entry decides its parameter, one incorrect or missing parameter the whole."""

import pytest

from tests.pairwise import each
from verifier.report.verdict import (
    ExitStatus,
    Verdict,
    combined_status,
    exit_status_of,
    overall_verdict,
    parameter_verdict,
)

C, I, U, M = Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNDECIDED, Verdict.MISSING  # noqa: E741


@each([(0, 0, C), (1, 0, I), (0, 1, U), (1, 1, I), (5, 3, I), (0, 9, U)])
def test_a_parameter_has_the_verdict_of_its_entries(incorrect, undecided, verdict):
    assert parameter_verdict(incorrect, undecided) is verdict


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [
        ([C], C),
        ([C, C], C),
        ([C, I], I),
        ([C, U], U),
        ([U, I], I),
        ([C, M], I),
        ([M, U], I),
        ([M], I),
        ([U], U),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_report_has_the_verdict_of_its_parameters(parameters, verdict):
    assert overall_verdict(parameters) is verdict
    assert overall_verdict(iter(parameters[::-1])) is verdict


@each([([0], 0), ([0, 0], 0), ([0, 1], 1), ([0, 3], 3), ([1, 3], 1), ([1, 2], 2), ([2, 4], 4), ([], 2)])
def test_the_exit_status_of_many_fails_closed(statuses, expected):
    assert combined_status(ExitStatus(status) for status in statuses) == expected


def test_the_exit_status_of_each_verdict():
    assert [int(exit_status_of(verdict)) for verdict in (C, I, U)] == [0, 1, 3]
