"""The columns of a platform's row, and what a bundle is made for."""

from collections.abc import Mapping
from dataclasses import dataclass

from verifier.assignment import Assignment
from verifier.bundles.result import Result


@dataclass(frozen=True, slots=True)
class Order:
    """What an instructor asks for. image: the container's name. uuid: the question's, derived if empty."""

    assignment: Assignment
    image: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """What the project knows of one platform.

    submission, results: its folders. result_files: what it reads there. seconds: after which judging is
        stopped, less than the platform's own limit.
    templates: a file of the bundle: the template of it; executables among them.
    program, question, problem: where GradJury, the assignment, and what students get stand in the bundle.
    deep: whether the submission may lie in a folder of the submission's. names: what its file is called,
        before the ending; any name if empty.
    gate: whether the exit status is that of `gradjury check`, not 0. tells: whether what is printed is for
        instructors alone, so that it may say why something could not be graded.
    archive: the zip to upload. left_out: what is not for it. options: those of the command that it takes.
    """

    name: str
    submission: str
    results: str
    result_files: tuple[Result, ...]
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
