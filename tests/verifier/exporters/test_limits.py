"""Size limits of platforms: results are cut with the worst kept, and every cut is reported."""

import json

import pytest

from tests.verifier.exporters.builders import CASES, MANY, parameter, report
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.github import step_summary
from verifier.report.outcome import FileOutcome
from verifier.report.points import Points
from verifier.report.verdict import Verdict


def huge_names() -> list[FileOutcome]:
    return [
        FileOutcome(
            f"{i}" * 300, report(parameter("層" * 10_000 + str(j), Verdict.INCORRECT) for j in range(100))
        )
        for i in range(9)
    ]


@pytest.mark.parametrize("made", [lambda: CASES[MANY], huge_names], ids=["many", "huge names"])
def test_prairielearn_takes_one_mebibyte_and_gets_every_point(made):
    reports = made()
    text = EXPORTERS["prairielearn"].render(reports, ExportOptions())
    assert len(text.encode()) < 2**20
    document = json.loads(text)
    count = sum(len(outcome.report.parameters) for outcome in reports)
    assert sum(test["max_points"] for test in document["tests"]) == count
    assert all({"points", "max_points"} <= test.keys() for test in document["tests"])


def test_classroom_50_takes_a_hundred_tests_in_whole_numbers():
    document = json.loads(EXPORTERS["classroom50"].render(CASES[MANY], ExportOptions(Points(10.0))))
    assert len(document["tests"]) == 100
    assert document["tests"][-1]["test-name"] == "9901 more parameters"
    assert document["max-score"] == sum(test["max-score"] for test in document["tests"]) == 10
    assert document["score"] == sum(test["score"] for test in document["tests"])


def test_classroom_50_repeats_what_its_runner_says():
    environment = {
        "CLASSROOM": "dl", "ASSIGNMENT": "hw1", "ASSIGNMENT_TYPE": "group", "USERNAME": "alice",
        "SUBMISSION_TAG": "submit/2026-06-01T14-32-05Z-a1b2c3d",
    }  # fmt: skip
    document = json.loads(
        EXPORTERS["classroom50"].render(CASES["right"], ExportOptions(environment=environment))
    )
    assert document["classroom"] == "dl"
    assert document["owner"] == "alice"
    assert document["assignment_type"] == "group"
    assert document["datetime"] == "2026-06-01T14:32:05Z"


def test_github_shows_ten_errors_worst_first_and_counts_the_rest():
    rows = [parameter(f"layers.{i}.weight", Verdict.INCORRECT, i / 20) for i in range(20)]
    lines = EXPORTERS["github"].render([FileOutcome("a.json", report(rows))], ExportOptions()).split("\n")
    assert [line.split("::")[1].split(" ")[0] for line in lines] == ["error"] * 10 + ["notice"]
    assert "layers.19.weight" in lines[0]
    assert (
        lines[-1] == "::notice title=GradJury::1 submission: 1 incorrect; 10 more findings are not annotated"
    )


def test_the_step_summary_holds_a_mebibyte_and_says_what_it_left_out():
    reports = CASES["right"] * 2000 + CASES["wrong"]
    text = step_summary(reports, ExportOptions())
    assert len(text.encode()) < 2**20
    assert text.index("incorrect") < text.index("hw3\\-q2: correct")
    assert "submissions are left out" in text


def test_sarif_lists_what_github_shows_and_notes_the_rest():
    (run,) = json.loads(EXPORTERS["sarif"].render(CASES[MANY], ExportOptions()))["runs"]
    assert len(run["results"]) == 5000
    assert "2500 more" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    prints = {result["partialFingerprints"]["gradjury/v1"] for result in run["results"]}
    assert len(prints) == 5000


def test_a_file_that_is_named_twice_earns_twice_under_names_of_its_own():
    text = EXPORTERS["autolab"].render(CASES["wrong"] * 2, ExportOptions())
    feedback, result = map(json.loads, text.split("\n"))
    assert sum(result["scores"].values()) == result["scoreboard"][0] == 6
    assert len(feedback["Gradients"]) == 8
    for format_name in ("gradescope", "otter", "prairielearn", "classroom50"):
        document = json.loads(EXPORTERS[format_name].render(CASES["wrong"] * 2, ExportOptions()))
        names = [test.get("name", test.get("test-name")) for test in document["tests"]]
        assert "wrong.json (2): layers.0.weight" in names
        assert len(set(names)) == len(names)


def test_classroom_50_names_tests_in_a_hundred_bytes_that_tell_them_apart():
    reports = [FileOutcome("層/" * 90 + f"{i}.json", CASES["wrong"][0].report) for i in range(2)]
    document = json.loads(EXPORTERS["classroom50"].render(reports, ExportOptions()))
    names = [test["test-name"] for test in document["tests"]]
    assert len(set(names)) == len(names) == 8
    assert all(len(name.encode()) <= 100 for name in names)
    assert all(name.startswith("…") and ".json: layers." in name for name in names)


@pytest.mark.parametrize("format_name", EXPORTERS)
def test_nothing_handed_in_is_written_and_passes_nowhere(format_name):
    text = EXPORTERS[format_name].render([], ExportOptions())
    assert '"passed"' not in text.replace('"passed": 0', "")
    assert '"score": 1' not in text
