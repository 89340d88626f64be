"""Data classes for platforms, for the files of a bundle and for an instructor's order."""

from collections.abc import Mapping
from dataclasses import dataclass

from verifier.cli.bundles.result import ResultFile
from verifier.report.assignment import Assignment


@dataclass(frozen=True, slots=True)
class BundleOrder:
    """Contents that an instructor chooses for a bundle.

    image: name of the container image.
    uuid: id of the question; derived from the assignment if empty.
    """

    assignment: Assignment
    image: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """Description of a grading platform.

    submission, results: folders of the platform.
    result_files: files that the platform reads in `results`.
    seconds: time limit of judging, below the limit of the platform.
    templates: template of each file of the bundle.
    executables: files of the bundle that are executable.
    program, question, problem: paths of GradJury, the assignment and the students' problem in the bundle.
    deep: True if the submission may be in a subfolder.
    names: possible stems of the submission's file name; any name if empty.
    gate: True if the exit status is that of `gradjury check`; otherwise it is 0.
    tells: True if only instructors can read the output, so that it may contain errors.
    archive: zip archive to upload; empty for none.
    left_out: files that are not part of the archive.
    options: options of `gradjury bundle` for this platform.
    """

    name: str
    submission: str
    results: str
    result_files: tuple[ResultFile, ...]
    seconds: int
    templates: Mapping[str, str]
    executables: tuple[str, ...] = ()
    program: str = "gradjury"
    question: str = "question"
    problem: str = "problem.json"
    deep: bool = False
    names: tuple[str, ...] = ()
    gate: bool = False
    tells: bool = False
    archive: str = ""
    left_out: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
