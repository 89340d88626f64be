"""Judge one file. The result is a report or an error; no content of a file raises an exception."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from verifier.documents.files import MATLAB_SUFFIX, SUFFIXES, parse_bytes
from verifier.documents.gradients import parse_gradients, read_uploaded_gradients
from verifier.documents.json import DEFAULT_BOUNDS, Bounds
from verifier.documents.names import NAMES
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.judging.cache import ProblemCache
from verifier.pipeline.layers import verify
from verifier.problem.errors import DocumentError, MalformedSubmission, replace_surrogates
from verifier.problem.submission import Tolerance
from verifier.report.outcome import FileOutcome
from verifier.report.wording import sanitize_line


def print_error(line: str) -> None:
    """Write one sanitised line to standard error."""
    print(sanitize_line(replace_surrogates(line)), file=sys.stderr)  # noqa: T201


def print_document_errors(errors: Iterable[DocumentError], source: str = "") -> None:
    """Write one line per mistake, prefixed with the name of the file if there is one."""
    for document_error in errors:
        print_error(f"{source}: {document_error.sentence}" if source else document_error.sentence)


STANDARD_INPUT = "-"
_WILDCARDS = frozenset("*?[")
_SUFFIXES = (*SUFFIXES, MATLAB_SUFFIX)
_FILES_NAMED = 3
_SAME_FILE = 0.85  # similarity of a misspelt name
_MAC_ARCHIVE, _MAC_METADATA = "__MACOSX", "._"  # what macOS adds to archives
# This module uses os.path, because pathlib raises for unsearchable folders and overlong names.


def expand_paths(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the files that the arguments name, sorted per argument.

    A folder stands for its submissions at any depth, a glob for the files that it matches (`**` matches at
    any depth). An argument without files is yielded unchanged, so that reading it fails with an error. The
    same holds for an unreadable subfolder.
    """
    for argument in arguments:
        yield from _files_of(argument) or [argument]


