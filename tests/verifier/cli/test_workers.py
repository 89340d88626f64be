"""Several processes judge as one does, in order; one that dies is told by its file, and all others go on."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.pairwise import each
from tests.verifier.cli.deaths import die_if_deadly, die_once
from verifier.cli.check import choose_worker_count
from verifier.cli.files import CheckOptions, check_file
from verifier.cli.workers import check_files_in_workers
from verifier.documents.files import write_document
from verifier.engine.threads import available_cores
from verifier.examples.layers import example_document
from verifier.report.verdict import ExitStatus

MANNER = CheckOptions(oracles=("backpropagation", "finite_differences"))
UNUSED: Any = None  # a manner would import in every worker what judges


def test_reports_come_in_the_files_order_and_are_those_of_one_process(tmp_path: Path) -> None:
    sources = []
    for index, example in enumerate(("wrong-layer", "pytorch", "relu-cross-entropy", "columns")):
        path = tmp_path / f"{index}.json"
        path.write_bytes(write_document(example_document(example), "json"))
        sources.append(str(path))
    sources.append(str(tmp_path / "absent.json"))
    outcomes = list(check_files_in_workers(sources, MANNER, 2))
    alone = [check_file(source, MANNER) for source in sources]
    assert [outcome.source for outcome in outcomes] == sources
    assert [outcome.errors for outcome in outcomes] == [outcome.errors for outcome in alone]
    for actual, expected in zip(outcomes[:4], alone, strict=False):
        assert actual.report is not None
        assert expected.report is not None
        assert actual.report.to_dict() | {"seconds": 0} == expected.report.to_dict() | {"seconds": 0}


@pytest.mark.parametrize(
    "sources",
    [
        ["deadly", "a", "b"],
        ["a", "deadly", "b", "deadly too"],
        pytest.param(["a", "deadly"], marks=pytest.mark.nightly),
    ],
)
def test_a_process_that_dies_is_told_by_its_file_and_all_others_are_judged(sources: list[str]) -> None:
    outcomes = list(check_files_in_workers(sources, UNUSED, 2, die_if_deadly))
    assert [outcome.source for outcome in outcomes] == sources
    for outcome in outcomes:
        assert (outcome.status is ExitStatus.INTERNAL) == ("deadly" in outcome.source)
        assert ("died" in outcome.broken) == ("deadly" in outcome.source)


def test_a_file_whose_process_died_of_something_else_is_judged_after_all(tmp_path: Path) -> None:
    sources = [str(tmp_path / name) for name in ("a", "passing", "b")]
    outcomes = list(check_files_in_workers(sources, UNUSED, 2, die_once))
    assert [outcome.source for outcome in outcomes] == sources
    assert not any(outcome.broken for outcome in outcomes)


@each(
    [
        ([1000], None, 1),
        ([1000] * 20, None, 1),
        ([5_000_000], None, 1),
        ([5_000_000] * 50, None, available_cores()),
        ([1000] * 5000, None, available_cores()),
        ([1000] * 20, 3, 3),
        ([1000] * 2, 8, 2),
    ],
)
def test_few_and_small_files_are_judged_in_the_process_that_is_there(
    sizes: list[int], jobs: int | None, processes: int
) -> None:
    with TemporaryDirectory() as folder:
        paths = {size: Path(folder, str(size)) for size in set(sizes)}
        for size, path in paths.items():
            path.write_bytes(bytes(size))
        assert choose_worker_count([str(paths[size]) for size in sizes], jobs) == processes


def test_a_worker_can_set_its_threads_before_numpy_reads_them() -> None:
    code = "import sys, verifier.cli.workers; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
