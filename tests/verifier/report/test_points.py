"""Points: the worth of a submission, and its earned points."""

from tests.pairwise import each
from tests.verifier.exporters.builders import parameter, report
from verifier.problem.errors import DocumentError, ErrorCollector
from verifier.report.outcome import FileOutcome
from verifier.report.points import Points, as_integers, earned, read_points, score_outcome, worth
from verifier.report.verdict import Verdict

THREE = FileOutcome(
    "a",
    report(
        [
            parameter("layers.0.weight", Verdict.CORRECT),
            parameter("layers.0.bias", Verdict.INCORRECT),
            parameter("layers.1.weight", Verdict.CORRECT),
        ]
    ),
)
RIGHT = FileOutcome("a", report(parameter(f"layers.{i}.weight", Verdict.CORRECT) for i in range(3)))
MALFORMED = FileOutcome("a", None, (DocumentError("", "a submission", "nothing"),))
NAMED = Points(by_name={"layers.0.weight": 2, "layers.0.bias": 1, "layers.7.bias": 4})


@each(
    [
        (THREE, Points(), 2, 3),
        (THREE, Points(10.0), 6.66, 10),
        (RIGHT, Points(10.0), 10, 10),
        (THREE, NAMED, 2, 7),
        (MALFORMED, Points(), 0, 1),
        (MALFORMED, Points(10.0), 0, 10),
        (MALFORMED, NAMED, 0, 7),
    ]
)
def test_a_parameter_earns_its_points_whole_or_not_at_all(sourced, points, points_earned, points_worth):
    rows = score_outcome(sourced, points)
    assert earned(rows) == points_earned
    assert worth(rows) == points_worth


@each(
    [
        (["W", "b", "nodes.h", "inputs.x"], Points(), 2, 2),
        (["W", "b", "nodes.h", "inputs.x"], Points(10.0), 10, 10),
        (["W", "nodes.h"], Points(by_name={"nodes.h": 3}), 3, 3),
        (["nodes.h", "inputs.x"], Points(10.0), 10, 10),  # a graph without parameters
    ]
)
def test_nobody_earns_more_by_handing_in_more_nodes(names, points, points_earned, points_worth):
    rows = score_outcome(FileOutcome("a", report(parameter(name, Verdict.CORRECT) for name in names)), points)
    assert (earned(rows), worth(rows)) == (points_earned, points_worth)


@each([Verdict.MISSING, Verdict.UNDECIDED, Verdict.INCORRECT])
def test_only_what_is_correct_earns(verdict):
    assert (
        earned(score_outcome(FileOutcome("a", report([parameter("layers.0.bias", verdict)])), Points(5.0)))
        == 0
    )


def test_thirds_of_ten_make_ten_in_whole_numbers():
    assert as_integers(score_outcome(THREE, Points(10.0))) == [(3, 3), (0, 4), (3, 3)]


@each(
    [
        ("10", Points(10.0)),
        ("2.5", Points(2.5)),
        ("layers.0.weight=2, layers.0.bias=1", Points(by_name={"layers.0.weight": 2, "layers.0.bias": 1})),
    ]
)
def test_points_are_a_number_or_a_list_by_name(text, points):
    errors = ErrorCollector()
    assert read_points(text, errors) == points
    assert errors.records == []


@each(["ten", "-1", "inf", "nan", "", "layers.0.weight=two", "layers.0.weight="])
def test_points_that_are_none_are_a_mistake_of_the_option(text):
    errors = ErrorCollector()
    read_points(text, errors)
    assert [mistake.pointer for mistake in errors.records] == ["--points"]