def read_source(source: str) -> bytes:
    """Return the bytes of a file or of standard input. Raises: MalformedSubmission if it is unreadable."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise MalformedSubmission([unreadable_file_error(error)]) from None


def unreadable_file_error(error: OSError) -> DocumentError:
    """Return the mistake that describes an unreadable file."""
    if isinstance(error, IsADirectoryError):
        return DocumentError("(file)", f"a file that ends in {', '.join(_SUFFIXES)}", _describe_folder(error))
    remedy = _similar_file(error.filename) if isinstance(error, FileNotFoundError) else ""
    return DocumentError("(file)", "a file that can be read", error.strerror or type(error).__name__, remedy)


def _similar_file(name: Any) -> str:
    """Return a remedy: the most similar file of the folder; empty if there is none."""
    folder, file = os.path.split(os.fsdecode(name))
    try:
        names = [entry for entry in os.listdir(folder or ".") if Path(entry).suffix in _SUFFIXES]  # noqa: PTH208
    except OSError:
        return ""
    similar = get_close_matches(file, names, n=1, cutoff=_SAME_FILE)
    return f"did you mean {replace_surrogates(similar[0])!r}?" if similar else ""


def _describe_folder(error: OSError) -> str:
    folder = os.fsdecode(error.filename)
    names = sorted(name for _, _, files in os.walk(folder) for name in files)
    if not names:
        return "an empty folder"
    rest = f" and {len(names) - _FILES_NAMED} more" if len(names) > _FILES_NAMED else ""
    return f"a folder with {', '.join(map(replace_surrogates, names[:_FILES_NAMED]))}{rest}"


def common_folder(arguments: Iterable[str], sources: Iterable[str]) -> str:
    """Return the folder that contains all sources, from which their titles are counted."""
    folders = [argument for argument in arguments if os.path.isdir(argument)]  # noqa: PTH112
    folders += [os.path.dirname(source) for source in sources if source != STANDARD_INPUT]  # noqa: PTH120
    return os.path.commonpath([os.path.abspath(folder) for folder in folders]) if folders else ""  # noqa: PTH100


def title_of(source: str, folder: str) -> str:
    """Return the path of a source below a folder."""
    name = replace_surrogates(source)
    if source == STANDARD_INPUT or not folder:
        return name
    return os.path.relpath(name, replace_surrogates(folder))


def folders_without_files(arguments: Iterable[str], sources: Iterable[str]) -> Iterator[str]:
    """Yield the folders of students who submitted no file, where each student has a folder."""
    sources = list(sources)
    for argument in arguments:
        if not os.path.isdir(argument):  # noqa: PTH112
            continue
        inside = {Path(os.path.relpath(source, argument)).parts for source in sources}
        if any(len(parts) == 1 for parts in inside):
            continue
        students = {parts[0] for parts in inside if parts}
        _, names, _ = next(os.walk(argument), ("", [], []))  # reading it has told of errors already
        for name in sorted(names):
            if name not in students and name != _MAC_ARCHIVE and not name.startswith("."):
                yield str(Path(argument, name))


def _files_of(argument: str) -> list[str]:
    if argument == STANDARD_INPUT:
        return []
    if os.path.isdir(argument):  # noqa: PTH112
        return sorted(_submissions_in(argument))
    if _WILDCARDS & set(argument) and not os.path.exists(argument):  # noqa: PTH110
        names = glob.glob(argument, recursive=True)  # noqa: PTH207
        return sorted(name for name in names if os.path.isfile(name) and not _is_cyclic(Path(name)))  # noqa: PTH113
    return []


def _submissions_in(folder: str) -> Iterator[str]:
    errors: list[OSError] = []
    for directory, below, names in os.walk(folder, onerror=errors.append):
        below[:] = [name for name in below if name != _MAC_ARCHIVE]
        for name in names:
            path = Path(directory, name)
            if name.startswith(_MAC_METADATA):
                continue
            if path.suffix in _SUFFIXES and (os.path.isfile(path) or not os.access(directory, os.X_OK)):  # noqa: PTH113
                yield str(path)
    yield from (str(Path(error.filename)) for error in errors)


def _is_cyclic(path: Path) -> bool:
    """True if a folder of the path is a link to one of its own ancestors."""
    for folder in path.parents:
        if os.path.islink(folder):  # noqa: PTH114
            location = Path(os.path.realpath(folder.parent))
            target = Path(os.path.realpath(folder))
            if location.is_relative_to(target):
                return True
    return False


_CACHE = ProblemCache()  # one cache per process, since the files of a class answer the same problem


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Options of checking a file.

    tolerance: replaces the tolerance of the document.
    oracles, entries: as in `verify`.
    problem: document of the problem that the files answer; None if each file contains its own problem.
    bounds: limits on the size of a document.
    names: the known names by the names in the files.
    folder: the folder from which titles are counted; empty for names of files alone.
    """

    tolerance: Tolerance | None = None
    oracles: Sequence[str] | None = None
    entries: str = "worst"
    problem: Mapping[str, Any] | None = None
    bounds: Bounds = DEFAULT_BOUNDS
    names: Mapping[str, str] | None = None
    folder: str = ""


def check_file(source: str, manner: CheckOptions, content: bytes | None = None) -> FileOutcome:
    """Return the result of checking a file; the source `-` is standard input.

    content: bytes to check instead of the content of the file.
    With GRADJURY_DEBUG set, unexpected errors are raised.
    """
    name = replace_surrogates(source)
    try:
        submission = _read(read_source(source) if content is None else content, manner)
        if submission.name is None and source != STANDARD_INPUT:
            title = title_of(source, manner.folder) if manner.folder else Path(name).name
            submission = replace(submission, name=title)
        if manner.tolerance is not None:
            submission = replace(submission, tolerance=manner.tolerance)
        report = verify(submission, oracles=manner.oracles, entries=manner.entries, cache=_CACHE)
        return FileOutcome(name, report)
    except MalformedSubmission as error:
        return FileOutcome(name, None, error.errors)
    except Exception as error:
        if os.environ.get("GRADJURY_DEBUG"):
            raise
        remedy = "set GRADJURY_DEBUG=1 to see where, and please report it"
        return FileOutcome(name, None, broken=f"internal error, {type(error).__name__}: {error}; {remedy}")


def _read(content: bytes, manner: CheckOptions) -> AnySubmission:
    if manner.problem is None:
        document = parse_bytes(content, manner.bounds)
    else:
        document = parse_gradients(content, manner.bounds)
    if manner.names is not None and isinstance(document, dict):
        document[NAMES] = {**manner.names, **document.get(NAMES, {})}
    if manner.problem is None:
        return read_any_submission(document)
    return read_uploaded_gradients(manner.problem, document)
